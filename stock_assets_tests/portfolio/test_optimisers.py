import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from stock_assets.config.portfolios import Bounds
from stock_assets.errors import SolveFailed
from stock_assets.portfolio import optimisers
from stock_assets.portfolio.constraints import check_weights, linear_constraints
from stock_assets.portfolio.moments import Moments
from stock_assets.portfolio.optimisers import (
    covariance_problem,
    maximum_sharpe,
    mean_variance,
    minimum_variance,
)
from stock_assets_tests.portfolio.worlds import AGGRESSIVE, SAFE, STABLE, examples, random_moments

FREE = Bounds()
TWO = np.array([False, True])
MEAN = np.array([0.001, 0.0005])
COVARIANCE = np.diag([4e-4, 1e-4])  # 2 % and 1 % a session
seeds = st.integers(0, 10_000)


def _weights(problem: str, moments: Moments, safe: np.ndarray, bounds: Bounds) -> np.ndarray:
    if problem == "minimum_variance":
        return minimum_variance(moments.covariance, safe, bounds)
    if problem == "mean_variance":
        return mean_variance(moments, 4.0, safe, bounds)
    weights = maximum_sharpe(moments, 0.0, safe, bounds)
    assert weights is not None
    return weights


def _gradient(problem: str, moments: Moments, weights: np.ndarray) -> np.ndarray:
    """Gradient of what is maximised, in units of its own size."""
    marginal = moments.covariance @ weights
    variance = weights @ marginal
    if problem == "minimum_variance":
        return -marginal / variance
    if problem == "mean_variance":
        return (moments.mean - 2 * 4.0 * marginal) / np.sqrt(variance)
    return moments.mean / np.sqrt(variance) - (moments.mean @ weights) * marginal / variance**1.5


def _best_corner(gradient: np.ndarray, safe: np.ndarray, bounds: Bounds) -> float:
    constraints = linear_constraints(safe, bounds)
    return -linprog(
        -gradient,
        A_ub=constraints.left,
        b_ub=constraints.right,
        A_eq=np.ones((1, len(safe))),
        b_eq=[1],
        bounds=(0, bounds.max_weight),
    ).fun


def test_minimum_variance_by_hand():
    # w ∝ 1/σ²: 2500 : 10000
    np.testing.assert_allclose(minimum_variance(COVARIANCE, TWO, FREE), [0.2, 0.8], atol=1e-6)


def test_mean_variance_by_hand():
    # The derivative of μ₁w + μ₂(1−w) − λ(σ₁²w² + σ₂²(1−w)²) is zero at
    # w = ((μ₁−μ₂)/2λ + σ₂²) / (σ₁²+σ₂²) = (0.0005/4 + 0.0001) / 0.0005.
    # With a factor ½ before the variance it were 0.7.
    weights = mean_variance(Moments(MEAN, COVARIANCE), 2.0, TWO, FREE)
    np.testing.assert_allclose(weights, [0.45, 0.55], atol=1e-6)


def test_maximum_sharpe_by_hand():
    # w ∝ (μ−r)/σ²: 0.0010/0.0004 : 0.0005/0.0001 = 1 : 2
    weights = maximum_sharpe(Moments(MEAN + 1e-4, COVARIANCE), 1e-4, TWO, FREE)
    np.testing.assert_allclose(weights, [1 / 3, 2 / 3], atol=1e-6)


def test_bounds_bind():
    np.testing.assert_allclose(minimum_variance(COVARIANCE, TWO, Bounds(max_safe=0.4)), [0.6, 0.4], atol=1e-6)
    np.testing.assert_allclose(
        minimum_variance(COVARIANCE, TWO, Bounds(max_weight=0.7)), [0.3, 0.7], atol=1e-6
    )
    np.testing.assert_allclose(
        mean_variance(Moments(MEAN, COVARIANCE), 0.1, TWO, Bounds(min_safe=0.4)), [0.6, 0.4], atol=1e-6
    )


@pytest.mark.parametrize("problem", ["minimum_variance", "mean_variance", "maximum_sharpe"])
@pytest.mark.parametrize("bounds", [STABLE, AGGRESSIVE], ids=["stable", "aggressive"])
@examples
@given(seed=seeds)
def test_no_feasible_direction_improves(problem, bounds, seed):
    """At the optimum of a (pseudo-)concave objective no corner of the bounds lies uphill.

    The slope towards the best corner is the Frank-Wolfe duality gap; it bounds what is left to gain.
    """
    mean, covariance = random_moments(seed, 6)
    moments = Moments(np.abs(mean) if problem == "maximum_sharpe" else mean, covariance)
    weights = _weights(problem, moments, SAFE, bounds)
    check_weights(weights, SAFE, bounds)
    gradient = _gradient(problem, moments, weights)
    assert _best_corner(gradient, SAFE, bounds) - gradient @ weights < 3e-4


@pytest.mark.parametrize("problem", ["minimum_variance", "mean_variance", "maximum_sharpe"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_weights_of_a_fine_grid_are_better(problem, seed):
    mean, covariance = random_moments(seed, 3)
    moments = Moments(np.abs(mean), covariance)
    safe, bounds = np.array([False, False, True]), Bounds(min_safe=0.3, max_weight=0.6)
    steps = np.arange(0, 121) / 120
    grid = np.array([(a, b, 1 - a - b) for a, b in itertools.product(steps, steps) if a + b <= 1])
    grid = grid[(grid.max(axis=1) <= 0.6) & (grid[:, 2] >= 0.3)]

    def value(weights: np.ndarray) -> np.ndarray:
        expected = weights @ moments.mean
        variance = np.einsum("...i,ij,...j->...", weights, covariance, weights)
        return {
            "minimum_variance": -variance,
            "mean_variance": expected - 4.0 * variance,
            "maximum_sharpe": expected / np.sqrt(variance),
        }[problem]

    found = _weights(problem, moments, safe, bounds)
    best = value(grid).max()
    assert value(found) >= best - 1e-7 * abs(best)
    np.testing.assert_allclose(found, grid[value(grid).argmax()], atol=0.02)


@examples
@given(seed=seeds, sessions=st.sampled_from([1 / 252, 0.2, 5.0, 21.0, 252.0]))
def test_the_unit_of_time_changes_no_weights(seed, sessions):
    mean, covariance = random_moments(seed, 6)
    moments, longer = (
        Moments(np.abs(mean), covariance),
        Moments(np.abs(mean) * sessions, covariance * sessions),
    )
    for problem in ("minimum_variance", "mean_variance", "maximum_sharpe"):
        np.testing.assert_allclose(
            _weights(problem, moments, SAFE, STABLE), _weights(problem, longer, SAFE, STABLE), atol=2e-4
        )


@examples
@given(seed=seeds, order=st.permutations(range(6)))
def test_permuted_instruments_have_permuted_weights(seed, order):
    mean, covariance = random_moments(seed, 6)
    permuted = Moments(np.abs(mean)[order], covariance[np.ix_(order, order)])
    for problem in ("minimum_variance", "mean_variance", "maximum_sharpe"):
        expected = _weights(problem, Moments(np.abs(mean), covariance), SAFE, AGGRESSIVE)[order]
        np.testing.assert_allclose(_weights(problem, permuted, SAFE[order], AGGRESSIVE), expected, atol=2e-4)


def test_maximum_sharpe_exists_only_where_a_portfolio_inside_the_bounds_beats_the_risk_free_rate():
    covariance = np.diag([1e-4, 1e-4, 1e-4])
    safe = np.array([False, False, True])
    assert maximum_sharpe(Moments(np.full(3, 1e-4), covariance), 1e-4, safe, FREE) is None
    assert maximum_sharpe(Moments(np.full(3, -1e-4), covariance), 0.0, safe, FREE) is None
    # The first instrument alone beats it: at most 0.3 of it, beside 0.7 that lose, is no gain.
    one = Moments(np.array([1e-4, -1e-4, -1e-4]), covariance)
    assert maximum_sharpe(one, 0.0, safe, Bounds(max_weight=0.4)) is None
    np.testing.assert_allclose(maximum_sharpe(one, 0.0, safe, FREE), [1.0, 0.0, 0.0], atol=1e-6)


@pytest.mark.parametrize(
    ("covariance", "problem"),
    [
        (np.zeros((2, 2)), "the covariance is zero"),
        (np.diag([1e-4, 0.0]), "no variance for instrument number 1"),
        (np.array([[1e-4, np.nan], [np.nan, 1e-4]]), "not finite"),
        (np.array([[1e-4, 2e-4], [2e-4, 1e-4]]), "negative eigenvalue -0.0001"),
    ],
)
def test_an_unusable_covariance_is_said_and_not_solved(covariance, problem):
    assert problem in str(covariance_problem(covariance))
    with pytest.raises(SolveFailed, match=problem):
        minimum_variance(covariance, TWO, FREE)
    with pytest.raises(SolveFailed, match=problem):
        mean_variance(Moments(MEAN, covariance), 1.0, TWO, FREE)
    with pytest.raises(SolveFailed, match=problem):
        maximum_sharpe(Moments(MEAN, covariance), 0.0, TWO, FREE)


def test_a_singular_covariance_is_usable():
    assert covariance_problem(np.full((2, 2), 1e-4)) is None
    np.testing.assert_allclose(minimum_variance(np.full((2, 2), 1e-4), TWO, FREE), [0.5, 0.5], atol=1e-3)


def test_an_expected_return_that_is_no_number_is_refused():
    with pytest.raises(SolveFailed, match="expected return number 1 is nan"):
        mean_variance(Moments(np.array([0.001, np.nan]), COVARIANCE), 1.0, TWO, FREE)


def test_a_solver_that_stops_early_gives_no_weights(monkeypatch):
    monkeypatch.setattr(optimisers, "SOLVER_PARAMETERS", {**optimisers.SOLVER_PARAMETERS, "max_iter": 3})
    mean, covariance = random_moments(1, 6)
    with pytest.raises(SolveFailed, match=r"minimize risk"):
        minimum_variance(covariance, SAFE, STABLE)
    with pytest.raises(SolveFailed, match=r"maximize utility"):
        mean_variance(Moments(mean, covariance), 4.0, SAFE, STABLE)


def test_bounds_that_no_weights_meet_fail():
    with pytest.raises(SolveFailed):
        minimum_variance(COVARIANCE, TWO, Bounds(max_weight=0.4))
    with pytest.raises(SolveFailed, match="No weights meet the bounds"):
        maximum_sharpe(Moments(MEAN, COVARIANCE), 0.0, TWO, Bounds(max_weight=0.4))


def test_a_solve_depends_on_no_earlier_one():
    problems = ("mean_variance", "maximum_sharpe", "minimum_variance")
    worlds = [
        (np.abs(mean), covariance) for mean, covariance in (random_moments(seed, 6) for seed in range(4))
    ]
    together = {
        (number, problem): _weights(problem, Moments(*world), SAFE, STABLE).tobytes()
        for number, world in enumerate(worlds)
        for problem in problems
    }
    for number, problem in reversed(together):
        again = _weights(problem, Moments(*worlds[number]), SAFE, STABLE).tobytes()
        assert again == together[number, problem]
