"""What is published when a model has no answer.

The chain is model, minimum variance, policy; each result says which of them it is. The last iterate of a
solver that failed is never published, and neither are yesterday's weights.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stock_assets.config.portfolios import Bounds
from stock_assets.errors import InvalidWeights, SolveFailed
from stock_assets.portfolio.constraints import check_weights, project
from stock_assets.portfolio.optimisers import covariance_problem, minimum_variance

Basis = Literal["model", "min_variance", "policy"]
#: Share of the policy portfolio in safe instruments, before the profile's bounds.
POLICY_SAFE_SHARE = 0.4


@dataclass(frozen=True)
class PortfolioResult:
    """Weights of one day, model and profile, checked against the profile's bounds.

    Attributes
    ----------
    weights : ndarray of float64, shape (n_instruments,)
        Finite, long-only, with a sum of one, inside the bounds.
    basis : {"model", "min_variance", "policy"}
        Which portfolio this is.
    reason : str or None
        One sentence that says why it is not the model's; ``None`` for the model's own.
    failed : bool
        Whether something went wrong: worth an alert. Minimum variance because no portfolio is
        expected to beat the risk-free rate is a normal outcome.
    """

    weights: np.ndarray
    basis: Basis
    reason: str | None = None
    failed: bool = False


@dataclass(frozen=True)
class Declined:
    """A model's statement that its problem has no sensible solution on a day.

    Attributes
    ----------
    reason : str
        One sentence.
    """

    reason: str


def policy_weights(safe: np.ndarray, bounds: Bounds) -> np.ndarray:
    """Return the portfolio that depends on nothing but the set of instruments.

    40 % spread equally over the safe instruments and 60 % over the others, moved inside the bounds
    where these forbid it.

    Parameters
    ----------
    safe : ndarray of bool, shape (n_instruments,)
        Safe instruments.
    bounds : Bounds
        The profile's bounds.

    Returns
    -------
    ndarray of float64, shape (n_instruments,)
    """
    weights = np.where(
        safe, POLICY_SAFE_SHARE / max(safe.sum(), 1), (1 - POLICY_SAFE_SHARE) / max((~safe).sum(), 1)
    )
    return project(weights, safe, bounds)


def with_fallback(
    model: Callable[[], np.ndarray | Declined], covariance: np.ndarray, safe: np.ndarray, bounds: Bounds
) -> PortfolioResult:
    """Return the first valid portfolio of model, minimum variance and policy.

    Parameters
    ----------
    model : callable
        Returns the model's weights, free of solver dust, or ``Declined`` for minimum variance as a normal
        outcome.
    covariance : ndarray, shape (n_instruments, n_instruments)
        Covariance for minimum variance, per session.
    safe : ndarray of bool, shape (n_instruments,)
        Safe instruments.
    bounds : Bounds
        The profile's bounds.

    Raises
    ------
    InvalidWeights
        If not even the policy meets the bounds: no weights do.
    """
    failed = False
    try:
        answer = model()
        if isinstance(answer, np.ndarray):
            return PortfolioResult(_checked(answer, safe, bounds), "model")
        reason = answer.reason
    except (SolveFailed, InvalidWeights) as error:
        reason, failed = str(error), True
    problem = covariance_problem(covariance)
    if problem is None:
        try:
            weights = _checked(minimum_variance(covariance, safe, bounds), safe, bounds)
            return PortfolioResult(weights, "min_variance", reason, failed)
        except (SolveFailed, InvalidWeights) as error:
            problem = str(error)
    reason = f"{reason} Minimum variance is not available either: {problem.rstrip('.')}."
    return PortfolioResult(
        _checked(policy_weights(safe, bounds), safe, bounds), "policy", reason, failed=True
    )


def _checked(weights: np.ndarray, safe: np.ndarray, bounds: Bounds) -> np.ndarray:
    check_weights(weights, safe, bounds)
    return weights
