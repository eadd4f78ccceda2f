"""Labelled windows of one instrument, cut at a training cutoff.

A sample of trading day D is the last ``lookback`` rows of features that belong to D or before, and
the total return over ``horizon`` sessions from the first close after the decision time of D. A
close that was already known at the decision time, as that of an Asian market when New York's is
news, can thus never be "predicted".

Validation takes the last labelled days; training samples whose label falls due in them are purged.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from stock_assets.config.stage1 import InstrumentStage1Config
from stock_assets.errors import InsufficientHistory
from stock_assets.learning.scaling import Scaler
from stock_assets.learning.splits import split
from stock_assets.market_data.bars import InstrumentHistory
from stock_assets.stage1.features import FeatureTable

#: Fewer training windows than this cannot give a target's mean and standard deviation.
MIN_TRAINING_WINDOWS = 2


@dataclass(frozen=True, eq=False)
class Labels:
    """Realised returns after the trading days on which an instrument has a bar.

    Attributes
    ----------
    days : ndarray of datetime64[D], shape (n_days,)
        Trading days, strictly increasing.
    rows : ndarray of int64, shape (n_days,)
        Index of the last session that belongs to the day: the last row of its window.
    returns : ndarray of float64, shape (n_days,)
        Decimal total return over ``horizon`` sessions; NaN if it is not realised yet.
    due_days : ndarray of datetime64[D], shape (n_days,)
        Trading day that the bar at its end belongs to; NaT if it is not realised yet.
    """

    days: np.ndarray
    rows: np.ndarray
    returns: np.ndarray
    due_days: np.ndarray


@dataclass(frozen=True, eq=False)
class Windows:
    """Samples of the network.

    Attributes
    ----------
    days, due_days : ndarray of datetime64[D], shape (n_windows,)
        Trading day of the decision, and the one on which its label is known.
    rows : ndarray of int64, shape (n_windows,)
        Index of the last session in each window.
    inputs : ndarray of float32, shape (n_windows, lookback, n_features)
        Standardised features.
    returns : ndarray of float64, shape (n_windows,)
        Labels: decimal total return over the horizon.
    """

    days: np.ndarray
    due_days: np.ndarray
    rows: np.ndarray
    inputs: np.ndarray
    returns: np.ndarray

    def __len__(self) -> int:
        return len(self.days)


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """What one network is trained and validated on.

    Attributes
    ----------
    train, validation : Windows
        No label of ``train`` is known later than the day before ``validation`` begins.
    scaler : Scaler
        Fitted on the rows of the training windows.
    target_mean, target_std : float
        Of the training labels: decimal return over the horizon.
    """

    train: Windows
    validation: Windows
    scaler: Scaler
    target_mean: float
    target_std: float


def labels_of(history: InstrumentHistory, horizon: int) -> Labels:
    """Return the label of every trading day on which the instrument has a bar.

    Parameters
    ----------
    history : InstrumentHistory
    horizon : int
        Sessions of the instrument.
    """
    last_of_day = np.append(history.trading_days[1:] != history.trading_days[:-1], True)
    rows = np.flatnonzero(last_of_day[: len(history)])
    days = history.trading_days[rows]
    entries = np.searchsorted(history.closing_days, days, side="right")
    ends = entries + horizon
    realised = ends < len(history)
    returns = np.full(len(days), np.nan)
    due_days = np.full(len(days), np.datetime64("NaT"), dtype="datetime64[D]")
    returns[realised] = history.level[ends[realised]] / history.level[entries[realised]] - 1
    due_days[realised] = history.trading_days[ends[realised]]
    return Labels(days, rows, returns, due_days)


def window_inputs(table: FeatureTable, rows: np.ndarray, lookback: int, scaler: Scaler) -> np.ndarray:
    """Return the standardised windows that end at the given rows.

    Parameters
    ----------
    table : FeatureTable
    rows : ndarray of int64, shape (n_windows,)
        Each at least ``lookback - 1``.

    Returns
    -------
    ndarray of float32, shape (n_windows, lookback, n_features)
    """
    return scaler.transform(table.values[_window_rows(rows, lookback)]).astype(np.float32)


def has_window(table: FeatureTable, rows: np.ndarray, lookback: int) -> np.ndarray:
    """Return for each row whether ``lookback`` rows without NaN end there; bool, shape (n_rows,)."""
    incomplete = np.append(0, np.cumsum(np.isnan(table.values).any(axis=1)))
    enough = rows >= lookback - 1
    first = np.where(enough, rows - lookback + 1, 0)
    return enough & (incomplete[rows + 1] == incomplete[first])


def training_windows(
    table: FeatureTable,
    history: InstrumentHistory,
    config: InstrumentStage1Config,
    cutoff: date,
) -> TrainingSet:
    """Return everything that a model of a cutoff may learn from.

    Parameters
    ----------
    table : FeatureTable
        Of ``history``.
    history : InstrumentHistory
        May go on after the cutoff; nothing from the cutoff on is used.
    config : InstrumentStage1Config
    cutoff : date
        Labels that are known on the cutoff or later are left out.

    Raises
    ------
    InsufficientHistory
        If fewer than two training windows or no validation window are left.
    """
    limit = np.datetime64(cutoff, "D")
    labels = labels_of(history, config.horizon)
    usable = has_window(table, labels.rows, config.lookback) & (labels.due_days < limit)
    train, validation = split(
        labels.days, labels.due_days, usable, config.training.validation_fraction, config.window_stride
    )
    if len(train) < MIN_TRAINING_WINDOWS or len(validation) == 0:
        sessions = int((history.trading_days < limit).sum())
        raise InsufficientHistory(
            f"{history.instrument!r} has {sessions} sessions before the cutoff {limit}, which make "
            f"{len(train)} training and {len(validation)} validation windows; at least "
            f"{MIN_TRAINING_WINDOWS} and 1 are needed, each of {config.lookback} sessions with all features "
            f"and {config.horizon} sessions after it, and training labels known before validation begins: "
            "lengthen the history or shorten lookback and horizon."
        )
    seen = np.unique(_window_rows(labels.rows[train], config.lookback))
    scaler = Scaler.fit(table.values[seen])
    returns = labels.returns[train]
    return TrainingSet(
        train=_windows(table, labels, train, config.lookback, scaler),
        validation=_windows(table, labels, validation, config.lookback, scaler),
        scaler=scaler,
        target_mean=float(returns.mean()),
        target_std=float(returns.std()) if returns.max() > returns.min() else 1.0,
    )


def _window_rows(rows: np.ndarray, lookback: int) -> np.ndarray:
    """Return the rows of each window, oldest first; shape (n_windows, lookback)."""
    return rows[:, None] + np.arange(1 - lookback, 1)


def _windows(
    table: FeatureTable, labels: Labels, chosen: np.ndarray, lookback: int, scaler: Scaler
) -> Windows:
    return Windows(
        days=labels.days[chosen],
        due_days=labels.due_days[chosen],
        rows=labels.rows[chosen],
        inputs=window_inputs(table, labels.rows[chosen], lookback, scaler),
        returns=labels.returns[chosen],
    )
