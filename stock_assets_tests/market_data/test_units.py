"""A yield in another unit than percent is no bar."""

import pandas as pd
import pytest

from stock_assets.market_data.bars import dates_of
from stock_assets_tests.market_data.test_jumps import DAYS, found, judge

MISMATCH = "unit_mismatch"


@pytest.mark.parametrize("wrong", [0.0428, 0.428, 42.8, 428.0, 0.043, 45.0, 0.39])
def test_a_yield_in_another_unit_is_blocked(wrong: float) -> None:
    report = judge([4.28, wrong, 4.29], "yield")
    assert found(report) == [(1, MISMATCH)]
    assert report.findings["severity"].tolist() == ["blocked"]
    assert report.findings["value"].tolist() == [wrong]
    assert dates_of(report.bars["session"]).tolist() == [DAYS[0], DAYS[2]]


def test_the_sentence_says_what_is_meant() -> None:
    report = judge([4.28, 0.0431], "yield")
    assert report.findings["detail"].tolist() == [
        "The yield of 2021-01-05 is 0.0431, about 0.01 times 4.28 on 2021-01-04: 4.28 means 4.28 %, and this "
        "is another unit."
    ]


@pytest.mark.parametrize(
    "closes",
    [
        [0.04, 0.4],  # 36 basis points
        [4.0, 0.46],  # 11.5 % away from a tenth
        [0.0, 4.0],
        [4.0, 0.0],
        [0.5, -5.0],
    ],
)
def test_a_yield_that_moves_is_no_other_unit(closes: list[float]) -> None:
    assert MISMATCH not in [kind for _, kind in found(judge(closes, "yield"))]


def test_a_price_may_fall_to_a_tenth() -> None:
    assert found(judge([100, 10], "price")) == [(1, "jump")]


def test_negative_yields_have_a_unit_too() -> None:
    assert found(judge([-0.6, -6.0, -0.61], "yield")) == [(1, MISMATCH)]


def test_a_unit_that_stays_wrong_stays_blocked() -> None:
    report = judge([4.28, 0.0428, 0.0431, 0.0433, 4.33], "yield")
    assert found(report) == [(1, MISMATCH), (2, MISMATCH), (3, MISMATCH)]
    assert report.bars["session"].tolist() == [pd.Timestamp(DAYS[0]), pd.Timestamp(DAYS[4])]
