"""Windows that the Sharpe net learns from, cut at a training cutoff.

A window of trading day D holds the last ``lookback`` daily total returns of all instruments on the
trading-day grid, as known at the decision time of D.

Its label is what the instruments return afterwards. The first close that anybody can trade at after the
decision time of D is that of the next grid day, D+1: a close of D may itself lie before news that is known
at the decision time (Seoul's before New York's session). So the first return of the label runs from the
close of D+1 to that of D+2, and there are ``horizon`` of them. Labels are taken at the closes themselves
(``realised_grid``), since a source that publishes a day late does not make an exchange close a day later.

Validation takes the last labelled days; training windows whose label falls due in them are purged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from stock_assets.config.portfolios import SharpeNetConfig
from stock_assets.errors import InsufficientHistory
from stock_assets.learning.scaling import Scaler
from stock_assets.learning.splits import split
from stock_assets.market_data.bars import InstrumentHistory
from stock_assets.portfolio.levels import NO_RATES, LevelGrid, Rates, level_grid, realised_grid

#: Grid days from the decision to the close at which a position can first be entered.
ENTRY_DELAY = 1


@dataclass(frozen=True, eq=False)
class SharpeWindows:
    """Samples of the Sharpe net.

    Attributes
    ----------
    days : ndarray of datetime64[D], shape (n_windows,)
        Trading day of the decision, increasing.
    due_days : ndarray of datetime64[D], shape (n_windows,)
        Trading day on which the whole label is known.
    inputs : ndarray of float32, shape (n_windows, lookback, n_instruments)
        Standardised daily returns, the decision's day last.
    past_returns : ndarray of float64, shape (n_windows, lookback, n_instruments)
        The same as decimal returns.
    next_returns : ndarray of float64, shape (n_windows, horizon, n_instruments)
        Labels: decimal daily total returns from the close after the decision on.
    """

    days: np.ndarray
    due_days: np.ndarray
    inputs: np.ndarray
    past_returns: np.ndarray
    next_returns: np.ndarray

    def __len__(self) -> int:
        return len(self.days)


@dataclass(frozen=True, eq=False)
class SharpeTrainingSet:
    """What one Sharpe net is trained and validated on.

    Attributes
    ----------
    train, validation : SharpeWindows
        No label of ``train`` is known later than the day before ``validation`` begins.
    scaler : Scaler
        Fitted on the daily returns inside the training windows.
    """

    train: SharpeWindows
    validation: SharpeWindows
    scaler: Scaler


def past_returns(grid: LevelGrid, rows: np.ndarray, lookback: int) -> np.ndarray:
    """Return the daily returns of the windows that end at the given rows of a grid.

    Returns
    -------
    ndarray of float64, shape (n_rows, lookback, n_instruments)
        Decimal; NaN where a level is missing.
    """
    windows = [grid.window(int(row), lookback + 1) for row in rows]
    levels = np.reshape(windows, (len(rows), lookback + 1, len(grid.instruments)))
    return levels[:, 1:] / levels[:, :-1] - 1


def training_windows(
    histories: Sequence[InstrumentHistory],
    days: np.ndarray,
    config: SharpeNetConfig,
    cutoff: date,
    rates: Rates = NO_RATES,
) -> SharpeTrainingSet:
    """Return everything that a model of a cutoff may learn from.

    Parameters
    ----------
    histories : sequence of InstrumentHistory
        May go on after the cutoff; nothing that belongs to the cutoff or a later day is read.
    days : array of datetime64[D]
        Trading days, strictly increasing.
    config : SharpeNetConfig
        Lookback, horizon, stride and validation share.
    cutoff : date
        Labels that are known on the cutoff or later are left out.
    rates : mapping of str to InstrumentHistory
        The exchange rate of each instrument whose returns are to be converted, read as the histories are.

    Raises
    ------
    InsufficientHistory
        If fewer than two training windows or no validation window are left.
    """
    past_days = np.asarray(days, dtype="datetime64[D]")
    past_days = past_days[past_days < np.datetime64(cutoff, "D")]
    known, realised = level_grid(histories, past_days, rates), realised_grid(histories, past_days, rates)
    decisions = np.arange(max(len(past_days) - ENTRY_DELAY - config.horizon, 0))
    past = past_returns(known, decisions, config.lookback)
    ahead = _next_returns(realised.grid, decisions, config.horizon)
    usable = _complete(past) & _complete(ahead)
    due_days = realised.known_on[decisions + ENTRY_DELAY + config.horizon]
    train, validation = split(
        past_days[decisions], due_days, usable, config.training.validation_fraction, config.window_stride
    )
    if len(train) < 2 or len(validation) == 0:
        raise InsufficientHistory(
            f"The {len(past_days)} trading days before the cutoff {cutoff} make {len(train)} training and "
            f"{len(validation)} validation windows for the Sharpe net; at least 2 and 1 are needed, each of "
            f"{config.lookback} days on which all instruments have a price and {config.horizon + ENTRY_DELAY}"
            " days after it: lengthen the history or shorten lookback and horizon."
        )
    seen = np.unique(train[:, None] - np.arange(config.lookback))
    scaler = Scaler.fit(past_returns(known, seen, 1)[:, 0])

    def windows(chosen: np.ndarray) -> SharpeWindows:
        inputs = scaler.transform(past[chosen]).astype(np.float32)
        return SharpeWindows(past_days[chosen], due_days[chosen], inputs, past[chosen], ahead[chosen])

    return SharpeTrainingSet(windows(train), windows(validation), scaler)


def _complete(windows: np.ndarray) -> np.ndarray:
    """Return for each window whether all of it is finite: bool, shape (n_windows,)."""
    return np.asarray(np.isfinite(windows).all(axis=(1, 2)))


def _next_returns(grid: LevelGrid, decisions: np.ndarray, horizon: int) -> np.ndarray:
    """Return daily returns from the close after each decision on: (n_decisions, horizon, n_instruments)."""
    rows = decisions[:, None] + ENTRY_DELAY + np.arange(horizon + 1)
    levels = grid.levels[rows]  # (n_decisions, horizon + 1, n_instruments)
    return levels[:, 1:] / levels[:, :-1] - 1
