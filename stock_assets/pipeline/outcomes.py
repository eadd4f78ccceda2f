"""What became of a daily asset on a trading day, and why it has no rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import pandas as pd
import sqlalchemy as sa

from stock_assets.pipeline.frames import rows_of
from stock_assets.storage.days import read_days

Status = Literal["published", "no_model", "waiting", "closed", "refused"]


@dataclass(frozen=True)
class Outcome:
    """One asset on one trading day.

    Attributes
    ----------
    day : date
    asset : str
        Asset key, its parts joined by ``/``.
    status : str
        ``published``, or why there is nothing: ``no_model`` (no cutoff on or before the day was
        trained), ``waiting`` (its prices are not all there), ``closed`` (no market was open after all)
        or ``refused`` (it would have been wrong).
    reason : str or None
        A sentence; of a published one, what is particular about it.
    rows : int
        Rows that the asset has for the day.
    """

    day: date
    asset: str
    status: Status
    reason: str | None = None
    rows: int = 0

    def of(self, asset: str) -> "Outcome":
        """Return the same outcome for another asset."""
        return replace(self, asset=asset)


def day_problems(connection: sa.Connection, days: Sequence[date]) -> dict[date, Outcome]:
    """Return the outcome that prices alone decide, for the days on which they do.

    Days whose prices are complete or partial are not in it.
    """
    states = {row["date"].date(): row for row in rows_of(read_days(connection, min(days), max(days)))}
    problems: dict[date, Outcome] = {}
    for day in days:
        row = states.get(day)
        if row is None:
            problems[day] = Outcome(day, "", "waiting", f"close_prices of {day} are not there yet.")
        elif row["state"] in ("waiting", "closed"):
            reason = row["reason"] if isinstance(row["reason"], str) else None
            problems[day] = Outcome(day, "", row["state"], reason)
    return problems


def outcome_frame(outcomes: Iterable[Outcome], settings: str) -> pd.DataFrame:
    """Return the outcomes as rows of the table ``outcomes``, made under settings of that name."""
    records = [(pd.Timestamp(item.day), item.asset, item.status, item.reason, item.rows) for item in outcomes]
    frame = pd.DataFrame.from_records(records, columns=["date", "asset", "status", "reason", "rows"])
    frame["settings"] = settings
    return frame.astype({"date": "datetime64[s]", "asset": "str", "status": "str", "rows": "int64"})
