import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from stock_assets.config.portfolios import CovarianceConfig
from stock_assets.portfolio.moments import covariance, expected_returns, prediction_variance


def _random_walk(rows: int, seed: int = 3) -> np.ndarray:
    steps = np.random.default_rng(seed).normal(0, [0.01, 0.02, 0.005], size=(rows, 3))
    return np.cumprod(1 + steps, axis=0)


def test_predictions_come_down_to_one_session():
    np.testing.assert_allclose(expected_returns(np.array([0.03, -0.015]), 30), [0.001, -0.0005], rtol=1e-15)
    # An error of 9 % over 30 sessions is one of 0.3 % a session.
    np.testing.assert_allclose(prediction_variance(np.array([0.09]), 30), [9e-6], rtol=1e-12)


def test_covariance_is_the_shrunk_one_of_overlapping_returns_divided_by_the_overlap():
    config = CovarianceConfig(window=40, overlap=5)
    levels = _random_walk(45)
    returns = np.array([levels[row] / levels[row - 5] - 1 for row in range(5, 45)])
    estimator = LedoitWolf().fit(returns)
    assert 0 < estimator.shrinkage_ < 1
    np.testing.assert_allclose(covariance(levels, config), estimator.covariance_ / 5, rtol=1e-12)


def test_covariance_is_per_session():
    """Independent daily steps of 1 %, 2 % and 0.5 %: their variances come back, whatever the overlap."""
    levels = _random_walk(2525, seed=11)
    for overlap in (1, 5):
        estimate = covariance(levels[-(2000 + overlap) :], CovarianceConfig(window=2000, overlap=overlap))
        np.testing.assert_allclose(np.sqrt(np.diag(estimate)), [0.01, 0.02, 0.005], rtol=0.1)


def test_overlapping_returns_see_a_market_that_follows_a_day_later():
    steps = np.random.default_rng(5).normal(0, 0.01, size=1000)
    levels = np.cumprod(1 + np.column_stack([steps, np.append(0.0, steps[:-1])]), axis=0)

    def correlation(overlap: int) -> float:
        estimate = covariance(levels[-(900 + overlap) :], CovarianceConfig(window=900, overlap=overlap))
        return estimate[0, 1] / np.sqrt(estimate[0, 0] * estimate[1, 1])

    assert abs(correlation(1)) < 0.1
    assert correlation(5) == pytest.approx(0.8, abs=0.05)  # four of five days are shared


def test_a_missing_level_makes_all_of_it_missing():
    levels = _random_walk(45)
    levels[0, 1] = np.nan
    assert np.isnan(covariance(levels, CovarianceConfig(window=40, overlap=5))).all()


def test_constant_levels_have_no_covariance():
    np.testing.assert_array_equal(
        covariance(np.ones((45, 3)), CovarianceConfig(window=40, overlap=5)), np.zeros((3, 3))
    )


def test_another_number_of_days_is_refused():
    with pytest.raises(ValueError, match="was given 44 days of levels; give 45"):
        covariance(_random_walk(44), CovarianceConfig(window=40, overlap=5))
