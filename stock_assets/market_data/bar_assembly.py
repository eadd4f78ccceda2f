"""From the rows of a source to bars: when each of them closed, fell due, and which day it belongs to."""

from collections.abc import Iterable
from datetime import date

import numpy as np
import pandas as pd

from stock_assets.calendars import SessionCalendar
from stock_assets.config.instruments import Instrument
from stock_assets.market_data.bars import BAR_COLUMNS, SOURCE_COLUMNS
from stock_assets.trading_days import TradingDays, decision_time, due_at

#: Columns of the bars that a calendar lets expect.
EXPECTED_COLUMNS = ("session", "trading_day", "closed_at", "available_at")


def expected_bars(
    instrument: Instrument, calendar: SessionCalendar, trading_days: TradingDays
) -> pd.DataFrame:
    """Return which bars the calendar lets expect, and which trading day each belongs to.

    Parameters
    ----------
    instrument : Instrument
        Whose bars.
    calendar : SessionCalendar
        Of its exchange.
    trading_days : TradingDays
        The universe's; a session that falls due after the last decision time is left out.

    Returns
    -------
    DataFrame, shape (n_sessions, 4)
        Columns ``EXPECTED_COLUMNS`` in the order of sessions, in the dtypes of ``BAR_COLUMNS``.
    """
    end = decision_time(trading_days.last)
    sessions = [
        session
        for session, close in zip(calendar.sessions, calendar.closes, strict=True)
        if due_at(close, instrument.publication_lag) <= end
    ]
    return _times(instrument, sessions, calendar, trading_days)


def assemble_bars(
    instrument: Instrument,
    source: str,
    rows: pd.DataFrame,
    calendar: SessionCalendar,
    trading_days: TradingDays,
) -> pd.DataFrame:
    """Return the rows of a source as bars, in the order of sessions; what is wrong with them stays.

    Parameters
    ----------
    instrument : Instrument
        Whose bars.
    source : str
        Name of the source that gave the rows.
    rows : DataFrame
        Columns ``SOURCE_COLUMNS``, as ``PriceSource.fetch`` returns them.
    calendar : SessionCalendar
        Of the instrument's exchange. A row of a day that is no session closes at the usual time.
    trading_days : TradingDays
        The universe's.

    Returns
    -------
    DataFrame, shape (n_rows, 16)
        Columns ``BAR_COLUMNS``.

    Raises
    ------
    CalendarError
        If a row lies outside the calendar, or falls due after the last decision time.
    """
    ordered = rows.sort_values("session", kind="stable", ignore_index=True)
    times = _times(instrument, [stamp.date() for stamp in ordered["session"]], calendar, trading_days)
    values = ordered[[name for name in SOURCE_COLUMNS if name != "session"]].astype("float64")
    labels = {
        "instrument": instrument.id,
        "currency": instrument.currency,
        "unit": "percent" if instrument.return_kind == "yield" else "price",
        "source": source,
    }
    return pd.concat([times, values], axis=1).assign(**labels)[list(BAR_COLUMNS)]


def _times(
    instrument: Instrument, sessions: Iterable[date], calendar: SessionCalendar, trading_days: TradingDays
) -> pd.DataFrame:
    days = list(sessions)
    closes = [calendar.close_of(day) for day in days]
    closed_at = _utc(closes)
    available_at = _utc([due_at(close, instrument.publication_lag) for close in closes])
    belongs_to = trading_days.days_of(available_at.tz_localize(None).to_numpy())
    return pd.DataFrame(
        {
            "session": np.array(days, dtype="datetime64[s]"),
            "trading_day": belongs_to.astype("datetime64[s]"),
            "closed_at": closed_at,
            "available_at": available_at,
        }
    )


def _utc(moments: list) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(moments, utc=True)).as_unit("us")
