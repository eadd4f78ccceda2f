"""Bounds are refused exactly when no weights can meet them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_assets.config.checks import bounds_problem
from stock_assets.config.portfolios import Bounds

shares = st.integers(0, 20).map(lambda twentieths: twentieths / 20)


def can_be_met(bounds: Bounds, safe: int, others: int) -> bool:
    """Try every share of the safe instruments in steps of a thousandth, spread evenly."""
    for share in np.linspace(0, 1, 1001):
        inside = bounds.min_safe - 1e-9 <= share <= bounds.max_safe + 1e-9
        fits_safe = share <= 1e-9 if safe == 0 else share / safe <= bounds.max_weight + 1e-9
        fits_others = share >= 1 - 1e-9 if others == 0 else (1 - share) / others <= bounds.max_weight + 1e-9
        if inside and fits_safe and fits_others:
            return True
    return False


@given(least=shares, most=shares, weight=shares, safe=st.integers(1, 6), others=st.integers(0, 8))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_a_problem_is_found_exactly_if_no_weights_exist(
    least: float, most: float, weight: float, safe: int, others: int
) -> None:
    bounds = Bounds(min_safe=min(least, most), max_safe=max(least, most), max_weight=max(weight, 0.05))
    assert (bounds_problem(bounds, safe, others) is None) == can_be_met(bounds, safe, others)


def test_rounding_is_no_problem() -> None:
    # In floating point 3 × 0.15 is a little less than 0.45, and 0.1 + 3 × 0.3 a little less than 1.
    assert bounds_problem(Bounds(min_safe=0.45, max_weight=0.15), safe=3, others=4) is None
    assert bounds_problem(Bounds(max_safe=0.1, max_weight=0.3), safe=3, others=3) is None
