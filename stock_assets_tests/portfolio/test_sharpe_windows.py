from datetime import date

import numpy as np
import pytest

from stock_assets.config.portfolios import SharpeNetConfig
from stock_assets.config.training import TrainingConfig
from stock_assets.errors import InsufficientHistory
from stock_assets.learning.scaling import Scaler
from stock_assets.market_data.bars import InstrumentHistory
from stock_assets.portfolio.levels import level_grid
from stock_assets.portfolio.sharpe_windows import SharpeTrainingSet, past_returns, training_windows
from stock_assets_tests.portfolio.worlds import history_of, random_histories, weekdays

DAYS = weekdays(260)
CUTOFF = DAYS[240].item()
CONFIG = SharpeNetConfig(
    lookback=10, horizon=5, window_stride=3, training=TrainingConfig(validation_fraction=0.25)
)


def _bytes(samples: SharpeTrainingSet) -> tuple[bytes, ...]:
    arrays = [samples.scaler.mean, samples.scaler.std]
    for windows in (samples.train, samples.validation):
        arrays += [windows.days, windows.due_days, windows.inputs, windows.past_returns, windows.next_returns]
    return tuple(array.tobytes() for array in arrays)


def _changed_from(histories: list[InstrumentHistory], day: np.datetime64) -> list[InstrumentHistory]:
    """Other levels in every bar that belongs to ``day`` or later."""
    generator = np.random.default_rng(99)
    return [
        history_of(
            history.instrument,
            history.sessions,
            np.where(
                history.trading_days >= day,
                history.level * generator.uniform(0.5, 2.0, len(history)),
                history.level,
            ),
            history.trading_days,
            history.closing_days,
        )
        for history in histories
    ]


def test_windows_end_on_the_day_and_labels_start_at_the_first_close_after_its_decision():
    generator = np.random.default_rng(0)
    levels = np.cumprod(1 + generator.normal(0, 0.01, (260, 2)), axis=0)
    histories = [history_of("gold", DAYS, levels[:, 0]), history_of("oil", DAYS, levels[:, 1])]
    validation = training_windows(histories, DAYS, CONFIG, CUTOFF).validation
    number = 7
    row = int(np.flatnonzero(DAYS == validation.days[number])[0])
    daily = levels[1:] / levels[:-1] - 1  # daily[k]: from day k to day k + 1
    np.testing.assert_allclose(validation.past_returns[number], daily[row - 10 : row], rtol=1e-12)
    # The close of row + 1 is the first to trade at: the label's first return leads from there to row + 2.
    np.testing.assert_allclose(validation.next_returns[number], daily[row + 1 : row + 6], rtol=1e-12)
    assert validation.due_days[number] == DAYS[row + 6]


def test_a_late_published_instrument_is_seen_late_but_labelled_at_its_closes():
    levels = np.cumprod(1 + np.random.default_rng(0).normal(0, 0.01, (260, 2)), axis=0)
    published = np.append(DAYS[1:], np.datetime64("2099-01-01"))
    histories = [
        history_of("gold", DAYS, levels[:, 0]),
        history_of("bond", DAYS, levels[:, 1], published, DAYS),
    ]
    validation = training_windows(histories, DAYS, CONFIG, CUTOFF).validation
    row = int(np.flatnonzero(DAYS == validation.days[0])[0])
    daily = levels[1:] / levels[:-1] - 1
    np.testing.assert_allclose(validation.past_returns[0, :, 1], daily[row - 11 : row - 1, 1], rtol=1e-12)
    np.testing.assert_allclose(validation.next_returns[0, :, 1], daily[row + 1 : row + 6, 1], rtol=1e-12)
    assert validation.due_days[0] == DAYS[row + 7]


def test_training_is_purged_before_validation_and_validation_before_the_cutoff():
    samples = training_windows(random_histories(DAYS), DAYS, CONFIG, CUTOFF)
    train, validation = samples.train, samples.validation
    assert train.due_days.max() < validation.days[0]
    # Nothing more is purged than has to be: the last training label is known on the day before.
    assert train.due_days[-1] == DAYS[np.flatnonzero(DAYS == validation.days[0])[0] - 1]
    assert validation.due_days.max() == DAYS[239]
    assert validation.due_days.max() < np.datetime64(CUTOFF)
    assert (np.diff(train.days) > np.timedelta64(0)).all()


def test_the_scaler_measures_each_day_of_the_training_windows_once():
    histories = random_histories(DAYS)
    samples = training_windows(histories, DAYS, CONFIG, CUTOFF)
    rows = np.flatnonzero(np.isin(DAYS, samples.train.days))
    seen = np.unique(rows[:, None] - np.arange(10))
    grid = level_grid(histories, DAYS)
    expected = Scaler.fit(np.array([grid.levels[row] / grid.levels[row - 1] - 1 for row in seen]))
    np.testing.assert_allclose(samples.scaler.mean, expected.mean, rtol=1e-12)
    np.testing.assert_allclose(samples.scaler.std, expected.std, rtol=1e-12)
    np.testing.assert_allclose(
        samples.train.inputs, expected.transform(samples.train.past_returns), rtol=1e-5, atol=1e-5
    )


def test_nothing_from_the_cutoff_on_is_read():
    histories = random_histories(DAYS)
    expected = _bytes(training_windows(histories, DAYS, CONFIG, CUTOFF))
    cutoff = np.datetime64(CUTOFF)
    assert _bytes(training_windows(_changed_from(histories, cutoff), DAYS, CONFIG, CUTOFF)) == expected
    # What a live run has is what a backfill years later uses: also of instruments that publish late.
    live = [history.until(cutoff - 1) for history in histories]
    assert _bytes(training_windows(live, DAYS[DAYS < cutoff], CONFIG, CUTOFF)) == expected
    # The last day before the cutoff does matter.
    assert _bytes(training_windows(_changed_from(histories, DAYS[239]), DAYS, CONFIG, CUTOFF)) != expected


def test_nothing_from_validation_on_reaches_the_training_samples():
    histories = random_histories(DAYS)
    samples = training_windows(histories, DAYS, CONFIG, CUTOFF)
    changed = training_windows(_changed_from(histories, samples.validation.days[0]), DAYS, CONFIG, CUTOFF)
    assert _bytes(changed)[:7] == _bytes(samples)[:7]  # scaler and training windows
    assert _bytes(changed)[7:] != _bytes(samples)[7:]


def test_windows_with_a_missing_level_are_left_out():
    histories = random_histories(DAYS)
    histories[2] = history_of("bank", DAYS[100:], np.linspace(1, 2, 160))
    samples = training_windows(histories, DAYS, CONFIG, CUTOFF)
    assert samples.train.days[0] >= DAYS[110]
    for windows in (samples.train, samples.validation):
        assert np.isfinite(windows.inputs).all()
        assert np.isfinite(windows.next_returns).all()


def test_past_returns_are_missing_above_the_grid():
    grid = level_grid([history_of("gold", DAYS[:4], np.array([1.0, 1.1, 1.21, 1.21]))], DAYS[:4])
    found = past_returns(grid, np.array([3, 1]), 2)[:, :, 0]
    np.testing.assert_allclose(found, [[0.1, 0.0], [np.nan, 0.1]], atol=1e-12)


@pytest.mark.parametrize("cutoff", [date(2015, 1, 1), date(2015, 2, 1), date(1990, 1, 1)])
def test_too_short_a_history_is_said(cutoff):
    with pytest.raises(InsufficientHistory, match="lengthen the history or shorten lookback and horizon"):
        training_windows(random_histories(DAYS), DAYS, CONFIG, cutoff)
