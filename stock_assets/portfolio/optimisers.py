"""The three convex problems behind the portfolio models, solved by skfolio.

skfolio (Delatte, 1.12) says nothing when an expected return is NaN (the weight becomes 0) or the
covariance is zero (the weights are arbitrary), and raises when no expected return exceeds the
risk-free rate. So moments are checked before it sees them.

Every problem is solved in units of the average volatility: weights then do not depend on the unit
of time of the moments, and the solver meets numbers of order one.
"""

import warnings

import numpy as np
from cvxpy.error import SolverError
from scipy.optimize import linprog
from skfolio.exceptions import SkfolioError
from skfolio.measures import RiskMeasure
from skfolio.optimization import MeanRisk, ObjectiveFunction
from skfolio.prior import BasePrior, ReturnDistribution
from skfolio.typing import ArrayLike

from stock_assets.config.portfolios import Bounds
from stock_assets.errors import SolveFailed
from stock_assets.portfolio.constraints import clean_weights, linear_constraints
from stock_assets.portfolio.moments import Moments

#: Clarabel aims at the first three, which give weights good to about 1e-5. Where rounding stops it short
#: of them, it calls a solution that meets the reduced ones inaccurate; those weights are good to about
#: 1e-4, and anything worse is a failure.
SOLVER_PARAMETERS = {
    "tol_gap_abs": 1e-10,
    "tol_gap_rel": 1e-10,
    "tol_feas": 1e-8,
    "reduced_tol_gap_abs": 1e-8,
    "reduced_tol_gap_rel": 1e-8,
    "reduced_tol_feas": 1e-7,
}
_ACCEPTED_STATUS = ("optimal", "optimal_inaccurate")
#: Smallest excess return, in average volatilities, that maximum Sharpe is asked for: the problem is scaled
#: by its inverse, and a daily excess of 1e-8 is 0.003 % a year.
SMALLEST_EXCESS = 1e-6


class GivenMoments(BasePrior):
    """A skfolio prior whose moments were estimated elsewhere.

    Parameters
    ----------
    mean : ndarray, shape (n_instruments,)
        Expected returns.
    covariance : ndarray, shape (n_instruments, n_instruments)
        Covariance of the same returns.
    """

    def __init__(self, mean: np.ndarray, covariance: np.ndarray) -> None:
        self.mean = mean
        self.covariance = covariance

    def fit(self, X: ArrayLike, y: None = None, **fit_params: object) -> "GivenMoments":
        """Hand the moments over; of ``X`` only the number of columns is used."""
        self.return_distribution_ = ReturnDistribution(
            mu=self.mean, covariance=self.covariance, returns=np.asarray(X)
        )
        return self


def covariance_problem(covariance: np.ndarray) -> str | None:
    """Say why nothing can be optimised over a covariance, or ``None``.

    A singular covariance is no problem; one that is not finite, has an instrument without variance or a
    negative eigenvalue beyond rounding is.
    """
    if not np.isfinite(covariance).all():
        return "the covariance is not finite"
    if np.diag(covariance).max() <= 0:
        return "the covariance is zero"
    if np.diag(covariance).min() <= 0:
        return f"the covariance holds no variance for instrument number {int(np.diag(covariance).argmin())}"
    smallest = float(np.linalg.eigvalsh(covariance)[0])
    if smallest < -1e-10 * np.diag(covariance).max():
        return f"the covariance has the negative eigenvalue {smallest:.3g}"
    return None


def minimum_variance(covariance: np.ndarray, safe: np.ndarray, bounds: Bounds) -> np.ndarray:
    """Return the weights of least variance inside the bounds.

    Parameters
    ----------
    covariance : ndarray, shape (n_instruments, n_instruments)
        Covariance of returns, in any unit of time.
    safe : ndarray of bool, shape (n_instruments,)
        Safe instruments.
    bounds : Bounds
        The profile's bounds.

    Returns
    -------
    ndarray of float64, shape (n_instruments,)
        Cleaned, not yet checked.

    Raises
    ------
    SolveFailed
        If the covariance is unusable or the solver does not reach its tolerances.
    """
    moments = Moments(np.zeros(len(covariance)), covariance)
    return _solve(moments, safe, bounds, objective_function=ObjectiveFunction.MINIMIZE_RISK)


def mean_variance(moments: Moments, risk_aversion: float, safe: np.ndarray, bounds: Bounds) -> np.ndarray:
    """Return the weights that maximise ``mean − risk_aversion·variance`` inside the bounds.

    There is no factor ½: an investor whose relative risk aversion is δ has ``risk_aversion = δ / 2``.

    Parameters
    ----------
    moments : Moments
        Per session.
    risk_aversion : float
        λ, for decimal returns; the same for every unit of time.
    safe : ndarray of bool, shape (n_instruments,)
        Safe instruments.
    bounds : Bounds
        The profile's bounds.

    Returns
    -------
    ndarray of float64, shape (n_instruments,)
        Cleaned, not yet checked.

    Raises
    ------
    SolveFailed
        If the moments are unusable or the solver does not reach its tolerances.
    """
    return _solve(
        moments,
        safe,
        bounds,
        objective_function=ObjectiveFunction.MAXIMIZE_UTILITY,
        risk_aversion=risk_aversion,
    )


def maximum_sharpe(moments: Moments, risk_free: float, safe: np.ndarray, bounds: Bounds) -> np.ndarray | None:
    """Return the weights of the greatest Sharpe ratio inside the bounds.

    Parameters
    ----------
    moments : Moments
        Per session.
    risk_free : float
        Decimal risk-free return per session.
    safe : ndarray of bool, shape (n_instruments,)
        Safe instruments.
    bounds : Bounds
        The profile's bounds.

    Returns
    -------
    ndarray of float64, shape (n_instruments,), or None
        Cleaned, not yet checked. ``None`` if no portfolio inside the bounds is expected to return more
        than the risk-free rate: then the problem has no solution that makes sense.

    Raises
    ------
    SolveFailed
        If the moments are unusable or the solver does not reach its tolerances.
    """
    _require_usable(moments)
    excess = moments.mean - risk_free
    greatest, unit = _greatest_mean(excess, safe, bounds), _average_volatility(moments.covariance)
    if greatest <= SMALLEST_EXCESS * unit:
        return None
    # The scale of excess returns does not matter to the weights; to the solver, the greatest becomes 1.
    scaled = Moments(excess * (unit / greatest), moments.covariance)
    return _solve(scaled, safe, bounds, objective_function=ObjectiveFunction.MAXIMIZE_RATIO)


def _greatest_mean(mean: np.ndarray, safe: np.ndarray, bounds: Bounds) -> float:
    constraints = linear_constraints(safe, bounds)
    scale = max(float(np.abs(mean).max()), np.finfo(np.float64).tiny)
    best = linprog(
        -mean / scale,
        A_ub=constraints.left if len(constraints.left) else None,
        b_ub=constraints.right if len(constraints.left) else None,
        A_eq=np.ones((1, len(mean))),
        b_eq=[1.0],
        bounds=(0, constraints.max_weight),
    )
    if not best.success:
        raise SolveFailed(
            f"No weights meet the bounds {bounds}: {best.message}; widen them in portfolios.yaml."
        )
    return -float(best.fun) * scale


def _solve(
    moments: Moments,
    safe: np.ndarray,
    bounds: Bounds,
    objective_function: ObjectiveFunction,
    risk_aversion: float = 1.0,
) -> np.ndarray:
    _require_usable(moments)
    unit = _average_volatility(moments.covariance)
    mean, covariance = moments.mean / unit, moments.covariance / unit**2
    constraints = linear_constraints(safe, bounds)
    maximises_utility = objective_function is ObjectiveFunction.MAXIMIZE_UTILITY
    largest_term = max(float(np.abs(mean).max()), risk_aversion * unit) if maximises_utility else 1.0
    model = MeanRisk(
        objective_function=objective_function,
        risk_measure=RiskMeasure.VARIANCE,
        risk_aversion=risk_aversion * unit,
        prior_estimator=GivenMoments(mean, covariance),
        min_weights=0.0,
        max_weights=constraints.max_weight,
        left_inequality=constraints.left if len(constraints.left) else None,
        right_inequality=constraints.right if len(constraints.left) else None,
        solver="CLARABEL",
        solver_params=SOLVER_PARAMETERS,
        scale_objective=1.0 / largest_term,
        save_problem=True,
    )
    problem = objective_function.name.lower().replace("_", " ")
    try:
        with warnings.catch_warnings():
            # skfolio warns of an inaccurate solution, whose status is judged below.
            warnings.simplefilter("ignore", UserWarning)
            model.fit(np.zeros((2, len(mean))))
    except (SkfolioError, SolverError, np.linalg.LinAlgError) as error:
        raise SolveFailed(f"The solver failed to {problem}: {error}") from error
    status = model.problem_.status
    if status not in _ACCEPTED_STATUS or model.weights_ is None:
        raise SolveFailed(
            f"The solver ended as {status} when it was to {problem}; its last iterate is not used."
        )
    return clean_weights(model.weights_)


def _require_usable(moments: Moments) -> None:
    problem = covariance_problem(moments.covariance)
    if problem:
        raise SolveFailed(f"There is nothing to optimise: {problem}.")
    if not np.isfinite(moments.mean).all():
        at = int(np.flatnonzero(~np.isfinite(moments.mean))[0])
        raise SolveFailed(f"There is nothing to optimise: expected return number {at} is {moments.mean[at]}.")


def _average_volatility(covariance: np.ndarray) -> float:
    return float(np.sqrt(np.diag(covariance).mean()))
