"""Small frames for the tests of market data."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd

from stock_assets.calendars import SessionCalendar
from stock_assets.config.instruments import Instrument, ReturnKind
from stock_assets.config.sources import SourceChoice
from stock_assets.market_data.bars import SOURCE_COLUMNS
from stock_assets.market_data.second_opinion import SecondOpinion
from stock_assets.trading_days import TradingDays

FIRST, LAST = date(2021, 1, 4), date(2021, 3, 31)


def weekdays(first: date = FIRST, last: date = LAST, without: Sequence[date] = ()) -> tuple[date, ...]:
    """Monday to Friday from ``first`` to ``last``, but for those ``without``."""
    days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    return tuple(day for day in days if day.weekday() < 5 and day not in without)


def calendar(sessions: Sequence[date] = (), close_hour: int = 16, exchange: str = "XNYS") -> SessionCalendar:
    """A calendar of all weekdays, or of the given sessions, that closes at a full hour UTC."""
    days = tuple(sessions) or weekdays()
    closes = tuple(datetime(day.year, day.month, day.day, close_hour, tzinfo=UTC) for day in days)
    return SessionCalendar(exchange, FIRST, LAST, days, closes, "UTC", ((date.min, close_hour * 60),))


def trading_days() -> TradingDays:
    """All weekdays."""
    return TradingDays(weekdays())


def instrument(
    return_kind: ReturnKind = "price", lag: timedelta = timedelta(0), name: str = "x"
) -> Instrument:
    """An instrument on XNYS in dollars."""
    return Instrument(
        id=name,
        name=name,
        exchange="XNYS",
        currency="USD",
        return_kind=return_kind,
        maturity_years=10 if return_kind == "yield" else None,
        sources=(SourceChoice(source="csv", symbol=name),),
        publication_lag=lag,
    )


def source_rows(
    sessions: Sequence[date], closes: Sequence[float] | np.ndarray, **columns: Sequence[float]
) -> pd.DataFrame:
    """What a source gives."""
    rows = pd.DataFrame(
        {"session": np.array(sessions, dtype="datetime64[s]"), "close": np.array(closes, dtype=np.float64)}
    )
    return rows.assign(**columns).reindex(columns=list(SOURCE_COLUMNS), fill_value=np.nan)


def second_opinion(sessions: Sequence[date], closes: Sequence[float]) -> SecondOpinion:
    """What a source named ``other`` says."""
    return SecondOpinion("other", source_rows(sessions, closes)[["session", "close"]])
