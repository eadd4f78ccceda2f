from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_assets.config.stage1 import InstrumentStage1Config
from stock_assets.config.training import TrainingConfig
from stock_assets.errors import InsufficientHistory
from stock_assets.learning.scaling import Scaler
from stock_assets.market_data.bars import InstrumentHistory
from stock_assets.stage1 import dataset
from stock_assets.stage1.dataset import TrainingSet, has_window, labels_of, training_windows, window_inputs
from stock_assets.stage1.features import FeatureTable, feature_table
from stock_assets_tests.lookahead import Histories, LookAhead, assert_no_lookahead, change_after
from stock_assets_tests.stage1.histories import history, random_history

CONFIG = InstrumentStage1Config(lookback=10, horizon=5, features=("return_1", "sma_5"), window_stride=1)
CUTOFF = date(2016, 1, 15)


def days(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[D]")


def training_set(source=None, cutoff: date = CUTOFF, **changes) -> TrainingSet:
    source = random_history(300, 1) if source is None else source
    config = CONFIG.model_copy(update=changes)
    return training_windows(feature_table(source, config, {}), source, config, cutoff)


def test_labels_start_at_the_first_close_after_the_decision() -> None:
    # Friday, Saturday's session (which belongs to Monday), Monday, …, Thursday.
    source = history(
        [1.0, 2.0, 4.0, 5.0, 10.0, 20.0],
        days("2021-01-08", "2021-01-09", "2021-01-11", "2021-01-12", "2021-01-13", "2021-01-14"),
        trading_days=days("2021-01-08", "2021-01-11", "2021-01-11", "2021-01-12", "2021-01-13", "2021-01-14"),
        closing_days=days("2021-01-08", "2021-01-11", "2021-01-11", "2021-01-12", "2021-01-13", "2021-01-14"),
    )
    labels = labels_of(source, 2)
    assert (
        labels.days.tolist()
        == days("2021-01-08", "2021-01-11", "2021-01-12", "2021-01-13", "2021-01-14").tolist()
    )
    assert labels.rows.tolist() == [0, 2, 3, 4, 5]
    # Friday: from Saturday's close, 2, to Tuesday's, 5. Monday: from Tuesday's, 5, to Thursday's, 20.
    np.testing.assert_allclose(labels.returns, [1.5, 3.0, np.nan, np.nan, np.nan])
    assert labels.due_days[:2].tolist() == days("2021-01-12", "2021-01-14").tolist()
    assert np.isnat(labels.due_days[2:]).all()


def test_a_bar_that_is_published_a_day_later_neither_starts_a_label_nor_is_seen() -> None:
    sessions = days("2021-01-04", "2021-01-05", "2021-01-06", "2021-01-07")
    source = history(
        [1.0, 2.0, 6.0, 9.0],
        sessions,
        trading_days=days("2021-01-05", "2021-01-06", "2021-01-07", "2021-01-08"),
        closing_days=sessions,
    )
    labels = labels_of(source, 1)
    # On Tuesday, Monday's bar is known; Tuesday's close is past, so that the label runs from Wednesday's.
    assert labels.days[0] == np.datetime64("2021-01-05")
    assert labels.rows[0] == 0
    assert labels.returns[0] == pytest.approx(9 / 6 - 1)
    assert labels.due_days[0] == np.datetime64("2021-01-08")


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(1, 40), st.integers(0, 3))
def test_labels_never_overlap_what_their_day_knows(seed: int, horizon: int, lag: int) -> None:
    source = random_history(80, seed, lag=lag)
    labels = labels_of(source, horizon)
    assert (source.trading_days[labels.rows] == labels.days).all()
    assert (np.diff(labels.days) > np.timedelta64(0)).all()
    realised = np.isfinite(labels.returns)
    assert (labels.due_days[realised] > labels.days[realised]).all()
    for day, value in zip(labels.days[realised], labels.returns[realised], strict=True):
        entry = next(i for i in range(len(source)) if source.closing_days[i] > day)
        assert value == source.level[entry + horizon] / source.level[entry] - 1


def test_windows_without_nan() -> None:
    values = np.zeros((6, 2))
    values[0, 1] = values[3, 0] = np.nan
    empty = np.empty(6, dtype="datetime64[D]")
    table = FeatureTable("test", ("a", "b"), empty, empty, values)
    assert has_window(table, np.arange(6), 2).tolist() == [False, False, True, False, False, True]
    assert has_window(table, np.arange(6), 1).tolist() == [False, True, True, False, True, True]


def test_inputs_are_the_last_rows_standardised() -> None:
    values = np.arange(8.0).reshape(4, 2)
    empty = np.empty(4, dtype="datetime64[D]")
    table = FeatureTable("test", ("a", "b"), empty, empty, values)
    scaler = Scaler(np.array([1.0, 0.0]), np.array([1.0, 2.0]))
    inputs = window_inputs(table, np.array([1, 3]), 2, scaler)
    assert inputs.dtype == np.float32
    assert inputs.tolist() == [[[-1.0, 0.5], [1.0, 1.5]], [[3.0, 2.5], [5.0, 3.5]]]


def test_training_set_of_a_small_history_by_hand() -> None:
    # 12 weekdays from Thursday 2015-01-01; windows of 2 rows, the first return missing, horizon 1.
    source = history(np.array([1.0, 2.0, 1.0, 3.0, 1.0, 4.0, 1.0, 5.0, 1.0, 6.0, 1.0, 7.0]))
    config = InstrumentStage1Config(
        lookback=2,
        horizon=1,
        features=("return_1",),
        window_stride=1,
        training=TrainingConfig(validation_fraction=0.25),
    )
    cutoff = source.trading_days[11].item()
    found = training_windows(feature_table(source, config, {}), source, config, cutoff)
    # Decisions at rows 2 to 8 have both a window and a label known before the cutoff (row 11): 7 days, of
    # which 2 validate (7 and 8). Of rows 2 to 6, labels end at rows 4 to 8: those of 5 and 6 reach row 7.
    assert found.validation.days.tolist() == source.trading_days[[7, 8]].tolist()
    assert found.train.days.tolist() == source.trading_days[[2, 3, 4]].tolist()
    assert found.train.rows.tolist() == [2, 3, 4]
    np.testing.assert_allclose(found.train.returns, [1 / 3 - 1, 4 - 1, 1 / 4 - 1])
    assert found.target_mean == pytest.approx(found.train.returns.mean())
    assert found.target_std == pytest.approx(found.train.returns.std())
    # Rows 1 to 4 are in training windows: returns ln 2, −ln 2, ln 3, −ln 3.
    assert found.scaler.mean[0] == pytest.approx(0, abs=1e-15)
    assert found.scaler.std[0] == pytest.approx(((np.log(2) ** 2 + np.log(3) ** 2) / 2) ** 0.5)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 1000),
    lag=st.integers(0, 2),
    stride=st.integers(1, 7),
    fraction=st.floats(0.05, 0.6),
    back=st.integers(0, 120),
)
def test_time_order_and_purge(seed: int, lag: int, stride: int, fraction: float, back: int) -> None:
    source = random_history(250, seed, lag=lag)
    cutoff = source.trading_days[-1 - back]
    found = training_set(
        source,
        cutoff.item(),
        window_stride=stride,
        training=TrainingConfig(validation_fraction=fraction),
    )
    assert found.train.due_days.max() < found.validation.days.min()
    assert found.validation.due_days.max() < cutoff
    for part in (found.train, found.validation):
        assert (np.diff(part.days) > np.timedelta64(0)).all()
        assert (part.due_days > part.days).all()
        assert np.isfinite(part.inputs).all() and part.inputs.dtype == np.float32
        assert part.inputs.shape == (len(part), CONFIG.lookback, 2)


def test_validation_is_the_last_share_of_the_labelled_days() -> None:
    source = random_history(300, 1)
    labels = labels_of(source, CONFIG.horizon)
    usable = (labels.due_days < np.datetime64(CUTOFF)) & (labels.rows >= 5 + CONFIG.lookback - 2)
    found = training_set(source)
    assert len(found.validation) == int(np.ceil(0.2 * usable.sum()))
    assert found.validation.days.tolist() == labels.days[usable][-len(found.validation) :].tolist()


def test_stride_keeps_every_so_many_training_windows_counted_from_the_newest() -> None:
    every, some = training_set(), training_set(window_stride=4)
    assert some.train.days.tolist() == every.train.days[::-1][::4][::-1].tolist()
    assert some.validation.days.tolist() == every.validation.days.tolist()


def test_scaler_knows_the_rows_of_training_windows_only() -> None:
    source = random_history(300, 1)
    found = training_set(source, window_stride=20)
    table = feature_table(source, CONFIG, {})
    seen = sorted({row for last in found.train.rows for row in range(last - CONFIG.lookback + 1, last + 1)})
    assert len(seen) < found.train.rows[-1]  # the stride is longer than a window: rows between are not seen
    np.testing.assert_allclose(found.scaler.mean, table.values[seen].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.scaler.std, table.values[seen].std(axis=0), rtol=1e-12)


def test_equal_labels_have_the_deviation_one() -> None:
    assert training_set(history(np.ones(200)), date(2015, 9, 1)).target_std == 1.0


def test_too_little_history_is_told_with_its_numbers() -> None:
    source = random_history(300, 1)
    cutoff = source.trading_days[19].item()
    before = int((source.trading_days < source.trading_days[19]).sum())
    with pytest.raises(InsufficientHistory, match=f"'test' has {before} sessions before the cutoff {cutoff}"):
        training_set(source, cutoff)
    with pytest.raises(InsufficientHistory, match="0 training and 0 validation"):
        training_set(source, date(2000, 1, 1))


def parts(found: TrainingSet) -> bytes:
    arrays = (found.train.inputs, found.train.returns, found.validation.inputs, found.validation.returns)
    return b"".join(array.tobytes() for array in (*arrays, found.scaler.mean, found.scaler.std))


SOURCE = random_history(300, 6)
DAYS = np.unique(SOURCE.trading_days)[[120, 180, 240]]


def test_a_cutoffs_training_set_knows_nothing_of_it_or_later() -> None:
    def compute(histories: Histories, day: np.datetime64) -> bytes:
        return parts(training_set(histories["test"], (day + np.timedelta64(1, "D")).item()))

    assert_no_lookahead(compute, {"test": SOURCE}, DAYS)


def test_labels_that_fall_due_on_the_cutoff_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def compute(histories: Histories, day: np.datetime64) -> bytes:
        return parts(training_set(histories["test"], (day + np.timedelta64(1, "D")).item()))

    def early(source, horizon):
        labels = labels_of(source, horizon)
        return replace(labels, due_days=labels.due_days - np.timedelta64(5, "D"))

    monkeypatch.setattr(dataset, "labels_of", early)
    with pytest.raises(LookAhead):
        assert_no_lookahead(compute, {"test": SOURCE}, DAYS)


def training_part(source: InstrumentHistory) -> bytes:
    """What a network learns from, for one cutoff after the last validation day."""
    found = training_set(source, SOURCE.trading_days[-1].item())
    return found.train.inputs.tobytes() + found.train.returns.tobytes() + found.scaler.mean.tobytes()


def changed_from_validation_on(seed: int) -> InstrumentHistory:
    first = training_set(SOURCE, SOURCE.trading_days[-1].item()).validation.days[0]
    return change_after({"test": SOURCE}, first - np.timedelta64(1, "D"), seed)["test"]


@pytest.mark.parametrize("seed", [1, 2])
def test_training_knows_nothing_of_the_validation_days(seed: int) -> None:
    assert training_part(changed_from_validation_on(seed)) == training_part(SOURCE)


def shuffled(_days, _due_days, usable, validation_fraction, _stride):
    labelled = np.random.default_rng(0).permutation(np.flatnonzero(usable))
    count = int(np.ceil(validation_fraction * len(labelled)))
    return np.sort(labelled[count:]), np.sort(labelled[:count])


def unpurged(_days, _due_days, usable, validation_fraction, _stride):
    labelled = np.flatnonzero(usable)
    start = len(labelled) - int(np.ceil(validation_fraction * len(labelled)))
    return labelled[:start], labelled[start:]


@pytest.mark.parametrize("faulty_split", [shuffled, unpurged])
def test_a_faulty_split_is_caught(monkeypatch: pytest.MonkeyPatch, faulty_split) -> None:
    changed = changed_from_validation_on(1)  # as the right split has it
    monkeypatch.setattr(dataset, "split", faulty_split)
    assert training_part(changed) != training_part(SOURCE)
