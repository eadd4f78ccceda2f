"""Portfolios that need no model: what every model has to beat."""

import numpy as np


def equal_weight(n_instruments: int) -> np.ndarray:
    """Return the same weight for every instrument, shape (n_instruments,)."""
    return np.full(n_instruments, 1.0 / n_instruments)


def inverse_volatility(volatility: np.ndarray) -> np.ndarray:
    """Return weights in inverse proportion to volatility.

    Parameters
    ----------
    volatility : ndarray, shape (..., n_instruments)
        Standard deviations of returns, positive, in any one unit.

    Returns
    -------
    ndarray of float64, same shape
        Weights that sum to one over the last axis.
    """
    inverse = 1.0 / np.asarray(volatility, dtype=np.float64)
    return inverse / inverse.sum(axis=-1, keepdims=True)
