import numpy as np

from stock_assets.learning.scores import directional_accuracy, mean_absolute_error, root_mean_squared_error


def test_errors_of_known_returns() -> None:
    predicted, realised = np.array([0.1, 0.0, -0.1]), np.array([0.1, 0.3, 0.3])
    assert np.isclose(mean_absolute_error(predicted, realised), 0.7 / 3)
    assert np.isclose(root_mean_squared_error(predicted, realised), (0.25 / 3) ** 0.5)


def test_direction_leaves_out_what_did_not_move_and_counts_a_zero_prediction_as_wrong() -> None:
    predicted, realised = np.array([0.1, -0.1, 0.0, 0.2]), np.array([0.3, 0.3, 0.3, 0.0])
    assert directional_accuracy(predicted, realised) == 1 / 3


def test_direction_of_nothing_is_nan() -> None:
    assert np.isnan(directional_accuracy(np.array([0.1]), np.array([0.0])))
    assert np.isnan(directional_accuracy(np.empty(0), np.empty(0)))
