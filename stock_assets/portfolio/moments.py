"""Expected returns and covariance, everything as a decimal return per session.

Predictions reach over a whole horizon and are brought down to one session before they meet a
covariance: a 30-session prediction beside a daily covariance is wrong by a factor of 30.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.covariance import ledoit_wolf

from stock_assets.config.portfolios import CovarianceConfig


@dataclass(frozen=True)
class Moments:
    """The first two moments of the instruments' returns.

    Attributes
    ----------
    mean : ndarray of float64, shape (n_instruments,)
        Expected decimal return per session.
    covariance : ndarray of float64, shape (n_instruments, n_instruments)
        Covariance of decimal returns, per session.
    """

    mean: np.ndarray
    covariance: np.ndarray


def expected_returns(predicted_return: np.ndarray, horizon: int) -> np.ndarray:
    """Return what a predicted return over ``horizon`` sessions means for one of them.

    Parameters
    ----------
    predicted_return : ndarray of float64
        Decimal total return over ``horizon`` sessions.
    horizon : int
        Number of sessions.

    Returns
    -------
    ndarray of float64, same shape
        Decimal return per session, the horizon's divided by its length: arithmetic as in
        mean-variance theory, without compounding.
    """
    return np.asarray(predicted_return, dtype=np.float64) / horizon


def prediction_variance(rmse: np.ndarray, horizon: int) -> np.ndarray:
    """Return the variance of an expected return per session that a prediction's error implies.

    Parameters
    ----------
    rmse : ndarray of float64
        Root mean squared error of predictions over ``horizon`` sessions, decimal.
    horizon : int
        Number of sessions.

    Returns
    -------
    ndarray of float64, same shape
        ``(rmse / horizon)²``: the prediction is divided by the horizon, so its error is too.
    """
    return (np.asarray(rmse, dtype=np.float64) / horizon) ** 2


def covariance(levels: np.ndarray, config: CovarianceConfig) -> np.ndarray:
    """Estimate the covariance of total returns per session from one window of levels.

    Overlapping returns over ``config.overlap`` days, divided by that number: within a few days the
    same news reaches every exchange, whenever it closes. They are shrunk towards a multiple of the
    identity (Ledoit and Wolf, 2004), which keeps the estimate invertible. Its intensity is derived for
    independent rows; overlapping ones make it somewhat too small.

    Parameters
    ----------
    levels : ndarray of float64, shape (window + overlap, n_instruments)
        Total-return levels of consecutive trading days, the day itself last.
    config : CovarianceConfig
        Window and overlap.

    Returns
    -------
    ndarray of float64, shape (n_instruments, n_instruments)
        Symmetric, per session; all NaN if a level is missing.

    Raises
    ------
    ValueError
        If there are more or fewer rows: estimates are comparable from day to day only over one length.
    """
    rows = config.window + config.overlap
    if len(levels) != rows:
        raise ValueError(
            f"A covariance over {config.window} returns of {config.overlap} days was given {len(levels)} "
            f"days of levels; give {rows}."
        )
    n_instruments = levels.shape[1]
    if not np.isfinite(levels).all():
        return np.full((n_instruments, n_instruments), np.nan)
    returns = levels[config.overlap :] / levels[: -config.overlap] - 1  # (window, n_instruments)
    shrunk, _ = ledoit_wolf(returns)
    estimate = shrunk / config.overlap
    return (estimate + estimate.T) / 2
