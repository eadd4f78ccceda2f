"""The total return of a par bond, against numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_assets.market_data.yields import par_bond_returns


def one(before: float, after: float, days: int, maturity_years: float) -> float:
    [result] = par_bond_returns(np.array([before, after]), np.array([days]), maturity_years)
    return float(result)


def test_ten_years_from_4_28_to_4_38_overnight() -> None:
    # Twenty coupons of 2.14 and 100 at the end, discounted at 2.19 a half-year: 99.19722; a day's accrual of
    # 100 × (1.0219^(2/365) − 1) = 0.0119 on top of it.
    assert one(4.28, 4.38, 1, 10) == pytest.approx(-0.00791, abs=5e-6)
    price = sum(2.14 / 1.0219**k for k in range(1, 21)) + 100 / 1.0219**20
    assert price == pytest.approx(99.19722, abs=1e-5)
    assert one(4.28, 4.38, 1, 10) == pytest.approx(price / 100 * 1.0219 ** (2 / 365) - 1, abs=1e-14)


def test_half_a_year_by_hand() -> None:
    # One payment of 1 + 0.02 is left, worth 1.02 / 1.025 with a half-year to go.
    assert one(4.0, 5.0, 0, 0.5) == pytest.approx(1.02 / 1.025 - 1, abs=1e-15)


def test_one_year_by_hand() -> None:
    # 0.03 after half a year and 1.03 after a year, at 2 % a half-year: 0.0294118 + 0.9900038.
    assert one(6.0, 4.0, 0, 1) == pytest.approx(0.0194156, abs=1e-7)


@pytest.mark.parametrize("maturity_years", [0.5, 3, 10, 30])
@pytest.mark.parametrize("level", [-0.5, 0.0, 0.9, 4.28, 15.0])
def test_an_unchanged_yield_earns_its_accrual(level: float, maturity_years: float) -> None:
    # 365 days are two periods.
    assert one(level, level, 365, maturity_years) == pytest.approx((1 + level / 200) ** 2 - 1, abs=1e-12)
    assert one(level, level, 0, maturity_years) == pytest.approx(0, abs=1e-12)


def test_a_weekend_accrues_for_three_days() -> None:
    # 4.28 % for three days: (1.0214)^(6/365) − 1 = 0.0348 %.
    assert one(4.28, 4.28, 3, 10) == pytest.approx(0.000348, abs=1e-6)
    overnight, weekend = one(4.28, 4.28, 1, 10), one(4.28, 4.28, 3, 10)
    assert 1 + weekend == pytest.approx((1 + overnight) ** 3, abs=1e-15)


def test_zero_and_negative_yields() -> None:
    # Without interest the price is the sum of the payments: no coupon and 1.
    assert one(0.0, 0.0, 3, 10) == 0
    # Coupons of −0.25 % each, undiscounted: 1 − 20 × 0.0025.
    assert one(-0.5, 0.0, 0, 10) == pytest.approx(-0.05, abs=1e-14)
    assert one(0.0, -0.5, 0, 10) == pytest.approx(0.9975**-20 - 1, abs=1e-12)


def test_the_first_derivative_is_the_duration() -> None:
    # The modified duration of a par bond is (1 − v^n) / y.
    duration = (1 - 1.0214**-20) / 0.0428
    slope = (one(4.28, 4.281, 0, 10) - one(4.28, 4.279, 0, 10)) / 0.00002
    assert slope == pytest.approx(-duration, rel=1e-6)


levels = st.lists(st.integers(-200, 1500).map(lambda value: value / 100), min_size=3, max_size=40)


@given(levels=levels, maturity=st.sampled_from([0.5, 3.0, 10.0, 30.0]), data=st.data())
@settings(derandomize=True, deadline=None, max_examples=100)
def test_a_return_is_the_same_bytes_whatever_comes_after(
    levels: list[float], maturity: float, data: st.DataObject
) -> None:
    days = np.array(
        data.draw(st.lists(st.integers(1, 5), min_size=len(levels) - 1, max_size=len(levels) - 1))
    )
    together = par_bond_returns(np.array(levels), days, maturity)
    for stop in range(2, len(levels) + 1):
        alone = par_bond_returns(np.array(levels[stop - 2 : stop]), days[stop - 2 : stop - 1], maturity)
        assert alone.tobytes() == together[stop - 2 : stop - 1].tobytes()


@given(before=st.floats(-1, 15), rise=st.floats(0.01, 3), maturity=st.sampled_from([0.5, 3.0, 10.0]))
@settings(derandomize=True, deadline=None, max_examples=100)
def test_bonds_lose_when_yields_rise_and_gain_when_they_fall(
    before: float, rise: float, maturity: float
) -> None:
    assert one(before, before + rise, 0, maturity) < 0 < one(before + rise, before, 0, maturity)
