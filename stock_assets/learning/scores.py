"""Scores of predicted against realised returns."""

import numpy as np


def mean_absolute_error(predicted: np.ndarray, realised: np.ndarray) -> float:
    """Return the mean of ``|predicted − realised|``, in their unit.

    Parameters
    ----------
    predicted, realised : ndarray of float64, shape (n,)
        Without NaN.
    """
    return float(np.abs(predicted - realised).mean())


def root_mean_squared_error(predicted: np.ndarray, realised: np.ndarray) -> float:
    """Return the square root of the mean of ``(predicted − realised)²``, in their unit."""
    return float(np.sqrt(np.square(predicted - realised).mean()))


def directional_accuracy(predicted: np.ndarray, realised: np.ndarray) -> float:
    """Return the share of samples whose sign was predicted, between 0 and 1.

    Samples with a realised return of exactly 0 have no direction and are left out; a prediction of
    exactly 0 counts as wrong. NaN if no sample is left.
    """
    moved = realised != 0
    if not moved.any():
        return float("nan")
    return float((np.sign(predicted[moved]) == np.sign(realised[moved])).mean())
