"""Levels in a base currency: which exchange rate counts on which day, and what converting leaves as it is."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_assets.config.instruments import ExchangeRate
from stock_assets.config.portfolios import CovarianceConfig, PortfolioModel, SharpeNetConfig
from stock_assets.config.training import TrainingConfig
from stock_assets.market_data.bars import InstrumentHistory
from stock_assets.market_data.total_return import total_return_level
from stock_assets.portfolio.inputs import Predictions, build_inputs
from stock_assets.portfolio.levels import LevelGrid, level_grid, realised_grid
from stock_assets.portfolio.models import portfolio_weights
from stock_assets.portfolio.sharpe_windows import training_windows
from stock_assets_tests.lookahead import Histories, assert_no_lookahead
from stock_assets_tests.portfolio.worlds import (
    CONFIG,
    INSTRUMENTS,
    PREDICTED,
    RMSE,
    examples,
    history_of,
    random_histories,
    weekdays,
)

NAN = np.nan
WEEK = np.array(["2022-01-03", "2022-01-04", "2022-01-05", "2022-01-06", "2022-01-07"], dtype="datetime64[D]")
NEXT_WEEK = np.datetime64("2022-01-10")
#: New York is closed on the 5th; the rate has no close on the 6th.
STOCK = history_of("stock", WEEK[[0, 1, 3]], np.array([1.0, 1.1, 1.21]))
RATE_DAYS = WEEK[[0, 1, 2, 4]]
RATE = history_of("usd_krw", RATE_DAYS, np.array([1.0, 1.02, 1.05, 1.1]))
#: The same closes, published on the next trading day.
LATE_RATE = history_of(
    "usd_krw", RATE_DAYS, RATE.level, np.array([*WEEK[[1, 2, 3]], NEXT_WEEK]), closing_days=RATE_DAYS
)

DAYS = weekdays(260)
CUTOFF = DAYS[240].item()
NET = SharpeNetConfig(
    lookback=10, horizon=5, window_stride=3, training=TrainingConfig(validation_fraction=0.25)
)
SMALL = CONFIG.model_copy(update={"covariance": CovarianceConfig(window=60, overlap=5)})


def column(grid: LevelGrid) -> np.ndarray:
    return grid.levels[:, 0]


def a_rate(days: np.ndarray = DAYS, seed: int = 3) -> InstrumentHistory:
    """A rate of its own that is published a day late."""
    steps = np.random.default_rng(seed).normal(0, 0.006, len(days))
    published = np.append(days[1:], np.busday_offset(days[-1], 1))
    return history_of("usd_krw", days, np.exp(np.cumsum(steps)), published, days)


def test_the_last_close_of_the_rate_counts_on_a_holiday_of_either() -> None:
    expected = [1.0, 1.1 * 1.02, 1.1 * 1.05, 1.21 * 1.05, 1.21 * 1.1]
    rates = {"stock": RATE}
    np.testing.assert_allclose(column(level_grid([STOCK], WEEK, rates)), expected, rtol=1e-15)
    realised = realised_grid([STOCK], WEEK, rates)
    # What comes after the 6th, its last close until now, is not known to be none.
    np.testing.assert_allclose(column(realised.grid), [*expected[:4], NAN], rtol=1e-15)
    np.testing.assert_array_equal(realised.known_on, WEEK)


def test_a_rate_that_is_published_late_is_known_late_and_was_made_at_its_close() -> None:
    rates = {"stock": LATE_RATE}
    np.testing.assert_allclose(
        column(level_grid([STOCK], WEEK, rates)), [NAN, 1.1, 1.1 * 1.02, 1.21 * 1.05, 1.21 * 1.05]
    )
    realised = realised_grid([STOCK], WEEK, rates)
    np.testing.assert_allclose(column(realised.grid), [1.0, 1.1 * 1.02, 1.1 * 1.05, NAN, NAN])
    np.testing.assert_array_equal(realised.known_on[:3], WEEK[[1, 2, 3]])


def test_a_label_waits_for_the_slower_of_instrument_and_rate() -> None:
    published = np.append(WEEK[2:], [NEXT_WEEK, NEXT_WEEK + 1])
    bond = history_of("stock", WEEK, np.arange(1.0, 6.0), published, WEEK)
    for rate in (RATE, LATE_RATE):
        known_on = realised_grid([bond], WEEK, {"stock": rate}).known_on
        np.testing.assert_array_equal(known_on[:3], published[:3])
    on_time = history_of("stock", WEEK, np.arange(1.0, 6.0))
    assert realised_grid([on_time], WEEK, {"stock": LATE_RATE}).known_on[0] == WEEK[1]


def test_what_is_in_the_base_currency_keeps_every_bit() -> None:
    histories = random_histories(DAYS)
    rates = {"oil": a_rate()}
    others = [number for number, name in enumerate(INSTRUMENTS) if name != "oil"]
    for local, base in (
        (level_grid(histories, DAYS), level_grid(histories, DAYS, rates)),
        (realised_grid(histories, DAYS).grid, realised_grid(histories, DAYS, rates).grid),
    ):
        assert base.levels[:, others].tobytes() == local.levels[:, others].tobytes()
        assert not np.array_equal(base.levels[:, 1], local.levels[:, 1], equal_nan=True)


@examples
@given(seed=st.integers(0, 10_000), late=st.booleans())
def test_there_with_a_rate_and_back_with_its_inverse(seed: int, late: bool) -> None:
    generator = np.random.default_rng(seed)
    days = weekdays(40)

    def some(chance: float) -> np.ndarray:
        return days[generator.uniform(size=len(days)) < chance]

    sessions, rate_days = some(0.8), some(0.8)
    stock = history_of("stock", sessions, np.exp(np.cumsum(generator.normal(0, 0.02, len(sessions)))))
    values = np.exp(generator.normal(0, 1) + np.cumsum(generator.normal(0, 0.01, len(rate_days))))
    published = np.busday_offset(rate_days, int(late)).astype("datetime64[D]")
    rate = history_of("usd_krw", rate_days, values, published, rate_days)
    inverse = history_of("krw_usd", rate_days, 1 / values, published, rate_days)
    local, there = column(level_grid([stock], days)), column(level_grid([stock], days, {"stock": rate}))
    back = column(level_grid([history_of("stock", days, there)], days, {"stock": inverse}))
    has_rate = days >= published[0]
    np.testing.assert_allclose(back[has_rate], local[has_rate], rtol=1e-12)
    assert np.isnan(there[~has_rate]).all()


def weights_of(grid: LevelGrid, model: PortfolioModel) -> list[np.ndarray]:
    days = DAYS[[200, 230]]
    predictions = Predictions(np.tile(PREDICTED, (2, 1)), np.tile(RMSE, (2, 1)), 30)
    found = []
    for inputs in build_inputs(grid, days, {"soda", "bond", "gold"}, SMALL, predictions=predictions):
        found += [result.weights for result in portfolio_weights(model, inputs, SMALL).values()]
    return found


@pytest.mark.parametrize("model", ["alpha", "black_litterman"])
@pytest.mark.parametrize("moves", [False, True])
def test_a_constant_rate_gives_the_weights_of_local_returns(model: PortfolioModel, moves: bool) -> None:
    rate = ExchangeRate.model_validate(
        {
            "id": "usd_krw",
            "name": "Dollar",
            "exchange": "XNYS",
            "currency": "KRW",
            "unit_currency": "USD",
            "sources": [{"source": "csv", "symbol": "USDKRW"}],
        }
    )
    closes = np.full(len(DAYS), 1311.7) * (a_rate().level if moves else 1)
    level = total_return_level(rate, DAYS, closes, np.full(len(DAYS), NAN))
    histories = random_histories(DAYS)
    converted = history_of("usd_krw", DAYS, level)
    rates: Histories = {name: converted for name in INSTRUMENTS[:3]}
    local = weights_of(level_grid(histories, DAYS), model)
    base = weights_of(level_grid(histories, DAYS, rates), model)
    same = [one.tobytes() == other.tobytes() for one, other in zip(local, base, strict=True)]
    assert all(same) != moves and any(same) != moves


def test_the_sharpe_nets_windows_and_labels_are_converted() -> None:
    levels = np.cumprod(1 + np.random.default_rng(0).normal(0, 0.01, (260, 2)), axis=0)
    histories = [history_of("gold", DAYS, levels[:, 0]), history_of("oil", DAYS, levels[:, 1])]
    rate = a_rate()
    local = training_windows(histories, DAYS, NET, CUTOFF).validation
    validation = training_windows(histories, DAYS, NET, CUTOFF, {"oil": rate}).validation
    row = int(np.flatnonzero(DAYS == validation.days[4])[0])
    moves = rate.level[1:] / rate.level[:-1]  # moves[k]: from the close of day k to that of day k + 1
    daily = levels[1:, 1] / levels[:-1, 1]
    # Decided with the rate's close of the day before, and labelled with that of the day itself.
    expected = daily[row - 10 : row] * moves[row - 11 : row - 1] - 1
    np.testing.assert_allclose(validation.past_returns[4, :, 1], expected, rtol=1e-9)
    expected = daily[row + 1 : row + 6] * moves[row + 1 : row + 6] - 1
    np.testing.assert_allclose(validation.next_returns[4, :, 1], expected, rtol=1e-9)
    assert validation.due_days[4] == DAYS[row + 7], "a day later than the closes"
    at = int(np.flatnonzero(local.days == validation.days[4])[0])
    assert validation.past_returns[4, :, 0].tobytes() == local.past_returns[at, :, 0].tobytes()


def in_base_currency(histories: Histories, day: np.datetime64) -> bytes:
    """Everything until the day: levels, and what a Sharpe net of the next day's cutoff learns from."""
    rates: Histories = {name: histories["usd_krw"] for name in ("chips", "bond")}
    held = [histories[name] for name in INSTRUMENTS]
    known = level_grid(held, DAYS, rates).levels[day >= DAYS]
    cutoff = day.astype(date) + timedelta(days=1)
    samples = training_windows(held, DAYS, NET, cutoff, rates)
    arrays = [known, samples.scaler.mean, samples.scaler.std]
    for windows in (samples.train, samples.validation):
        arrays += [windows.days, windows.due_days, windows.inputs, windows.next_returns]
    return b"".join(array.tobytes() for array in arrays)


def test_nothing_until_a_day_knows_later_rates() -> None:
    histories = {history.instrument: history for history in random_histories(DAYS)}
    assert_no_lookahead(in_base_currency, histories | {"usd_krw": a_rate()}, DAYS[[150, 201, 239]])


def test_a_rate_that_changed_changes_what_comes_after() -> None:
    """Or the test above would show nothing."""
    histories = {history.instrument: history for history in random_histories(DAYS)}
    one, other = (in_base_currency(histories | {"usd_krw": a_rate(seed=seed)}, DAYS[239]) for seed in (3, 4))
    assert one != other
