from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from stock_assets.errors import ArtifactError, ConfigurationError
from stock_assets.stage1.dataset import labels_of
from stock_assets.stage1.inference import infer, predict, validate
from stock_assets_tests.lookahead import Histories, assert_no_lookahead
from stock_assets_tests.stage1.histories import random_history
from stock_assets_tests.stage1.models import CUTOFF, HISTORIES, trained_model

SOURCE = HISTORIES["test"]
EVERY_DAY = np.arange(SOURCE.sessions[0] - 3, SOURCE.trading_days[-1] + 5)


def predictions(days: np.ndarray, histories: Histories = HISTORIES):
    return predict(trained_model(), histories["test"], histories, days)


def test_a_single_day_has_the_bytes_of_the_range_also_without_later_bars() -> None:
    whole = predictions(EVERY_DAY)
    for index in range(0, len(EVERY_DAY), 7):
        day = EVERY_DAY[index : index + 1]
        until = {name: history.until(day[0]) for name, history in HISTORIES.items()}
        for histories in (HISTORIES, until):
            alone = predictions(day, histories)
            assert alone.predicted_return.tobytes() == whole.predicted_return[index : index + 1].tobytes()
            assert alone.as_of_session.tobytes() == whole.as_of_session[index : index + 1].tobytes()
        assert np.array_equal(
            infer(trained_model(), SOURCE, HISTORIES, day[0].item()),
            whole.predicted_return[index],
            equal_nan=True,
        )


def test_days_may_come_in_any_order_and_more_than_once() -> None:
    whole = predictions(EVERY_DAY).predicted_return
    order = np.random.default_rng(1).integers(0, len(EVERY_DAY), 100)
    assert predictions(EVERY_DAY[order]).predicted_return.tobytes() == whole[order].tobytes()


def test_predictions_know_nothing_of_later_days() -> None:
    def compute(histories: Histories, day: np.datetime64) -> bytes:
        found = predictions(EVERY_DAY[EVERY_DAY <= day], histories)
        return found.predicted_return.tobytes() + found.as_of_session.tobytes()

    assert_no_lookahead(compute, HISTORIES, np.unique(SOURCE.trading_days)[[3, 14, 100, 250]])


def test_a_day_without_a_bar_takes_the_last_sessions_before_it() -> None:
    found = predictions(EVERY_DAY)
    for index, day in enumerate(EVERY_DAY):
        known = SOURCE.sessions[SOURCE.trading_days <= day]
        if len(known):
            assert found.as_of_session[index] == known[-1]
        else:
            assert np.isnat(found.as_of_session[index])
    closed = np.flatnonzero(~np.isin(EVERY_DAY[20:], SOURCE.trading_days)) + 20
    assert len(closed) > 50
    assert found.predicted_return[closed].tobytes() == found.predicted_return[closed - 1].tobytes()


def test_too_short_a_history_has_no_prediction_but_a_session() -> None:
    # Five sessions until the first row without NaN, then a window of ten; the covariate is a day late.
    first = int(np.flatnonzero(np.isfinite(predictions(EVERY_DAY).predicted_return))[0])
    assert (SOURCE.trading_days <= EVERY_DAY[first]).sum() == 5 + 10
    assert np.isfinite(predictions(EVERY_DAY[first:]).predicted_return).all()


def test_no_days_and_no_bars() -> None:
    assert len(predictions(EVERY_DAY[:0]).predicted_return) == 0
    nothing = {name: history.until(np.datetime64("2000-01-01")) for name, history in HISTORIES.items()}
    found = predictions(EVERY_DAY[:3], nothing)
    assert np.isnan(found.predicted_return).all() and np.isnat(found.as_of_session).all()


def test_prediction_is_mean_plus_shrunk_deviation() -> None:
    mean, deviation = (
        trained_model().target_mean,
        predictions(EVERY_DAY).predicted_return - trained_model().target_mean,
    )
    other = replace(trained_model(), target_mean=mean + 1, target_std=2 * trained_model().target_std)
    changed = predict(other, SOURCE, HISTORIES, EVERY_DAY).predicted_return
    np.testing.assert_allclose(changed, mean + 1 + 2 * deviation, rtol=1e-12)


def test_validation_compares_with_what_came() -> None:
    first, last = CUTOFF, date(2016, 12, 31)
    found = validate(trained_model(), SOURCE, HISTORIES, first, last)
    labels = labels_of(SOURCE, trained_model().config.horizon)
    chosen = (labels.days >= np.datetime64(first)) & (labels.days <= np.datetime64(last))
    assert found.predictions.days.tolist() == labels.days[chosen].tolist()
    np.testing.assert_array_equal(found.realised, labels.returns[chosen])
    known = np.isfinite(found.realised)
    assert 0 < found.scored_days == known.sum() < len(known)
    predicted, came = found.predictions.predicted_return[known], found.realised[known]
    assert found.mae == pytest.approx(np.abs(predicted - came).mean())
    assert found.zero_mae == pytest.approx(np.abs(came).mean())
    assert found.mean_mae == pytest.approx(np.abs(trained_model().target_mean - came).mean())
    assert found.directional_accuracy == pytest.approx((np.sign(predicted) == np.sign(came)).mean())


def test_validation_of_nothing_has_no_scores() -> None:
    found = validate(trained_model(), SOURCE, HISTORIES, date(2000, 1, 1), date(2000, 2, 1))
    assert found.scored_days == 0
    assert np.isnan([found.mae, found.zero_mae, found.mean_mae, found.directional_accuracy]).all()


def test_another_instruments_history_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="model of 'test' was given the history of 'gold'"):
        predict(trained_model(), random_history(100, 1, "gold"), HISTORIES, EVERY_DAY)


def test_other_features_than_the_models_are_refused() -> None:
    older = replace(trained_model(), feature_names=("return_1",))
    with pytest.raises(ArtifactError, match="train it again"):
        predict(older, SOURCE, HISTORIES, EVERY_DAY)
