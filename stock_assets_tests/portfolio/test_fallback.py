import numpy as np
import pytest

from stock_assets.config.portfolios import Bounds
from stock_assets.errors import InvalidWeights, SolveFailed
from stock_assets.portfolio import optimisers
from stock_assets.portfolio.constraints import check_weights
from stock_assets.portfolio.fallback import Declined, policy_weights, with_fallback
from stock_assets.portfolio.optimisers import minimum_variance
from stock_assets_tests.portfolio.worlds import AGGRESSIVE, SAFE, STABLE, a_covariance

VALID = np.array([0.2, 0.2, 0.2, 0.2, 0.1, 0.1])


def _fails() -> np.ndarray:
    raise SolveFailed("The solver gave up.")


def test_a_valid_model_is_published_as_it_is():
    result = with_fallback(lambda: VALID, a_covariance(), SAFE, STABLE)
    assert (result.basis, result.reason, result.failed) == ("model", None, False)
    np.testing.assert_allclose(result.weights, VALID, rtol=1e-15)


def test_a_model_that_declines_is_a_normal_minimum_variance():
    result = with_fallback(lambda: Declined("Nothing beats the bank."), a_covariance(), SAFE, STABLE)
    assert (result.basis, result.reason, result.failed) == ("min_variance", "Nothing beats the bank.", False)
    np.testing.assert_array_equal(result.weights, minimum_variance(a_covariance(), SAFE, STABLE))


def test_a_failed_solve_falls_back_to_minimum_variance_and_says_so():
    result = with_fallback(_fails, a_covariance(), SAFE, STABLE)
    assert (result.basis, result.reason, result.failed) == ("min_variance", "The solver gave up.", True)
    np.testing.assert_array_equal(result.weights, minimum_variance(a_covariance(), SAFE, STABLE))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1]), "largest weight"),
        (np.array([0.3, 0.3, 0.3, 0.1, 0.0, 0.0]), "share in safe instruments"),
        (np.array([np.nan, 0.3, 0.3, 0.2, 0.1, 0.1]), "Weight number 0 is nan"),
        (np.array([0.3, 0.3, 0.1, 0.3, 0.2, -0.2]), "long-only"),
        (VALID / 2, "must sum to 1"),
    ],
)
def test_weights_outside_the_bounds_are_never_published(wrong, reason):
    result = with_fallback(lambda: wrong, a_covariance(), SAFE, STABLE)
    assert (result.basis, result.failed) == ("min_variance", True)
    assert reason in str(result.reason)


@pytest.mark.parametrize(
    ("covariance", "reason"),
    [(np.zeros((6, 6)), "is zero"), (np.full((6, 6), np.nan), "is not finite")],
)
def test_without_a_covariance_the_policy_is_all_that_is_left(covariance, reason):
    result = with_fallback(_fails, covariance, SAFE, STABLE)
    assert (result.basis, result.failed) == ("policy", True)
    assert result.reason == (
        f"The solver gave up. Minimum variance is not available either: the covariance {reason}."
    )
    np.testing.assert_array_equal(result.weights, policy_weights(SAFE, STABLE))


def test_a_declined_model_without_minimum_variance_is_a_failure():
    result = with_fallback(lambda: Declined("Nothing beats the bank."), np.zeros((6, 6)), SAFE, STABLE)
    assert (result.basis, result.failed) == ("policy", True)


def test_a_solver_that_fails_at_everything_leaves_the_policy(monkeypatch):
    monkeypatch.setattr(optimisers, "SOLVER_PARAMETERS", {"max_iter": 2})
    result = with_fallback(
        lambda: minimum_variance(a_covariance(), SAFE, STABLE), a_covariance(), SAFE, STABLE
    )
    assert (result.basis, result.failed) == ("policy", True)
    np.testing.assert_array_equal(result.weights, policy_weights(SAFE, STABLE))


def test_a_mistake_in_the_program_is_no_failed_solve():
    def mistaken() -> np.ndarray:
        raise KeyError("weights")

    with pytest.raises(KeyError):
        with_fallback(mistaken, a_covariance(), SAFE, STABLE)


def test_policy_is_40_percent_safe_and_60_percent_other():
    two_safe_of_five = np.array([True, False, False, True, False])
    np.testing.assert_allclose(policy_weights(two_safe_of_five, Bounds()), [0.2, 0.2, 0.2, 0.2, 0.2])
    np.testing.assert_allclose(policy_weights(SAFE, STABLE), [0.2, 0.2, 0.2, 0.4 / 3, 0.4 / 3, 0.4 / 3])
    np.testing.assert_allclose(policy_weights(SAFE, AGGRESSIVE), policy_weights(SAFE, STABLE))


def test_policy_keeps_to_bounds_that_forbid_40_to_60():
    # One other instrument may hold 0.35 only: the safe ones take what it may not.
    lone = np.array([False, True, True, True])
    weights = policy_weights(lone, Bounds(min_safe=0.4, max_weight=0.35))
    np.testing.assert_allclose(weights, [0.35, 0.65 / 3, 0.65 / 3, 0.65 / 3])
    np.testing.assert_allclose(policy_weights(SAFE, Bounds(max_safe=0.1))[SAFE].sum(), 0.1)
    for safe in (np.zeros(4, dtype=bool), np.ones(4, dtype=bool)):
        np.testing.assert_allclose(policy_weights(safe, Bounds()), 0.25)


def test_bounds_that_nothing_can_meet_are_an_error():
    with pytest.raises(InvalidWeights):
        with_fallback(_fails, a_covariance(), SAFE, Bounds(max_weight=0.1))


def test_published_weights_pass_the_check():
    for model in (_fails, lambda: VALID, lambda: Declined("No.")):
        for bounds in (STABLE, AGGRESSIVE):
            check_weights(with_fallback(model, a_covariance(), SAFE, bounds).weights, SAFE, bounds)
