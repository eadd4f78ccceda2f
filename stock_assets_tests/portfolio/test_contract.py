"""The same battery over every portfolio model and profile.

Each case says exactly what is published, or which instrument keeps it from being published.
"""

import dataclasses
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from stock_assets.config.portfolios import (
    PORTFOLIO_MODELS,
    PROFILES,
    CovarianceConfig,
    PortfolioModel,
    Profile,
)
from stock_assets.errors import NotPublishable
from stock_assets.portfolio import optimisers
from stock_assets.portfolio.black_litterman import posterior
from stock_assets.portfolio.constraints import check_weights, linear_constraints, project
from stock_assets.portfolio.fallback import PortfolioResult, policy_weights
from stock_assets.portfolio.inputs import PortfolioInputs, Predictions, build_inputs
from stock_assets.portfolio.levels import level_grid
from stock_assets.portfolio.models import MODELS, portfolio_weights
from stock_assets.portfolio.optimisers import minimum_variance
from stock_assets_tests.portfolio.worlds import (
    CONFIG,
    INSTRUMENTS,
    PREDICTED,
    RMSE,
    SAFE,
    VOLATILITY,
    a_covariance,
    examples,
    history_of,
    inputs_of,
    random_histories,
    random_moments,
    weekdays,
)

every_model = pytest.mark.parametrize("model", PORTFOLIO_MODELS)
every_profile = pytest.mark.parametrize("profile", PROFILES)
optimised_model = pytest.mark.parametrize("model", ["alpha", "black_litterman"])


def _published(model: PortfolioModel, profile: Profile, inputs: PortfolioInputs) -> PortfolioResult:
    result = portfolio_weights(model, inputs, CONFIG)[profile]
    check_weights(result.weights, inputs.safe, CONFIG.profiles[profile].bounds)
    return result


def _of_network(profile: Profile, inputs: PortfolioInputs) -> np.ndarray:
    return project(inputs.network_weights, inputs.safe, CONFIG.profiles[profile].bounds)


def _least_variance(profile: Profile, covariance: np.ndarray) -> np.ndarray:
    return minimum_variance(covariance, SAFE, CONFIG.profiles[profile].bounds)


def _is_the_models(result: PortfolioResult) -> bool:
    return (result.basis, result.reason, result.failed) == ("model", None, False)


def test_every_configured_model_is_registered():
    assert tuple(MODELS) == PORTFOLIO_MODELS == get_args(PortfolioModel)


@every_model
def test_every_profile_is_published(model):
    assert tuple(portfolio_weights(model, inputs_of(), CONFIG)) == PROFILES


@every_model
@every_profile
def test_a_healthy_day_has_the_models_own_weights(model, profile):
    result = _published(model, profile, inputs_of())
    assert _is_the_models(result)
    if model == "sharpe_net":
        np.testing.assert_allclose(result.weights, _of_network(profile, inputs_of()), rtol=1e-12)


@every_model
@every_profile
def test_all_predictions_negative(model, profile):
    inputs = inputs_of(np.array([-0.20, -0.25, -0.30, -0.22, -0.24, -0.28]), rmse=np.full(6, 0.01))
    result = _published(model, profile, inputs)
    if (model, profile) == ("black_litterman", "aggressive"):
        # No Sharpe ratio to maximise: a normal outcome, not a failure.
        assert (result.basis, result.failed) == ("min_variance", False)
        assert "is expected to return more than the risk-free rate of 0.02 a year" in str(result.reason)
        np.testing.assert_array_equal(result.weights, _least_variance(profile, inputs.covariance))
    else:
        assert _is_the_models(result)


@every_model
@every_profile
def test_all_predictions_equal(model, profile):
    inputs = inputs_of(np.full(6, 0.012))
    result = _published(model, profile, inputs)
    assert _is_the_models(result)
    if model == "alpha":  # nothing to choose by but variance
        np.testing.assert_allclose(result.weights, _least_variance(profile, inputs.covariance), atol=1e-4)


@every_model
@every_profile
@pytest.mark.parametrize("instrument", [1, 4], ids=["other", "safe"])
@pytest.mark.parametrize("size", [5.0, 1e6])
def test_one_huge_prediction(model, profile, instrument, size):
    predicted = PREDICTED.copy()
    predicted[instrument] = size
    inputs = inputs_of(predicted)
    result = _published(model, profile, inputs)
    assert _is_the_models(result)
    if model == "alpha" or (model == "black_litterman" and profile == "stable"):
        # All that the bounds allow: max_weight, which is below every bound on the groups.
        assert result.weights[instrument] == pytest.approx(0.35, abs=1e-5)
    elif model == "black_litterman":
        # The Sharpe ratio weighs the huge return against the variance of holding little else.
        assert result.weights[instrument] > 0.3
    else:
        np.testing.assert_allclose(result.weights, _of_network(profile, inputs), rtol=1e-12)


@every_model
@every_profile
def test_a_singular_covariance(model, profile):
    """Two instruments are the same, with the same prediction: the covariance has rank five."""
    covariance = a_covariance()
    covariance[:, 1] = covariance[:, 0]
    covariance[1, :] = covariance[0, :]
    assert np.linalg.matrix_rank(covariance) == 5
    predicted = PREDICTED.copy()
    predicted[1] = predicted[0]
    rmse = RMSE.copy()
    rmse[1] = rmse[0]
    inputs = inputs_of(predicted, covariance, rmse)
    result = _published(model, profile, inputs)
    assert _is_the_models(result)
    if model == "sharpe_net":
        np.testing.assert_allclose(result.weights, _of_network(profile, inputs), rtol=1e-12)
    else:
        assert result.weights[0] == pytest.approx(result.weights[1], abs=1e-3)


@every_model
@every_profile
@pytest.mark.parametrize("missing", [np.nan, np.inf])
def test_a_prediction_that_is_no_number(model, profile, missing):
    predicted = PREDICTED.copy()
    predicted[[2, 5]] = missing
    inputs = inputs_of(predicted)
    if model == "sharpe_net":  # it reads no predictions
        assert _is_the_models(_published(model, profile, inputs))
    else:
        with pytest.raises(
            NotPublishable,
            match=f"No {model} portfolio for 2022-03-01: bank, gold have no finite prediction",
        ):
            portfolio_weights(model, inputs, CONFIG)


@every_model
@every_profile
def test_a_prediction_without_a_known_error(model, profile):
    rmse = RMSE.copy()
    rmse[3] = np.nan
    inputs = inputs_of(rmse=rmse)
    if model == "black_litterman":
        with pytest.raises(NotPublishable, match="soda has no finite validation error of its predictions"):
            portfolio_weights(model, inputs, CONFIG)
    else:
        assert _is_the_models(_published(model, profile, inputs))


@every_model
@every_profile
def test_a_covariance_of_zero(model, profile):
    inputs = inputs_of(covariance=np.zeros((6, 6)))
    result = _published(model, profile, inputs)
    if model == "sharpe_net":  # its weights need no covariance
        assert _is_the_models(result)
    else:
        assert (result.basis, result.failed) == ("policy", True)
        assert str(result.reason).endswith(
            "Minimum variance is not available either: the covariance is zero."
        )
        np.testing.assert_array_equal(result.weights, policy_weights(SAFE, CONFIG.profiles[profile].bounds))


@every_model
def test_an_instrument_without_history(model):
    """From prices on: a listing in the middle of the covariance window, and one that has no bar at all."""
    days = weekdays(300)
    histories = random_histories(days)
    histories[1] = history_of("oil", days[200:], np.linspace(1, 2, 100))
    histories[5] = history_of("gold", days[:0], np.empty(0))
    (inputs,) = build_inputs(
        level_grid(histories, days),
        days[-1:],
        {"soda", "bond", "gold"},
        CONFIG,
        predictions=Predictions(PREDICTED[None, :], RMSE[None, :], 30),
        network_weights=np.full((1, 6), 1 / 6),
    )
    with pytest.raises(NotPublishable, match="oil, gold have no finite history over the covariance window"):
        portfolio_weights(model, inputs, CONFIG)


@every_profile
def test_a_network_without_an_answer(profile):
    inputs = inputs_of(network_weights=np.full(6, np.nan))
    with pytest.raises(NotPublishable, match="chips, oil, bank, soda, bond, gold have no finite weight"):
        portfolio_weights("sharpe_net", inputs, CONFIG)
    for model in ("alpha", "black_litterman"):
        assert _is_the_models(_published(model, profile, inputs))


@every_profile
def test_network_weights_that_are_no_portfolio_fall_back(profile):
    inputs = inputs_of(network_weights=np.array([1.5, -0.5, 0, 0, 0, 0]))
    result = _published("sharpe_net", profile, inputs)
    assert (result.basis, result.failed) == ("min_variance", True)
    np.testing.assert_array_equal(result.weights, _least_variance(profile, inputs.covariance))


@every_profile
def test_a_network_that_puts_all_on_one_instrument_is_moved_inside_the_bounds(profile):
    inputs = inputs_of(network_weights=np.array([1.0, 0, 0, 0, 0, 0]))
    result = _published("sharpe_net", profile, inputs)
    assert _is_the_models(result)
    assert result.weights[0] == pytest.approx(0.35)


@every_model
@every_profile
def test_a_solver_that_solves_nothing(model, profile, monkeypatch):
    monkeypatch.setattr(optimisers, "SOLVER_PARAMETERS", {"max_iter": 2})
    result = _published(model, profile, inputs_of())
    if model == "sharpe_net":  # there is nothing to solve
        assert _is_the_models(result)
    else:
        assert (result.basis, result.failed) == ("policy", True)
        np.testing.assert_array_equal(result.weights, policy_weights(SAFE, CONFIG.profiles[profile].bounds))


@every_model
@examples
@given(seed=st.integers(0, 100_000), level=st.sampled_from([-0.05, -0.01, 0.0, 0.02]))
def test_any_sensible_day_is_published_as_the_model_says(model, seed, level):
    _, covariance = random_moments(seed, 6)
    generator = np.random.default_rng(seed)
    inputs = inputs_of(
        generator.normal(level, 0.03, 6),
        covariance,
        rmse=generator.uniform(0.005, 0.2, 6),
        network_weights=generator.dirichlet(np.full(6, 0.3)),
    )
    for profile in PROFILES:
        result = _published(model, profile, inputs)
        if (model, profile) == ("black_litterman", "aggressive") and not _beats_risk_free(inputs):
            assert (result.basis, result.failed) == ("min_variance", False)
        else:
            assert _is_the_models(result)


def _beats_risk_free(inputs: PortfolioInputs) -> bool:
    excess = posterior(inputs, CONFIG.black_litterman).mean - inputs.risk_free
    bounds = CONFIG.profiles["aggressive"].bounds
    constraints = linear_constraints(SAFE, bounds)
    best = linprog(
        -excess * 1e4,
        A_ub=constraints.left,
        b_ub=constraints.right,
        A_eq=np.ones((1, 6)),
        b_eq=[1],
        bounds=(0, bounds.max_weight),
    )
    return -best.fun > 0


@every_model
@examples
@given(seed=st.integers(0, 100_000), order=st.permutations(range(6)))
def test_the_order_of_instruments_does_not_matter(model, seed, order):
    mean, covariance = random_moments(seed, 6)
    weights = np.random.default_rng(seed).dirichlet(np.ones(6))
    inputs = inputs_of(mean * 30, covariance, network_weights=weights)
    permuted = dataclasses.replace(
        inputs,
        instruments=tuple(np.array(INSTRUMENTS)[order]),
        safe=SAFE[order],
        covariance=covariance[np.ix_(order, order)],
        expected_return=inputs.expected_return[order],
        view_variance=inputs.view_variance[order],
        network_weights=weights[order],
    )
    for profile in PROFILES:
        expected = _published(model, profile, inputs)
        found = _published(model, profile, permuted)
        assert found.basis == expected.basis
        np.testing.assert_allclose(found.weights, expected.weights[order], atol=3e-4)


@optimised_model
@every_profile
def test_a_better_prediction_is_never_punished(model, profile):
    """Along a rising prediction for one instrument its weight rises too."""
    found = []
    for predicted in (-0.05, -0.01, 0.01, 0.03, 0.08):
        predictions = PREDICTED.copy()
        predictions[2] = predicted
        found.append(_published(model, profile, inputs_of(predictions)).weights[2])
    assert (np.diff(found) > -1e-5).all()
    assert found[-1] > found[0] + 0.1


@every_model
def test_a_day_gives_the_same_bytes_alone_and_in_a_range(model):
    days = weekdays(120)
    config = CONFIG.model_copy(update={"covariance": CovarianceConfig(window=40, overlap=5)})
    histories = random_histories(days)
    chosen = np.array([70, 71, 90, 119])
    generator = np.random.default_rng(4)
    predicted = generator.normal(0.01, 0.02, (4, 6))
    network = generator.dirichlet(np.ones(6), size=4)
    rmse = np.tile(RMSE, (4, 1))

    def published(rows: np.ndarray) -> list[dict[Profile, PortfolioResult]]:
        inputs = build_inputs(
            level_grid(histories, days),
            days[chosen[rows]],
            {"soda", "bond", "gold"},
            config,
            predictions=Predictions(predicted[rows], rmse[rows], 30),
            network_weights=network[rows],
        )
        return [portfolio_weights(model, day, config) for day in inputs]

    together = published(np.arange(4))
    for row in (3, 0, 2, 1):
        (alone,) = published(np.array([row]))
        for profile in PROFILES:
            assert alone[profile].weights.tobytes() == together[row][profile].weights.tobytes()
            assert alone[profile].basis == together[row][profile].basis


def test_the_made_up_volatilities_rise_with_risk():
    """What the battery takes for granted: the safe instruments vary less than the others."""
    assert VOLATILITY[SAFE].max() < VOLATILITY[~SAFE].min()


@optimised_model
def test_the_aggressive_profile_takes_more_risk(model):
    inputs = inputs_of()
    stable, aggressive = (_published(model, profile, inputs).weights for profile in PROFILES)
    assert aggressive @ inputs.covariance @ aggressive > stable @ inputs.covariance @ stable
    assert aggressive @ inputs.expected_return > stable @ inputs.expected_return
