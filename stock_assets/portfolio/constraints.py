"""Bounds of a profile: as linear constraints, as a check, and as a projection of any weights."""

from dataclasses import dataclass

import numpy as np

from stock_assets.config.portfolios import Bounds
from stock_assets.errors import InvalidWeights

#: Weights this near to zero are what an interior-point solver leaves of a zero.
DUST = 1e-7
#: Greatest distance from 1 of a sum of cleaned weights: rounding alone.
SUM_TOLERANCE = 1e-9
#: Greatest excess over a bound. The solver meets constraints to about 1e-8 and cleaning moves weights by
#: the dust that it removed; a hundredth of a basis point is above both and below anything tradable.
BOUND_TOLERANCE = 1e-6

#: Stands in for a weight of zero where shares are scaled in proportion: it decides nothing unless all
#: instruments that could take a share have none.
_SMALLEST_SHARE = 1e-30


@dataclass(frozen=True)
class LinearConstraints:
    """Constraints ``left @ w <= right`` beside ``0 <= w <= max_weight`` and ``sum(w) == 1``.

    Attributes
    ----------
    max_weight : float
        Greatest weight of one instrument.
    left : ndarray of float64, shape (n_constraints, n_instruments)
        One row a bound that can bind.
    right : ndarray of float64, shape (n_constraints,)
        Right-hand sides.
    """

    max_weight: float
    left: np.ndarray
    right: np.ndarray


def linear_constraints(safe: np.ndarray, bounds: Bounds) -> LinearConstraints:
    """Return the bounds as linear inequalities.

    Bounds that hold for any long-only weights (a share of at least 0 or at most 1) give no row: a
    constraint without an interior slows an interior-point solver down.
    """
    rows, sides = [], []
    if bounds.min_safe > 0:
        rows.append(-safe.astype(np.float64))
        sides.append(-bounds.min_safe)
    if bounds.max_safe < 1:
        rows.append(safe.astype(np.float64))
        sides.append(bounds.max_safe)
    return LinearConstraints(bounds.max_weight, np.reshape(rows, (len(rows), len(safe))), np.array(sides))


def clean_weights(weights: np.ndarray) -> np.ndarray:
    """Set solver dust to zero and make the weights sum to one.

    Parameters
    ----------
    weights : ndarray, shape (n_instruments,)
        Weights as a solver left them.

    Returns
    -------
    ndarray of float64, shape (n_instruments,)
        Dust of either sign is zero. Anything that is wrong beyond dust is left for
        ``check_weights`` to find: a sum off by more than the bounds' tolerance is not repaired.
    """
    cleaned = np.array(weights, dtype=np.float64)
    cleaned[np.abs(cleaned) < DUST] = 0.0
    total = cleaned.sum()
    return cleaned / total if abs(total - 1) <= BOUND_TOLERANCE else cleaned


def check_weights(weights: np.ndarray, safe: np.ndarray, bounds: Bounds) -> None:
    """Check that weights may be published.

    Parameters
    ----------
    weights : ndarray, shape (n_instruments,)
        Cleaned weights.
    safe : ndarray of bool, shape (n_instruments,)
        Safe instruments.
    bounds : Bounds
        The profile's bounds, met to within ``BOUND_TOLERANCE``.

    Raises
    ------
    InvalidWeights
        Unless they are finite, long-only, sum to one and lie inside the bounds.
    """
    if weights.shape != safe.shape:
        raise InvalidWeights(
            f"The weights have the shape {weights.shape}; there must be one for each of {safe.size}."
            " instruments."
        )
    if not np.isfinite(weights).all():
        at = int(np.flatnonzero(~np.isfinite(weights))[0])
        raise InvalidWeights(f"Weight number {at} is {weights[at]}; every weight must be a finite number.")
    if weights.min() < 0:
        raise InvalidWeights(f"The smallest weight is {weights.min():.3g}; portfolios are long-only.")
    if abs(weights.sum() - 1) > SUM_TOLERANCE:
        raise InvalidWeights(f"The weights sum to {weights.sum():.12g}; they must sum to 1.")
    if weights.max() > bounds.max_weight + BOUND_TOLERANCE:
        raise InvalidWeights(f"The largest weight is {weights.max():.9g}; max_weight is {bounds.max_weight}.")
    share = float(weights[safe].sum())
    if not bounds.min_safe - BOUND_TOLERANCE <= share <= bounds.max_safe + BOUND_TOLERANCE:
        raise InvalidWeights(
            f"The share in safe instruments is {share:.9g}; allowed is {bounds.min_safe} to "
            f"{bounds.max_safe}."
        )


def project(weights: np.ndarray, safe: np.ndarray, bounds: Bounds) -> np.ndarray:
    """Return the weights inside the bounds that are nearest in relative entropy.

    The minimum of ``Σ x·log(x / w)`` over all ``x`` inside the bounds (an I-projection: Csiszár, 1975)
    keeps proportions wherever no bound binds, hence this algorithm:

    1. ``x = min(max_weight, c·w)`` with the ``c`` that makes the sum 1;
    2. if the safe share is then outside its range, it becomes the violated end of it, and step 1 is
       done within the safe and within the other instruments, each with its own share for a sum.

    Weights that meet the bounds stay as they are. The result always meets them, if any weights can.

    Parameters
    ----------
    weights : ndarray, shape (n_instruments,)
        Not negative, not all zero; their sum does not matter.
    safe : ndarray of bool, shape (n_instruments,)
        Safe instruments.
    bounds : Bounds
        Bounds that these numbers of instruments can meet.

    Returns
    -------
    ndarray of float64, shape (n_instruments,)
    """
    projected = _capped_shares(weights, 1.0, bounds.max_weight)
    share = float(projected[safe].sum())
    target = min(max(share, bounds.min_safe), bounds.max_safe)
    if target != share:
        projected = np.empty(len(weights))
        projected[safe] = _capped_shares(weights[safe], target, bounds.max_weight)
        projected[~safe] = _capped_shares(weights[~safe], 1.0 - target, bounds.max_weight)
    return projected / projected.sum()


def _capped_shares(weights: np.ndarray, total: float, cap: float) -> np.ndarray:
    """Return ``min(cap, c·weights)`` with the ``c`` that makes them sum to ``total``."""
    if weights.size == 0:
        return weights.astype(np.float64)
    relative = np.maximum(weights / max(float(weights.max()), _SMALLEST_SHARE), _SMALLEST_SHARE)
    order = np.argsort(-relative, kind="stable")
    shares = np.full(len(weights), cap, dtype=np.float64)
    # The largest are capped first: with k of them at the cap, the rest shares what is left in proportion.
    for capped in range(len(weights)):
        rest = order[capped:]
        scaled = relative[rest] * ((total - capped * cap) / relative[rest].sum())
        if scaled[0] <= cap:
            shares[rest] = scaled
            break
    return shares
