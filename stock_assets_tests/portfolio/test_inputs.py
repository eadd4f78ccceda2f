import dataclasses
from datetime import date

import numpy as np
import pytest

from stock_assets.config.portfolios import CovarianceConfig
from stock_assets.portfolio.inputs import PortfolioInputs, Predictions, build_inputs
from stock_assets.portfolio.levels import level_grid
from stock_assets.portfolio.moments import covariance
from stock_assets_tests.portfolio.worlds import CONFIG, INSTRUMENTS, history_of, random_histories, weekdays

SMALL = CONFIG.model_copy(update={"covariance": CovarianceConfig(window=40, overlap=5)})
DAYS = weekdays(120)
SAFE_IDS = {"soda", "bond", "gold"}


def _predictions(n_days: int) -> Predictions:
    generator = np.random.default_rng(1)
    shape = (n_days, len(INSTRUMENTS))
    return Predictions(generator.normal(0.01, 0.02, shape), generator.uniform(0.02, 0.1, shape), 30)


def _bytes(inputs: PortfolioInputs) -> tuple[object, ...]:
    values = (getattr(inputs, field.name) for field in dataclasses.fields(inputs))
    return tuple(value.tobytes() if isinstance(value, np.ndarray) else value for value in values)


def test_inputs_hold_everything_per_session():
    grid = level_grid(random_histories(DAYS), DAYS)
    predictions = _predictions(2)
    network = np.full((2, 6), 1 / 6)
    first, second = build_inputs(
        grid, DAYS[[100, 103]], SAFE_IDS, SMALL, predictions=predictions, network_weights=network
    )
    assert (first.day, second.day) == (DAYS[100].item(), DAYS[103].item())
    assert first.instruments == INSTRUMENTS
    np.testing.assert_array_equal(first.safe, [False, False, False, True, True, True])
    np.testing.assert_allclose(second.expected_return, predictions.predicted_return[1] / 30)
    np.testing.assert_allclose(second.view_variance, (predictions.rmse[1] / 30) ** 2)
    np.testing.assert_array_equal(second.network_weights, network[1])
    assert second.risk_free == pytest.approx(0.02 / 252)
    # The 45 days that end on the day itself.
    np.testing.assert_array_equal(second.covariance, covariance(grid.levels[59:104], SMALL.covariance))
    assert second.has_history.all()


def test_a_day_is_the_same_bytes_alone_in_a_range_and_with_later_bars():
    histories = random_histories(DAYS)
    chosen = np.arange(60, 120, 7)
    predictions = _predictions(len(chosen))
    together = build_inputs(
        level_grid(histories, DAYS), DAYS[chosen], SAFE_IDS, SMALL, predictions=predictions
    )
    for number, row in enumerate(chosen):
        known = [history.until(DAYS[row]) for history in histories]
        alone = build_inputs(
            level_grid(known, DAYS[: row + 1]),
            DAYS[row : row + 1],
            SAFE_IDS,
            SMALL,
            predictions=Predictions(
                predictions.predicted_return[number : number + 1], predictions.rmse[number : number + 1], 30
            ),
        )
        assert _bytes(alone[0]) == _bytes(together[number])


def test_the_covariance_of_a_day_reads_that_days_close():
    histories = random_histories(DAYS)
    moved = histories[0].level.copy()
    moved[100] *= 1.1
    changed = [history_of("chips", DAYS, moved), *histories[1:]]
    before, after = (
        build_inputs(level_grid(world, DAYS), DAYS[99:101], SAFE_IDS, SMALL) for world in (histories, changed)
    )
    assert _bytes(before[0]) == _bytes(after[0])
    assert not np.array_equal(before[1].covariance, after[1].covariance)


def test_an_instrument_with_a_short_history_is_marked_on_the_days_that_need_more():
    histories = random_histories(DAYS)
    histories[1] = history_of("oil", DAYS[50:], np.linspace(1, 2, 70))
    early, late = build_inputs(level_grid(histories, DAYS), DAYS[[93, 94]], SAFE_IDS, SMALL)
    np.testing.assert_array_equal(early.has_history, [True, False, True, True, True, True])
    assert np.isnan(early.covariance).all()
    assert late.has_history.all()
    assert np.isfinite(late.covariance).all()


def test_what_was_not_given_is_missing():
    (inputs,) = build_inputs(level_grid(random_histories(DAYS), DAYS), DAYS[-1:], SAFE_IDS, SMALL)
    for values in (inputs.expected_return, inputs.view_variance, inputs.network_weights):
        assert values.shape == (6,)
        assert np.isnan(values).all()
    assert isinstance(inputs.day, date)


def test_an_array_of_another_shape_is_refused():
    grid = level_grid(random_histories(DAYS), DAYS)
    with pytest.raises(ValueError, match=r"predicted_return has the shape \(3, 6\); give 2 days times 6"):
        build_inputs(grid, DAYS[-2:], SAFE_IDS, SMALL, predictions=_predictions(3))
    with pytest.raises(ValueError, match=r"network_weights has the shape \(6,\); give 2 days times 6"):
        build_inputs(grid, DAYS[-2:], SAFE_IDS, SMALL, network_weights=np.zeros(6))
