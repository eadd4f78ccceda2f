"""What a bar is, and the history of one instrument as arrays."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

#: What a source gives of a bar; only ``session`` and ``close`` are always there, the rest may be NaN.
SOURCE_COLUMNS = ("session", "open", "high", "low", "close", "volume", "adj_close", "dividend", "split")

#: A bar as it is stored, without the columns that storing adds (revision, known_at, run_id).
#: ``session`` and ``trading_day`` are ``datetime64[s]`` at midnight, ``closed_at`` and ``available_at``
#: are ``datetime64[us, UTC]``; prices are in ``currency`` and ``unit`` ("price" or "percent").
BAR_COLUMNS = (
    "instrument",
    "session",
    "trading_day",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "adj_close",
    "dividend",
    "split",
    "currency",
    "unit",
    "source",
    "closed_at",
    "available_at",
)


@dataclass(frozen=True)
class InstrumentHistory:
    """The bars of one instrument in the order of its sessions.

    Attributes
    ----------
    instrument : str
        Id of the instrument.
    sessions : ndarray of datetime64[D], shape (n_sessions,)
        Exchange-local dates, strictly increasing.
    trading_days : ndarray of datetime64[D], shape (n_sessions,)
        The trading day that each bar belongs to, never decreasing: D may use a bar only if its
        trading day is D or before.
    closing_days : ndarray of datetime64[D], shape (n_sessions,)
        The first trading day whose decision time is not before the session's close. A return that
        starts at a close with a closing day after D starts after the decision time of D.
    level : ndarray of float64, shape (n_sessions,)
        Total-return level, 1 at the first session: ``level[j] / level[i] - 1`` is the decimal total
        return from session i to session j.
    open, high, low, close, volume : ndarray of float64, shape (n_sessions,)
        As stored; NaN where the source has none.
    """

    instrument: str
    sessions: np.ndarray
    trading_days: np.ndarray
    closing_days: np.ndarray
    level: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    def __len__(self) -> int:
        return len(self.sessions)

    def until(self, day: date | np.datetime64) -> "InstrumentHistory":
        """Return the part that belongs to ``day`` or before."""
        stop = int(np.searchsorted(self.trading_days, np.asarray(day, dtype="datetime64[D]"), side="right"))
        arrays = (
            "sessions",
            "trading_days",
            "closing_days",
            "level",
            "open",
            "high",
            "low",
            "close",
            "volume",
        )
        return InstrumentHistory(self.instrument, **{name: getattr(self, name)[:stop] for name in arrays})


def empty_bars() -> pd.DataFrame:
    """Return a frame of bars with all columns and no row."""
    return pd.DataFrame({column: pd.Series(dtype="object") for column in BAR_COLUMNS})


def dates_of(column: pd.Series) -> np.ndarray:
    """Return a column of dates, as ``session`` and ``trading_day`` are, as an array of datetime64[D]."""
    return pd.to_datetime(column).to_numpy().astype("datetime64[D]")
