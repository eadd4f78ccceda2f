import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, minimize

from stock_assets.config.portfolios import Bounds
from stock_assets.errors import InvalidWeights
from stock_assets.portfolio.constraints import check_weights, clean_weights, linear_constraints, project
from stock_assets_tests.portfolio.worlds import AGGRESSIVE, SAFE, STABLE, examples

FREE = Bounds()
TWO = np.array([False, True])


@pytest.mark.parametrize(
    ("weights", "bounds", "message"),
    [
        ([0.5, np.nan], FREE, "Weight number 1 is nan"),
        ([np.inf, 0.5], FREE, "Weight number 0 is inf"),
        ([1.1, -0.1], FREE, "smallest weight is -0.1; portfolios are long-only"),
        ([0.5, 0.500001], FREE, "sum to 1.000001; they must sum to 1"),
        ([0.7, 0.3], Bounds(max_weight=0.6), "largest weight is 0.7; max_weight is 0.6"),
        ([0.7, 0.3], Bounds(min_safe=0.4), "share in safe instruments is 0.3; allowed is 0.4 to 1.0"),
        ([0.4, 0.6], Bounds(max_safe=0.4), "share in safe instruments is 0.6; allowed is 0.0 to 0.4"),
        ([1.0], FREE, "there must be one for each of 2"),
    ],
)
def test_weights_that_must_not_be_published(weights, bounds, message):
    with pytest.raises(InvalidWeights, match=message):
        check_weights(np.array(weights), TWO, bounds)


def test_bounds_are_met_to_a_hundredth_of_a_basis_point_and_no_more():
    check_weights(np.array([0.6 + 5e-7, 0.4 - 5e-7]), TWO, Bounds(min_safe=0.4, max_weight=0.6))
    with pytest.raises(InvalidWeights, match="max_weight"):
        check_weights(np.array([0.6 + 2e-6, 0.4 - 2e-6]), TWO, Bounds(max_weight=0.6))
    with pytest.raises(InvalidWeights, match="safe"):
        check_weights(np.array([0.6 + 2e-6, 0.4 - 2e-6]), TWO, Bounds(min_safe=0.4))


def test_cleaning_takes_dust_of_either_sign_and_nothing_else():
    cleaned = clean_weights(np.array([0.6, -3e-9, 2e-10, 0.4]))
    np.testing.assert_array_equal(cleaned[1:3], 0.0)
    np.testing.assert_allclose(cleaned[[0, 3]], [0.6, 0.4], rtol=1e-8)
    assert abs(cleaned.sum() - 1) < 1e-15
    # A real short position or a wrong sum is not repaired but left to be found.
    np.testing.assert_allclose(clean_weights(np.array([1.001, -0.001])), [1.001, -0.001], rtol=1e-12)
    np.testing.assert_array_equal(clean_weights(np.array([0.5, 0.4])), [0.5, 0.4])


def test_bounds_as_inequalities():
    both = linear_constraints(SAFE, Bounds(min_safe=0.2, max_safe=0.5, max_weight=0.3))
    assert both.max_weight == 0.3
    np.testing.assert_array_equal(both.left, [[0, 0, 0, -1, -1, -1], [0, 0, 0, 1, 1, 1]])
    np.testing.assert_array_equal(both.right, [-0.2, 0.5])
    assert linear_constraints(SAFE, Bounds(max_weight=0.3)).left.shape == (0, 6)


def test_projection_by_hand():
    # Safe share 0.2 is raised to 0.4, the others scaled from 0.8 to 0.6; proportions stay.
    weights = np.array([0.4, 0.4, 0.2])
    safe = np.array([False, False, True])
    np.testing.assert_allclose(project(weights, safe, Bounds(min_safe=0.4)), [0.3, 0.3, 0.4], rtol=1e-15)
    # The cap of 0.5 cuts 0.7, and what is cut goes to the rest in proportion 2 to 1.
    np.testing.assert_allclose(
        project(np.array([0.7, 0.2, 0.1]), safe, Bounds(max_weight=0.5)), [0.5, 1 / 3, 1 / 6], rtol=1e-15
    )
    # Cap and group: the safe instrument takes its 0.4, of the other 0.6 no more than 0.45 is allowed to one.
    np.testing.assert_allclose(
        project(np.array([0.9, 0.09, 0.01]), safe, Bounds(min_safe=0.4, max_weight=0.45)),
        [0.45, 0.15, 0.4],
        rtol=1e-15,
    )


def test_weights_inside_the_bounds_stay():
    weights = np.array([0.2, 0.2, 0.1, 0.2, 0.1, 0.2])
    np.testing.assert_allclose(project(weights, SAFE, STABLE), weights, rtol=1e-15)


def test_a_group_without_any_weight_shares_equally():
    np.testing.assert_allclose(
        project(np.array([0.0, 0.0, 0.0, 0.5, 0.3, 0.2]), SAFE, AGGRESSIVE),
        [0.2, 0.2, 0.2, 0.2, 0.12, 0.08],
        rtol=1e-12,
    )


@examples
@given(
    seed=st.integers(0, 10_000),
    sharpness=st.floats(0, 60),
    min_safe=st.floats(0, 0.6),
    width=st.floats(0, 0.4),
    max_weight=st.floats(0.34, 1),
)
def test_projected_weights_may_always_be_published(seed, sharpness, min_safe, width, max_weight):
    bounds = Bounds(min_safe=min_safe, max_safe=min_safe + width, max_weight=max_weight)
    raw = np.exp(sharpness * np.random.default_rng(seed).normal(size=6))
    projected = project(raw / raw.sum(), SAFE, bounds)
    check_weights(projected, SAFE, bounds)
    for group in (SAFE, ~SAFE):  # larger stays larger: no order is turned round inside a group
        order = np.argsort(raw[group])
        assert (np.diff(projected[group][order]) >= -1e-12).all()


@pytest.mark.parametrize("seed", range(4))
def test_projection_is_the_nearest_in_relative_entropy(seed):
    bounds = Bounds(min_safe=0.5, max_weight=0.3)
    raw = np.random.default_rng(seed).dirichlet(np.ones(6))
    numerical = minimize(
        lambda x: float((x * np.log(x / raw)).sum()),
        x0=np.full(6, 1 / 6),
        jac=lambda x: np.log(x / raw) + 1,
        bounds=[(1e-9, 0.3)] * 6,
        constraints=[LinearConstraint(np.ones(6), 1, 1), LinearConstraint(SAFE.astype(float), 0.5, 1)],
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert numerical.success
    np.testing.assert_allclose(project(raw, SAFE, bounds), numerical.x, atol=1e-5)
