import numpy as np

from stock_assets.config.portfolios import Bounds, ProfileConfig
from stock_assets.portfolio.alpha import alpha_weights
from stock_assets_tests.portfolio.worlds import CONFIG, inputs_of

TWO = np.array([False, True])


def _profile(risk_aversion: float, bounds: Bounds) -> ProfileConfig:
    return ProfileConfig(
        bounds=bounds, alpha_risk_aversion=risk_aversion, black_litterman_objective="max_sharpe"
    )


def test_by_hand_from_predictions_over_30_sessions():
    # 3 % and 1.5 % in 30 sessions are 0.001 and 0.0005 a session: the case of test_optimisers.
    inputs = inputs_of([0.03, 0.015], np.diag([4e-4, 1e-4]), rmse=np.array([0.1, 0.1]), safe=TWO)
    np.testing.assert_allclose(alpha_weights(inputs, _profile(2.0, Bounds())), [0.45, 0.55], atol=1e-6)


def test_more_risk_aversion_means_less_variance_and_less_return():
    inputs = inputs_of()
    bounds = CONFIG.profiles["stable"].bounds
    portfolios = [alpha_weights(inputs, _profile(risk, bounds)) for risk in (1.0, 4.0, 16.0, 64.0)]
    variances = [weights @ inputs.covariance @ weights for weights in portfolios]
    returns = [weights @ inputs.expected_return for weights in portfolios]
    assert (np.diff(variances) < 0).all()
    assert (np.diff(returns) < 0).all()


def test_only_differences_between_predictions_matter():
    stable = CONFIG.profiles["stable"]
    shifted = inputs_of(inputs_of().expected_return * 30 - 0.2)
    np.testing.assert_allclose(alpha_weights(shifted, stable), alpha_weights(inputs_of(), stable), atol=1e-4)
