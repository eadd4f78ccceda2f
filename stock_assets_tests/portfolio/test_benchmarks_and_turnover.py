import numpy as np

from stock_assets.portfolio.benchmarks import equal_weight, inverse_volatility
from stock_assets.portfolio.turnover import turnover


def test_equal_weight():
    np.testing.assert_array_equal(equal_weight(4), [0.25, 0.25, 0.25, 0.25])


def test_inverse_volatility_by_hand():
    # 1/0.01 : 1/0.02 : 1/0.04 = 4 : 2 : 1
    np.testing.assert_allclose(inverse_volatility(np.array([0.01, 0.02, 0.04])), [4 / 7, 2 / 7, 1 / 7])
    np.testing.assert_allclose(
        inverse_volatility(np.array([[1.0, 1.0], [1.0, 3.0]])), [[0.5, 0.5], [0.75, 0.25]]
    )


def test_turnover_counts_one_way():
    old = np.array([0.5, 0.3, 0.2])
    assert turnover(old, old) == 0.0
    np.testing.assert_allclose(turnover(np.array([0.3, 0.4, 0.3]), old), 0.2)
    assert turnover(np.array([0.0, 1.0]), np.array([1.0, 0.0])) == 1.0
