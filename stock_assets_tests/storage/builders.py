"""Small frames for the tests of storage, and what a table holds."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from stock_assets.storage.engine import read_transaction

MONDAY = dt.date(2022, 10, 3)
NOON = dt.datetime(2022, 10, 3, 12, 0, 0, 123456, tzinfo=dt.UTC)
LATER = NOON + dt.timedelta(hours=1)


def weekdays(count: int, first: dt.date = MONDAY) -> list[dt.date]:
    """The first ``count`` weekdays from ``first`` on."""
    return [day.date() for day in pd.bdate_range(first, periods=count)]


def bars(instrument: str, closes: Sequence[float], first: dt.date = MONDAY, **columns: Any) -> pd.DataFrame:
    """Bars on consecutive weekdays, each of which is its own trading day, closed at 20:00 UTC."""
    sessions = pd.Series(pd.bdate_range(first, periods=len(closes)).astype("datetime64[s]"))
    closed_at = (sessions + pd.Timedelta(hours=20)).astype("datetime64[us]").dt.tz_localize("UTC")
    frame = pd.DataFrame(
        {
            "instrument": instrument,
            "session": sessions,
            "trading_day": sessions,
            "open": np.nan,
            "high": np.nan,
            "low": np.nan,
            "close": np.array(closes, dtype="float64"),
            "volume": np.nan,
            "adj_close": np.nan,
            "dividend": np.nan,
            "split": np.nan,
            "currency": "USD",
            "unit": "price",
            "source": "sample",
            "closed_at": closed_at,
            "available_at": closed_at,
        }
    )
    return frame.assign(**columns)


def predictions(days: Sequence[dt.date], values: Sequence[float], *, live: bool = False) -> pd.DataFrame:
    """One prediction a day and value, of instruments i0, i1, …; values repeat for each day."""
    return pd.DataFrame(
        [
            {
                "date": day,
                "instrument": f"i{position}",
                "predicted_return": value,
                "as_of_session": day,
                "model_cutoff": dt.date(2022, 10, 1),
                "model_id": f"stage1-i{position}",
                "live": live,
            }
            for day in days
            for position, value in enumerate(values)
        ]
    )


def weights(days: Sequence[dt.date], shares: Sequence[float], profile: str = "stable") -> pd.DataFrame:
    """One portfolio a day, of instruments i0, i1, …"""
    return pd.DataFrame(
        [
            {
                "date": day,
                "profile": profile,
                "instrument": f"i{position}",
                "weight": share,
                "basis": "model",
                "model_cutoff": dt.date(2022, 10, 1),
            }
            for day in days
            for position, share in enumerate(shares)
        ]
    )


def finding(instrument: str, session: dt.date, kind: str = "jump", **columns: object) -> dict[str, object]:
    """One finding on the session's own trading day."""
    return {
        "instrument": instrument,
        "session": session,
        "kind": kind,
        "trading_day": session,
        "severity": "warning",
        "detail": f"{instrument} moved by 31 % on {session}.",
        "value": 0.31,
    } | columns


def rows_of(engine: sa.Engine, table: sa.Table, *, without: Sequence[str] = ()) -> list[tuple[Any, ...]]:
    """All rows of a table in the order of its key, without some of its columns."""
    columns = [column for column in table.columns if column.name not in without]
    with read_transaction(engine) as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(*table.primary_key))]
