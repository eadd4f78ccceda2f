"""What a portfolio model may read on one day."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import numpy as np

from stock_assets.config.portfolios import PortfoliosConfig
from stock_assets.portfolio.levels import LevelGrid
from stock_assets.portfolio.moments import covariance, expected_returns, prediction_variance


@dataclass(frozen=True)
class PortfolioInputs:
    """Everything that a model turns into the weights of one day.

    Missing values are NaN, and stay so until a model that needs them refuses the day: one instrument
    without a prediction must not stop the other days of a range.

    Attributes
    ----------
    day : date
        The trading day.
    instruments : tuple of str
        Ids in the order of every array.
    safe : ndarray of bool, shape (n_instruments,)
        Whether the instrument counts as safe in a profile's bounds.
    has_history : ndarray of bool, shape (n_instruments,)
        Whether the instrument has a level on every day of the covariance window.
    covariance : ndarray of float64, shape (n_instruments, n_instruments)
        Covariance of decimal total returns per session; NaN if an instrument lacks history.
    risk_free : float
        Decimal risk-free return per session.
    expected_return : ndarray of float64, shape (n_instruments,)
        Predicted decimal return per session; NaN where there is no prediction.
    view_variance : ndarray of float64, shape (n_instruments,)
        Variance of ``expected_return`` as the predicting model's own error has it, per session²;
        NaN where there is no prediction.
    network_weights : ndarray of float64, shape (n_instruments,)
        What the Sharpe net would hold if no bounds applied; NaN where it was not asked.
    """

    day: date
    instruments: tuple[str, ...]
    safe: np.ndarray
    has_history: np.ndarray
    covariance: np.ndarray
    risk_free: float
    expected_return: np.ndarray
    view_variance: np.ndarray
    network_weights: np.ndarray


@dataclass(frozen=True)
class Predictions:
    """Stage1's predictions for some days.

    Attributes
    ----------
    predicted_return : ndarray of float64, shape (n_days, n_instruments)
        Decimal total return over ``horizon`` sessions; NaN where there is none.
    rmse : ndarray of float64, shape (n_days, n_instruments)
        Root mean squared error that the predicting network had on its validation windows, decimal,
        over ``horizon`` sessions.
    horizon : int
        Number of sessions.
    """

    predicted_return: np.ndarray
    rmse: np.ndarray
    horizon: int


def build_inputs(
    grid: LevelGrid,
    days: np.ndarray,
    safe: Collection[str],
    config: PortfoliosConfig,
    *,
    predictions: Predictions | None = None,
    network_weights: np.ndarray | None = None,
) -> tuple[PortfolioInputs, ...]:
    """Prepare the inputs of many days.

    Every day's values come from that day's own windows, of one length, and are the same bytes
    whichever other days are asked for.

    Parameters
    ----------
    grid : LevelGrid
        Levels as known at each day's decision time, from at least ``window + overlap`` days before the
        first of ``days``; with a shorter past, instruments count as without history.
    days : array of datetime64[D], shape (n_days,)
        Days of the grid.
    safe : collection of str
        Ids of the safe instruments.
    config : PortfoliosConfig
        Covariance and risk-free rate.
    predictions : Predictions, optional
        For the models that are built on predictions.
    network_weights : ndarray of float64, shape (n_days, n_instruments), optional
        For the Sharpe net.

    Returns
    -------
    tuple of PortfolioInputs
        One a day, in the order of ``days``.

    Raises
    ------
    ValueError
        If a day is not on the grid, or an array does not have a row a day and a column an instrument.
    """
    rows = grid.positions(np.asarray(days, dtype="datetime64[D]"))
    shape = (len(rows), len(grid.instruments))
    absent = np.full(shape, np.nan)
    mean, view_variance = absent, absent
    if predictions is not None:
        predicted = _checked("predicted_return", predictions.predicted_return, shape)
        mean = expected_returns(predicted, predictions.horizon)
        view_variance = prediction_variance(_checked("rmse", predictions.rmse, shape), predictions.horizon)
    network = absent if network_weights is None else _checked("network_weights", network_weights, shape)
    is_safe = np.array([instrument in safe for instrument in grid.instruments], dtype=bool)
    length = config.covariance.window + config.covariance.overlap
    inputs = []
    for number, row in enumerate(rows):
        window = grid.window(int(row), length)  # (length, n_instruments)
        inputs.append(
            PortfolioInputs(
                day=grid.days[row].item(),
                instruments=grid.instruments,
                safe=is_safe,
                has_history=np.asarray(np.isfinite(window).all(axis=0)),
                covariance=covariance(window, config.covariance),
                risk_free=config.risk_free_per_session,
                expected_return=mean[number],
                view_variance=view_variance[number],
                network_weights=network[number],
            )
        )
    return tuple(inputs)


def _checked(name: str, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(
            f"{name} has the shape {array.shape}; give {shape[0]} days times {shape[1]} instruments."
        )
    return array
