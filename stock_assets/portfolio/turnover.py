"""How much of a portfolio changes hands."""

import numpy as np


def turnover(weights: np.ndarray, previous: np.ndarray) -> float:
    """Return the one-way turnover from one set of target weights to the next.

    Half the sum of absolute changes: what is bought, which is what is sold. 0 changes nothing, 1 replaces
    the whole portfolio. Drift of the holdings between the two days is left out.

    Parameters
    ----------
    weights, previous : ndarray, shape (n_instruments,)
        Weights that sum to one, in the same order of instruments.
    """
    return float(np.abs(np.asarray(weights) - np.asarray(previous)).sum() / 2)
