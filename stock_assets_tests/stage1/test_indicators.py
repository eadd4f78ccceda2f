from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stock_assets.stage1 import indicators

NAN = np.nan


def check(result: np.ndarray, expected: list[float]) -> None:
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_simple_moving_average() -> None:
    check(indicators.simple_moving_average(np.array([1.0, 2.0, 6.0, 4.0]), 3), [NAN, NAN, 3.0, 4.0])


def test_moving_deviation() -> None:
    check(indicators.moving_deviation(np.array([1.0, 3.0, 3.0, 9.0]), 2), [NAN, 1.0, 0.0, 3.0])


def test_exponential_moving_average_starts_at_the_first_number() -> None:
    # share 2 / (3 + 1): 1, 1.5, 2.25, 3.125
    check(indicators.exponential_moving_average(np.array([1.0, 2.0, 3.0, 4.0]), 3), [NAN, NAN, 2.25, 3.125])
    check(
        indicators.exponential_moving_average(np.array([NAN, 1.0, 2.0, 3.0, 4.0]), 3),
        [NAN, NAN, NAN, 2.25, 3.125],
    )


def test_wilder_average() -> None:
    # mean(2, 4) = 3, then 3 + (7 - 3) / 2 = 5, then 5 + (1 - 5) / 2 = 3
    check(indicators.wilder_average(np.array([2.0, 4.0, 7.0, 1.0]), 2), [NAN, 3.0, 5.0, 3.0])


def test_relative_strength_index() -> None:
    # changes 1, -1, 2, -1, 2; average gains 0.5, 1.25, 0.625, 1.3125; average losses 0.5, 0.25, 0.625, 0.3125
    result = indicators.relative_strength_index(np.array([10.0, 11.0, 10.0, 12.0, 11.0, 13.0]), 2)
    check(result, [NAN, NAN, 50.0, 125 / 1.5, 50.0, 131.25 / 1.625])


@pytest.mark.parametrize(("levels", "expected"), [([1, 2, 3], 100.0), ([3, 2, 1], 0.0), ([2, 2, 2], 50.0)])
def test_relative_strength_index_of_one_direction(levels: list[float], expected: float) -> None:
    check(indicators.relative_strength_index(np.array(levels, dtype=float), 2), [NAN, NAN, expected])


def test_macd_is_the_difference_of_its_averages() -> None:
    values = np.exp(np.random.default_rng(3).normal(0, 0.1, 60))
    line, signal = indicators.macd(values)
    fast, slow = (indicators.exponential_moving_average(values, window) for window in (12, 26))
    check(line, list(fast - slow))
    check(signal, list(indicators.exponential_moving_average(line, 9)))
    assert (np.isnan(line).sum(), np.isnan(signal).sum()) == (25, 33)


def test_average_true_range_counts_gaps() -> None:
    high, low, close = np.array([10.0, 12.0, 9.0]), np.array([8.0, 11.0, 7.0]), np.array([9.0, 11.0, 8.0])
    # true ranges: 10 - 8 = 2; 12 - 9 (the close before) = 3; 11 (the close before) - 7 = 4
    check(indicators.average_true_range(high, low, close, 2), [NAN, 2.5, 3.25])


def test_parabolic_sar_follows_a_rise_and_turns_with_the_fall() -> None:
    high = np.array([10.0, 11.0, 12.0, 13.0, 12.0, 9.0, 8.0, 8.0])
    low = np.array([9.0, 10.0, 11.0, 12.0, 10.0, 7.0, 6.0, 6.5])
    # Up from the low of 9 with extreme 11. Session 2: 9 + 0.02 · 2 = 9.04, held back by the low of 9.
    # Session 3: new extreme 12, step 0.04: 9 + 0.04 · 3 = 9.12. Session 4: extreme 13, step 0.06:
    # 9.12 + 0.06 · 3.88 = 9.3528. Session 5 falls through: it turns to the old extreme, 13.
    # Session 6: extreme 7: 13 − 0.02 · 6 = 12.88. Session 7: extreme 6, step 0.04:
    # 12.88 − 0.04 · 6.88 = 12.6048.
    check(indicators.parabolic_sar(high, low), [NAN, 9.0, 9.0, 9.12, 9.3528, 13.0, 12.88, 12.6048])


def test_parabolic_sar_turns_above_a_session_that_reached_both_ways() -> None:
    high, low = np.array([10.0, 11.0, 12.0, 15.0, 9.0]), np.array([9.0, 10.0, 11.0, 7.0, 8.0])
    # The fourth session falls through the stop after it rose above the old extreme of 12: the new stop is
    # its high. Then 15 − 0.02 · 8 = 14.84, which is held above that high.
    check(indicators.parabolic_sar(high, low), [NAN, 9.0, 9.0, 15.0, 15.0])


def test_parabolic_sar_of_mirrored_prices_is_mirrored() -> None:
    rng = np.random.default_rng(5)
    low = 100 + np.cumsum(rng.normal(0, 1, 300))
    high = low + rng.uniform(0.1, 2, 300)
    check(indicators.parabolic_sar(200 - low, 200 - high), list(200 - indicators.parabolic_sar(high, low)))


def test_parabolic_sar_accelerates_to_its_limit() -> None:
    high = np.arange(1.0, 60.0)
    sar = indicators.parabolic_sar(high, high - 0.5)
    # A steady rise of 1 a session with step 0.2 is followed at a distance of 1 / 0.2 from the extreme of
    # the session before.
    assert high[-2] - sar[-1] == pytest.approx(5 - 1, abs=1e-3)


SERIES = hnp.arrays(np.float64, st.integers(0, 60), elements=st.floats(0.5, 2.0))
ALL: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sma": lambda x: indicators.simple_moving_average(x, 9),
    "deviation": lambda x: indicators.moving_deviation(x, 9),
    "ema": lambda x: indicators.exponential_moving_average(x, 9),
    "rsi": lambda x: indicators.relative_strength_index(x, 9),
    "macd": lambda x: indicators.macd(x)[0],
    "macd_signal": lambda x: indicators.macd(x)[1],
    "atr": lambda x: indicators.average_true_range(x * 1.01, x * 0.99, x, 9),
    "sar": lambda x: indicators.parabolic_sar(x * 1.01, x * 0.99),
}


@pytest.mark.parametrize("name", ALL)
@settings(derandomize=True, deadline=None, max_examples=40)
@given(series=SERIES, share=st.floats(0, 1))
def test_a_longer_series_begins_with_the_same_bits(name: str, series: np.ndarray, share: float) -> None:
    stop = int(share * len(series))
    assert ALL[name](series[:stop]).tobytes() == ALL[name](series)[:stop].tobytes()


@settings(derandomize=True, deadline=None, max_examples=40)
@given(SERIES, st.integers(1, 20))
def test_bounds(series: np.ndarray, window: int) -> None:
    rsi = indicators.relative_strength_index(series, window)
    assert ((rsi >= 0) & (rsi <= 100) | np.isnan(rsi)).all()
    assert np.isnan(rsi).sum() == min(window, len(series))
    average = indicators.simple_moving_average(series, window)
    for index in range(window - 1, len(series)):
        last = series[index - window + 1 : index + 1]
        assert last.min() - 1e-12 <= average[index] <= last.max() + 1e-12
    deviation = indicators.moving_deviation(series, window)
    assert (deviation[window - 1 :] >= 0).all()


def test_inputs_are_left_alone() -> None:
    series = np.linspace(1, 2, 40)
    for compute in ALL.values():
        compute(series)
    assert series.tobytes() == np.linspace(1, 2, 40).tobytes()
