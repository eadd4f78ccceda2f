import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skfolio.moments import EmpiricalCovariance, EquilibriumMu
from skfolio.prior import BlackLitterman, EmpiricalPrior

from stock_assets.config.portfolios import BlackLittermanConfig, Bounds
from stock_assets.errors import SolveFailed
from stock_assets.portfolio.black_litterman import (
    black_litterman_weights,
    equilibrium_returns,
    posterior,
)
from stock_assets.portfolio.inputs import PortfolioInputs, Predictions, build_inputs
from stock_assets.portfolio.levels import level_grid
from stock_assets.portfolio.optimisers import maximum_sharpe, mean_variance
from stock_assets_tests.portfolio.worlds import (
    CONFIG,
    INSTRUMENTS,
    RMSE,
    VOLATILITY,
    a_covariance,
    examples,
    inputs_of,
    random_histories,
    random_moments,
    weekdays,
)

TAU = 0.05
SETTINGS = BlackLittermanConfig(tau=TAU, equilibrium_risk_aversion=2.5)
STABLE, AGGRESSIVE = CONFIG.profiles["stable"], CONFIG.profiles["aggressive"]


def _published_formula(inputs) -> tuple[np.ndarray, np.ndarray]:
    """He and Litterman (1999), equations 8 to 10, with P the identity, in precision form."""
    sigma, omega = inputs.covariance, np.diag(inputs.view_variance)
    prior = 2.5 * sigma @ np.full(len(sigma), 1 / len(sigma))
    precision = np.linalg.inv(TAU * sigma) + np.linalg.inv(omega)
    pulled = np.linalg.solve(TAU * sigma, prior) + np.linalg.solve(
        omega, inputs.expected_return - inputs.risk_free
    )
    return np.linalg.solve(precision, pulled) + inputs.risk_free, sigma + np.linalg.inv(precision)


def test_equilibrium_makes_equal_weights_optimal():
    covariance = a_covariance()
    excess = equilibrium_returns(covariance, 2.5)
    equal = np.full(6, 1 / 6)
    # The first-order condition of mean − δ/2·variance: marginal utility is the same everywhere, zero here.
    np.testing.assert_allclose(excess - 2.5 * covariance @ equal, 0.0, atol=1e-18)
    # 1 % volatility a session: δσ² = 0.00025 a session.
    np.testing.assert_allclose(equilibrium_returns(np.array([[1e-4]]), 2.5), [2.5e-4])


def test_posterior_by_hand():
    # One instrument: the prior says δσ² = 0.00025 with the variance τσ² = 5e-6, the view 0.00125 above the
    # risk-free rate with (0.15/30)² = 25e-6: the view weighs 5/30.
    inputs = dataclasses.replace(
        inputs_of([0.0], np.array([[1e-4]]), rmse=np.array([0.15]), safe=np.array([True])),
        expected_return=np.array([0.00125 + 2e-5]),
        risk_free=2e-5,
    )
    found = posterior(inputs, SETTINGS)
    np.testing.assert_allclose(found.mean, [0.00025 + 0.001 / 6 + 2e-5], rtol=1e-10)
    np.testing.assert_allclose(found.covariance, [[1e-4 + 5e-6 - 25e-12 / 30e-6]], rtol=1e-10)


@examples
@given(seed=st.integers(0, 10_000))
def test_posterior_is_the_published_formula_with_the_models_own_errors(seed):
    mean, covariance = random_moments(seed, 6)
    rmse = np.random.default_rng(seed).uniform(0.01, 0.3, 6)
    inputs = inputs_of(mean * 30, covariance, rmse=rmse)
    expected_mean, expected_covariance = _published_formula(inputs)
    found = posterior(inputs, SETTINGS)
    np.testing.assert_allclose(found.mean, expected_mean, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found.covariance, expected_covariance, rtol=1e-8, atol=1e-14)


def test_posterior_is_skfolios_own_where_views_are_as_uncertain_as_the_prior():
    """Without confidences skfolio takes Ω = τ·diag(Σ); an error of 30·√(τσ²) means the same."""
    returns = np.random.default_rng(2).multivariate_normal(np.zeros(6), a_covariance(), size=400)
    prior = EmpiricalPrior(
        mu_estimator=EquilibriumMu(risk_aversion=2.5), covariance_estimator=EmpiricalCovariance()
    )
    views = [f"{name} == {0.0002 * place - 0.0003}" for place, name in enumerate(INSTRUMENTS)]
    theirs = BlackLitterman(views, groups=[list(INSTRUMENTS)], prior_estimator=prior, tau=TAU).fit(returns)
    covariance = theirs.prior_estimator_.return_distribution_.covariance
    ours = posterior(
        dataclasses.replace(
            inputs_of(
                30 * (0.0002 * np.arange(6) - 0.0003),
                covariance,
                rmse=30 * np.sqrt(TAU * np.diag(covariance)),
            ),
            risk_free=0.0,
        ),
        SETTINGS,
    )
    np.testing.assert_allclose(ours.mean, theirs.return_distribution_.mu, rtol=1e-9)
    np.testing.assert_allclose(ours.covariance, theirs.return_distribution_.covariance, rtol=1e-9)


def test_units_stay_sane_from_prices_and_predictions_to_posterior():
    """A view over 30 sessions beside a daily covariance is the classic mistake: hundreds of per cent."""
    days = weekdays(400)
    grid = level_grid(random_histories(days), days)
    year = 252

    def inputs_for(horizon: int) -> PortfolioInputs:
        predictions = Predictions(np.full((1, 6), 0.02), RMSE[None, :], horizon)
        return build_inputs(grid, days[-1:], {"soda", "bond", "gold"}, CONFIG, predictions=predictions)[0]

    inputs = inputs_for(30)
    # 2 % in 30 sessions is 16.8 % a year; volatilities are those that the prices were made with.
    np.testing.assert_allclose(inputs.expected_return * year, 0.168, rtol=1e-12)
    np.testing.assert_allclose(np.sqrt(np.diag(inputs.covariance)), VOLATILITY, rtol=0.25)
    equilibrium = equilibrium_returns(inputs.covariance, CONFIG.black_litterman.equilibrium_risk_aversion)
    assert 0 < (equilibrium * year).min() < (equilibrium * year).max() < 0.15
    found = posterior(inputs, CONFIG.black_litterman)
    # Between equilibrium and view, give or take what correlated views add to each other.
    assert 0.03 < (found.mean * year).min() < (found.mean * year).max() < 0.25
    deviation = np.sqrt(np.diag(found.covariance) * year)
    np.testing.assert_allclose(deviation, VOLATILITY * np.sqrt(year), rtol=0.25)
    # The same predictions, taken for one session's, would be seen here at once.
    mistaken = posterior(inputs_for(1), CONFIG.black_litterman)
    half = dataclasses.replace(inputs, expected_return=inputs_for(1).expected_return)
    assert (posterior(half, CONFIG.black_litterman).mean * year).max() > 2.0
    assert (
        np.abs(mistaken.mean - equilibrium - inputs.risk_free).max() * year < 0.05
    )  # views count for nothing


def test_views_count_by_their_certainty():
    certain = posterior(inputs_of(rmse=np.full(6, 1e-6)), SETTINGS)
    np.testing.assert_allclose(certain.mean, inputs_of().expected_return, atol=1e-9)
    ignorant = posterior(inputs_of(rmse=np.full(6, 1e3)), SETTINGS)
    equilibrium = equilibrium_returns(a_covariance(), 2.5) + CONFIG.risk_free_per_session
    np.testing.assert_allclose(ignorant.mean, equilibrium, rtol=1e-6)
    np.testing.assert_allclose(ignorant.covariance, a_covariance() * (1 + TAU), rtol=1e-6)


def test_views_may_be_negative_tiny_or_zero():
    views = np.array([-0.03, 3e-9, 0.0, -3e-12, 0.03, 1e-5])
    inputs = inputs_of(views)
    np.testing.assert_allclose(
        posterior(inputs, SETTINGS).mean, _published_formula(inputs)[0], rtol=1e-8, atol=1e-14
    )


def test_profiles_optimise_the_posterior():
    inputs = inputs_of()
    moments = posterior(inputs, SETTINGS)
    np.testing.assert_array_equal(
        black_litterman_weights(inputs, STABLE, SETTINGS),
        mean_variance(moments, 10, inputs.safe, STABLE.bounds),
    )
    np.testing.assert_array_equal(
        black_litterman_weights(inputs, AGGRESSIVE, SETTINGS),
        maximum_sharpe(moments, inputs.risk_free, inputs.safe, AGGRESSIVE.bounds),
    )


def test_no_views_at_all_give_back_the_market():
    """Without information the greatest Sharpe ratio is that of the equal weights behind the prior."""
    inputs = inputs_of(rmse=np.full(6, 1e3))
    free = AGGRESSIVE.model_copy(update={"bounds": Bounds()})
    np.testing.assert_allclose(black_litterman_weights(inputs, free, SETTINGS), np.full(6, 1 / 6), atol=1e-4)


def test_maximum_sharpe_is_declined_when_nothing_beats_the_risk_free_rate():
    inputs = inputs_of(np.full(6, -0.3), rmse=np.full(6, 0.01))
    assert (posterior(inputs, SETTINGS).mean < inputs.risk_free).all()
    assert black_litterman_weights(inputs, AGGRESSIVE, SETTINGS) is None
    stable = black_litterman_weights(inputs, STABLE, SETTINGS)
    assert stable is not None
    assert abs(stable.sum() - 1) < 1e-9


def test_an_unusable_covariance_fails():
    with pytest.raises(SolveFailed, match="There is no equilibrium: the covariance is zero"):
        posterior(inputs_of(covariance=np.zeros((6, 6))), SETTINGS)
    with pytest.raises(SolveFailed, match="The posterior does not exist"):
        posterior(inputs_of(covariance=np.full((6, 6), 1e-4), rmse=np.zeros(6)), SETTINGS)
