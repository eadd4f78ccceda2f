"""Divide labelled days into training and validation, in the order of time."""

import numpy as np


def split(
    days: np.ndarray, due_days: np.ndarray, usable: np.ndarray, validation_fraction: float, stride: int
) -> tuple[np.ndarray, np.ndarray]:
    """Divide labelled days by time, with a gap so that no training label reaches into validation.

    Parameters
    ----------
    days, due_days : ndarray of datetime64[D], shape (n_days,)
        Days of decision, and on which their labels are known; increasing.
    usable : ndarray of bool, shape (n_days,)
        Days with a whole window and label.
    validation_fraction : float
        Share of the usable days that validate, rounded up.
    stride : int
        Every so many of the training days are kept, counted from the newest, which stays.

    Returns
    -------
    train, validation : ndarray of int64
        Indices into ``days``, increasing. Empty if no day is usable.
    """
    labelled = np.flatnonzero(usable)
    start = len(labelled) - int(np.ceil(validation_fraction * len(labelled)))
    train, validation = labelled[:start], labelled[start:]
    if len(validation):
        train = train[due_days[train] < days[validation[0]]]
    return train[::-1][::stride][::-1], validation
