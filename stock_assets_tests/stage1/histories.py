"""Histories made for tests."""

import numpy as np

from stock_assets.market_data.bars import InstrumentHistory


def days(first: str, count: int) -> np.ndarray:
    """Weekdays, the first of them ``first``; datetime64[D], shape (count,)."""
    return np.busday_offset(np.datetime64(first, "D"), np.arange(count), roll="forward")


def history(
    levels: list[float] | np.ndarray,
    sessions: np.ndarray | None = None,
    instrument: str = "test",
    *,
    trading_days: np.ndarray | None = None,
    closing_days: np.ndarray | None = None,
    **columns: np.ndarray,
) -> InstrumentHistory:
    """A history of closes, which belong to the day of their session unless said otherwise."""
    level = np.asarray(levels, dtype=np.float64)
    sessions = days("2015-01-01", len(level)) if sessions is None else sessions
    nothing = np.full(len(level), np.nan)
    return InstrumentHistory(
        instrument=instrument,
        sessions=sessions,
        trading_days=sessions if trading_days is None else trading_days,
        closing_days=sessions if closing_days is None else closing_days,
        level=level,
        open=columns.get("open", nothing),
        high=columns.get("high", nothing),
        low=columns.get("low", nothing),
        close=columns.get("close", level),
        volume=columns.get("volume", nothing),
    )


def random_history(count: int, seed: int = 0, instrument: str = "test", *, lag: int = 0) -> InstrumentHistory:
    """A random walk with whole bars, weekend sessions, holidays, a split and dividends.

    ``lag`` is the number of trading days after the closing day on which a bar becomes known.
    """
    rng = np.random.default_rng(seed)
    calendar = np.datetime64("2015-01-01", "D") + np.arange(2 * count + 30)
    weekend = ~np.is_busday(calendar)
    is_session = np.where(weekend, rng.random(len(calendar)) < 0.02, rng.random(len(calendar)) < 0.97)
    sessions = calendar[is_session][:count]
    closing_days = np.busday_offset(sessions, 0, roll="forward")
    level = np.exp(np.cumsum(rng.normal(0.0003, 0.012, count)))
    level /= level[0]
    adjustment = np.where(np.arange(count) < count // 2, 120.0, 30.0) * np.exp(-0.00005 * np.arange(count))
    close = level * adjustment  # a 4:1 split in the middle, and dividends throughout
    spread = np.abs(rng.normal(0, 0.006, (2, count)))
    return history(
        level,
        sessions,
        instrument,
        trading_days=np.busday_offset(closing_days, lag),
        closing_days=closing_days,
        open=close * np.exp(spread[0] - spread[1]),
        high=close * np.exp(spread[0] + 0.001),
        low=close * np.exp(-spread[1] - 0.001),
        close=close,
        volume=rng.integers(1, 1000, count).astype(np.float64),
    )
