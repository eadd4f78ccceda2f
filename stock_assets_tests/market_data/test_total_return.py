"""Levels of each kind of instrument, against numbers worked out by hand."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_assets.config.instruments import ReturnKind
from stock_assets.market_data.total_return import total_return_level
from stock_assets.market_data.yields import par_bond_returns
from stock_assets_tests.market_data.bars import instrument

NAN = float("nan")
#: Thursday, Friday, Monday.
SESSIONS = np.array([date(2021, 1, 7), date(2021, 1, 8), date(2021, 1, 11)], dtype="datetime64[D]")


def level(return_kind: ReturnKind, closes: list[float], dividends: list[float]) -> list[float]:
    found = total_return_level(
        instrument(return_kind), SESSIONS[: len(closes)], np.array(closes), np.array(dividends)
    )
    return found.tolist()


def test_a_dividend_counts_on_its_ex_date() -> None:
    # 100 → 98 and 2 paid: no return. Then 98 → 99.96: two per cent.
    assert level("price", [100, 98, 99.96], [NAN, 2, NAN]) == pytest.approx([1, 1, 1.02])


def test_no_dividend_is_zero_or_absent() -> None:
    assert level("price", [100, 110, 121], [NAN, NAN, NAN]) == level("price", [100, 110, 121], [0, 0, 0])


def test_a_dividend_on_the_first_session_was_paid_to_somebody_else() -> None:
    assert level("price", [100, 110], [5, NAN]) == pytest.approx([1, 1.1])


def test_adjusted_closes_and_futures_contain_what_is_paid() -> None:
    for kind in ("total", "future"):
        assert level(kind, [100, 98, 147], [NAN, 2, NAN]) == pytest.approx([1, 0.98, 1.47])


def test_a_yield_is_repriced_with_the_accrual_of_its_days() -> None:
    overnight, weekend = par_bond_returns(np.array([4.28, 4.38, 4.38]), np.array([1, 3]), 10)
    assert level("yield", [4.28, 4.38, 4.38], [NAN, NAN, NAN]) == pytest.approx(
        [1, 1 + overnight, (1 + overnight) * (1 + weekend)], abs=1e-15
    )
    # About −0.79 %, and three days at 4.38 % on top.
    assert level("yield", [4.28, 4.38, 4.38], [NAN] * 3)[2] == pytest.approx(0.9921 * 1.000356, abs=1e-4)


@pytest.mark.parametrize("kind", ["price", "total", "future", "yield"])
def test_one_bar_or_none(kind: ReturnKind) -> None:
    assert level(kind, [4.0], [NAN]) == [1.0]
    assert level(kind, [], []) == []


closes = st.lists(st.floats(0.5, 1000), min_size=2, max_size=60)


@given(values=closes, kind=st.sampled_from(["price", "total", "future", "yield"]), data=st.data())
@settings(derandomize=True, deadline=None, max_examples=150)
def test_a_level_is_the_same_bytes_whatever_comes_after(
    values: list[float], kind: ReturnKind, data: st.DataObject
) -> None:
    close = np.array(values) / (100 if kind == "yield" else 1)
    paid = np.array(
        data.draw(st.lists(st.sampled_from([NAN, 0.0, 0.3]), min_size=len(values), max_size=len(values)))
    )
    gaps = data.draw(st.lists(st.integers(1, 5), min_size=len(values), max_size=len(values)))
    sessions = np.datetime64("2021-01-04") + np.cumsum(gaps)
    whole = total_return_level(instrument(kind), sessions, close, paid)
    for stop in range(1, len(values) + 1):
        part = total_return_level(instrument(kind), sessions[:stop], close[:stop], paid[:stop])
        assert part.tobytes() == whole[:stop].tobytes()
