"""Total-return levels of all instruments on the trading-day grid.

Exchanges trade on different days and close at different hours. On the grid, one row a trading day,
each instrument stands at its last level, for valuation only: no bar is invented, a closed market
has a return of zero on its holiday.

Two grids answer two questions. ``level_grid`` says what was known at the decision time of a day, and
feeds every decision. ``realised_grid`` says at which close an instrument stood at that time, whether
or not its source had published it, and is for labels: what a position earned depends on when the
exchange closed, not on when somebody wrote it down.

In a base currency an instrument's level is its own one times that of its exchange rate, each as the grid
has it: the rate of a day is the last one that was known, or made, until then. So the currency moves the
level of a closed market too. A yield counts as the bond behind it, whose value is converted likewise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from stock_assets.market_data.bars import InstrumentHistory

#: Histories of exchange rates by instrument id. What is not in it is in the base currency, or keeps its own.
Rates = Mapping[str, InstrumentHistory]
NO_RATES: Rates = MappingProxyType({})


@dataclass(frozen=True)
class LevelGrid:
    """Levels of all instruments, a row a trading day.

    Attributes
    ----------
    days : ndarray of datetime64[D], shape (n_days,)
        Trading days, strictly increasing.
    instruments : tuple of str
        Ids in the order of the columns.
    levels : ndarray of float64, shape (n_days, n_instruments)
        Total-return level; NaN where there is none yet, or none of its exchange rate.
    """

    days: np.ndarray
    instruments: tuple[str, ...]
    levels: np.ndarray

    def positions(self, days: np.ndarray) -> np.ndarray:
        """Return the rows of ``days``.

        Raises
        ------
        ValueError
            If one of them is no day of the grid.
        """
        wanted = np.asarray(days, dtype="datetime64[D]")
        rows = np.searchsorted(self.days, wanted)
        found = (
            self.days[np.minimum(rows, len(self.days) - 1)] == wanted if len(self.days) else wanted != wanted
        )
        if not found.all():
            raise ValueError(
                f"{wanted[~found][0]} is no day of the grid; ask for a trading day that it holds."
            )
        return rows

    def window(self, row: int, length: int) -> np.ndarray:
        """Return the ``length`` rows that end at ``row``, NaN above the grid's first.

        Returns
        -------
        ndarray of float64, shape (length, n_instruments)
        """
        first = row - length + 1
        if first >= 0:
            return self.levels[first : row + 1]
        missing = np.full((-first, len(self.instruments)), np.nan)
        return np.concatenate([missing, self.levels[: row + 1]])


@dataclass(frozen=True)
class RealisedGrid:
    """Levels at the last closes, for labels.

    Attributes
    ----------
    grid : LevelGrid
        NaN before the first close of an instrument or its exchange rate, and after the last that is known.
    known_on : ndarray of datetime64[D], shape (n_days,)
        Trading day by which every level of the row is known; no day before the row's own.
    """

    grid: LevelGrid
    known_on: np.ndarray


def level_grid(
    histories: Sequence[InstrumentHistory], days: np.ndarray, rates: Rates = NO_RATES
) -> LevelGrid:
    """Return the levels that are known at the decision time of each day.

    Parameters
    ----------
    histories : sequence of InstrumentHistory
        One an instrument, in the order of the columns.
    days : array of datetime64[D], shape (n_days,)
        Trading days, strictly increasing.
    rates : mapping of str to InstrumentHistory
        The exchange rate of each instrument that is to be converted.

    Returns
    -------
    LevelGrid
        The last level that belongs to each day or to one before; NaN before the first bar.
    """
    grid = _strictly_increasing(days)
    columns = []
    for history in histories:
        column = _last_level(history.level, history.trading_days, grid)
        rate = rates.get(history.instrument)
        if rate is not None:
            column = column * _last_level(rate.level, rate.trading_days, grid)
        columns.append(column)
    return _grid(grid, histories, columns)


def realised_grid(
    histories: Sequence[InstrumentHistory], days: np.ndarray, rates: Rates = NO_RATES
) -> RealisedGrid:
    """Return the levels of the last closes before the decision time of each day.

    Only bars that belong to the last of ``days`` or before are read: later data changes nothing.

    Parameters
    ----------
    histories : sequence of InstrumentHistory
        One an instrument, in the order of the columns.
    days : array of datetime64[D], shape (n_days,)
        Trading days, strictly increasing.
    rates : mapping of str to InstrumentHistory
        The exchange rate of each instrument that is to be converted.
    """
    grid = _strictly_increasing(days)
    columns = []
    known_on = grid.copy()
    for history in histories:
        column, published = _realised(history, grid)
        known_on = np.fmax(known_on, published)
        rate = rates.get(history.instrument)
        if rate is not None:
            rate_column, published = _realised(rate, grid)
            column = column * rate_column
            known_on = np.fmax(known_on, published)
        columns.append(column)
    return RealisedGrid(_grid(grid, histories, columns), known_on)


def _realised(history: InstrumentHistory, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the level at the last close of each day, and on which day it is known; NaN and NaT before."""
    known = history.until(days[-1]) if len(days) else history
    column = _last_level(known.level, known.closing_days, days)
    if len(known):
        # A close may follow that is not published yet: a level carried there would make up a return.
        column[days > known.closing_days[-1]] = np.nan
    return column, _last_value(known.trading_days, known.closing_days, days, np.datetime64("NaT"))


def _last_level(level: np.ndarray, level_days: np.ndarray, days: np.ndarray) -> np.ndarray:
    return _last_value(level, level_days, days, np.float64(np.nan))


def _last_value(
    values: np.ndarray, value_days: np.ndarray, days: np.ndarray, absent: np.float64 | np.datetime64
) -> np.ndarray:
    """Return for each day the last value of that day or before, shape (n_days,)."""
    count = np.searchsorted(value_days, days, side="right")
    column = np.full(len(days), absent, dtype=values.dtype)
    column[count > 0] = values[count[count > 0] - 1]
    return column


def _grid(days: np.ndarray, histories: Sequence[InstrumentHistory], columns: list[np.ndarray]) -> LevelGrid:
    levels = np.column_stack(columns) if columns else np.empty((len(days), 0))
    return LevelGrid(days, tuple(history.instrument for history in histories), levels)


def _strictly_increasing(days: np.ndarray) -> np.ndarray:
    grid = np.asarray(days, dtype="datetime64[D]")
    if np.any(np.diff(grid) <= np.timedelta64(0, "D")):
        at = int(np.flatnonzero(np.diff(grid) <= np.timedelta64(0, "D"))[0])
        raise ValueError(
            f"days holds {grid[at + 1]} after {grid[at]}; give trading days in rising order, each once."
        )
    return grid
