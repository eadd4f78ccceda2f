"""Which jumps are believed, which are denied, and by whom."""

from collections.abc import Sequence
from datetime import date

import pandas as pd
import pytest

from stock_assets.config.instruments import ReturnKind
from stock_assets.config.universe import QualityLimits
from stock_assets.market_data.bar_assembly import assemble_bars, expected_bars
from stock_assets.market_data.quality import QualityReport, check_bars
from stock_assets.market_data.second_opinion import SecondOpinion
from stock_assets_tests.market_data.bars import (
    calendar,
    instrument,
    second_opinion,
    source_rows,
    trading_days,
    weekdays,
)

LIMITS = QualityLimits(jump=0.2, jump_basis_points=40, disagreement=0.01, disagreement_basis_points=5)
DAYS = weekdays()
NEXT, SECOND = "jump_denied_by_next_bar", "jump_denied_by_second_source"

#: A session by its position, and what was found of it.
Found = list[tuple[int, str]]


def judge(
    closes: Sequence[float],
    kind: ReturnKind = "price",
    second: SecondOpinion | None = None,
    released: Sequence[int] = (),
    limits: QualityLimits = LIMITS,
    **columns: Sequence[float],
) -> QualityReport:
    """Judge closes of consecutive weekdays."""
    judged = instrument(kind)
    sessions = DAYS[: len(closes)]
    bars = assemble_bars(judged, "csv", source_rows(sessions, closes, **columns), calendar(), trading_days())
    expected = expected_bars(judged, calendar(), trading_days()).iloc[: len(closes)]
    nothing = bars.iloc[:0][["session", "close"]]
    return check_bars(judged, bars, expected, nothing, limits, second, [DAYS[at] for at in released])


def found(report: QualityReport) -> Found:
    rows = report.findings
    positions = [DAYS.index(session.date()) for session in rows["session"]]
    return list(zip(positions, rows["kind"], strict=True))


def says(closes: dict[int, float]) -> SecondOpinion:
    return second_opinion([DAYS[at] for at in closes], list(closes.values()))


def test_a_spike_is_held_by_the_next_bar_and_stored() -> None:
    report = judge([100, 130, 102, 103])
    assert found(report) == [(1, "jump"), (1, NEXT)]
    jump, denied = report.findings.to_dict("records")
    assert (jump["severity"], jump["trading_day"].date()) == ("warning", DAYS[1])
    assert (denied["severity"], denied["trading_day"].date()) == ("held", DAYS[2])
    assert denied["value"] == pytest.approx(0.3)
    assert denied["detail"] == (
        "The close of 2021-01-05 is 130, between 100 on 2021-01-04 and 102 on 2021-01-06: +30.0%, beyond "
        "20.0%, and back."
    )
    assert report.bars["close"].tolist() == [100, 130, 102, 103]


@pytest.mark.parametrize(
    ("closes", "denied"),
    [
        ([100, 130, 129], False),  # it stays
        ([100, 130, 105], True),
        ([100, 130, 110], False),  # 18 % above the one after it
        ([100, 200, 109.5], True),
        ([100, 200, 110.5], False),  # the neighbours differ by more than half the limit
        ([100, 200, 90.5], True),
        ([100, 200, 89.5], False),
        ([100, 121, 100], True),
        ([100, 119, 100], False),  # no jump
        ([100, 75, 100], True),
        ([100, 75, 95], True),
        ([100, 75, 93], False),  # 19 % below the one after it
        ([100, 130, 170], False),  # on and on
        ([100, 50, 25], False),
        ([130, 100], False),  # the first close has none before it
    ],
)
def test_a_close_is_denied_if_it_stands_out_on_both_sides(closes: list[float], denied: bool) -> None:
    assert ((1, NEXT) in found(judge(closes))) == denied


def test_no_index_that_fell_by_half_of_it_and_recovered_over_days_is_held() -> None:
    assert [kind for _, kind in found(judge([100, 70, 78, 86, 94, 100]))] == ["jump"]


def test_a_yield_is_denied_in_basis_points() -> None:
    report = judge([0.10, 0.55, 0.12, 0.30], "yield")
    assert found(report) == [(1, "jump"), (1, NEXT)]
    assert report.findings["value"].tolist() == pytest.approx([45, 45])
    assert report.findings["detail"][1] == (
        "The close of 2021-01-05 is 0.55, between 0.1 on 2021-01-04 and 0.12 on 2021-01-06: +45.0 basis "
        "points, beyond 40 basis points, and back."
    )
    assert found(judge([0.10, 0.55, 0.30], "yield")) == [(1, "jump")]
    assert found(judge([0.20, -0.30, 0.20], "yield")) == [(1, "jump"), (1, NEXT)]
    assert found(judge([0.0, 0.45, 0.0, -0.1], "yield")) == [(1, "jump"), (1, NEXT)]


def test_a_limit_that_is_met_exactly_is_not_exceeded() -> None:
    assert found(judge([4.28, 4.68], "yield")) == found(judge([4.28, 3.88], "yield")) == []
    assert found(judge([4.28, 4.69, 4.48, 4.48], "yield")) == [(1, "jump")]
    assert (
        found(judge([4.28], "yield", says({0: 4.23}))) == found(judge([4.28], "yield", says({0: 4.33}))) == []
    )
    assert found(judge([4.28], "yield", says({0: 4.22}))) == [(0, "source_disagreement")]


def test_every_second_close_that_stands_out_is_denied_and_the_others_are_not() -> None:
    assert found(judge([100, 200, 100, 200, 100, 200, 100])) == [
        (1, "jump"),
        (1, NEXT),
        (3, "jump"),
        (3, NEXT),
        (5, "jump"),
        (5, NEXT),
    ]


def test_what_comes_after_a_spike_is_compared_with_what_came_before_it() -> None:
    assert found(judge([100, 130, 101, 125])) == [(1, "jump"), (1, NEXT), (3, "jump")]
    detail = judge([100, 130, 108, 85]).findings["detail"].iloc[-1]
    assert detail.startswith("From 108 on 2021-01-06 to 85 on 2021-01-07 it returned -21.3%")


def test_a_dividend_is_no_spike() -> None:
    assert found(judge([100, 70, 71], dividend=[0, 30, 0])) == []
    assert found(judge([100, 101, 70, 71], dividend=[0, 0, 30, 0])) == []
    assert found(judge([100, 70, 71], dividend=[0, 30, 0], second=says({1: 80, 2: 71}))) == [
        (1, "source_disagreement")
    ]
    assert found(judge([100, 100], dividend=[0, 30], second=says({1: 70}))) == [(1, SECOND)]
    # Whether a close stands out is a matter of closes: the one before shows that this one came back.
    assert found(judge([100, 130, 99], dividend=[0, 0, 1])) == [(1, "jump"), (1, NEXT)]


def test_a_jump_that_a_second_source_denies_is_held_on_its_own_day() -> None:
    report = judge([100, 130, 131, 132], second=says({0: 100, 1: 101.5, 2: 131, 3: 132}))
    assert found(report) == [(1, SECOND), (2, "jump")]
    denied = report.findings.iloc[0]
    assert (denied["severity"], denied["trading_day"].date()) == ("held", DAYS[1])
    assert denied["value"] == pytest.approx(0.3)
    assert denied["detail"] == (
        "From 100 on 2021-01-04 to 130 on 2021-01-05 it returned +30.0%, beyond 20.0%; other says 101.5, "
        "which makes a difference of +28.1%."
    )
    assert "From 100 on 2021-01-04 to 131 on 2021-01-06" in report.findings["detail"][1]


def test_a_wrong_level_that_stays_is_held_as_long_as_the_context_reaches() -> None:
    closes = [100.0, *[130.0] * 8]
    report = judge(closes, second=says(dict.fromkeys(range(9), 100.0)))
    held = [at for at, kind in found(report) if kind == SECOND]
    assert held == [1, 2, 3, 4, 5]
    assert [at for at, kind in found(report) if kind == "source_disagreement"] == [6, 7, 8]


@pytest.mark.parametrize(("before", "denied"), [(1.05, True), (1.14, True), (1.16, False), (0.84, False)])
def test_a_market_that_moves_much_moves_much_and_back(before: float, denied: bool) -> None:
    """A spike of 30 %, and the move of some sessions before it."""
    report = judge([100 / before, 100, 101, 100, 130, 100])
    assert ((4, NEXT) in found(report)) == denied


def test_moves_are_forgotten_in_time_and_denied_closes_at_once() -> None:
    wild = [100, 80]
    assert (20, NEXT) not in found(judge([*wild, *[80.0] * 18, 110, 80]))
    assert (21, NEXT) in found(judge([*wild, *[80.0] * 19, 110, 80]))
    assert (3, NEXT) in found(judge([100, 180, 100, 125, 100]))


def test_a_second_source_is_heard_of_four_weekdays_before() -> None:
    closes = [100.0, 130.0, 130.0, 130.0, 130.0, 130.0, 130.0]
    assert (5, SECOND) in found(judge(closes, second=says(dict.fromkeys(range(7), 100.0))))
    assert (6, SECOND) not in found(judge(closes, second=says(dict.fromkeys(range(7), 100.0))))


def test_a_jump_that_a_second_source_confirms_is_believed_whatever_comes_next() -> None:
    assert found(judge([100, 130, 100, 101], second=says({1: 130.5}))) == [(1, "jump"), (2, "jump")]
    assert found(judge([100, 130, 100, 101], second=says({2: 100}))) == [(1, "jump"), (1, NEXT)]


def test_a_close_that_a_second_source_contradicts_denies_nothing() -> None:
    assert found(judge([100, 130, 100, 131], second=says({2: 131}))) == [(1, "jump"), (2, SECOND)]


def test_two_sources_that_disagree_without_a_jump_are_a_warning() -> None:
    report = judge([100, 101, 102], second=says({0: 100, 1: 102.5, 2: 102.9}))
    assert found(report) == [(1, "source_disagreement")]
    [row] = report.findings.to_dict("records")
    assert (row["severity"], row["trading_day"].date()) == ("warning", DAYS[1])
    assert row["value"] == pytest.approx(101 / 102.5 - 1)
    assert row["detail"] == (
        "The close of 2021-01-05 is 101, and other says 102.5, which makes a difference of -1.5%, "
        "beyond 1.0%."
    )


def test_what_a_second_source_lacks_or_cannot_mean_is_no_disagreement() -> None:
    assert found(judge([100, 130], second=says({0: 100}))) == [(1, "jump")]
    assert found(judge([100, 101], second=says({0: 0.0, 1: -5.0}))) == []
    assert found(judge([100, 101], second=says({}))) == []
    assert found(judge([0.1, -0.01], "yield", second=says({1: 0.0}))) == []


def test_a_released_bar_is_right() -> None:
    assert found(judge([100, 130, 100, 101], released=[1])) == [(1, "jump"), (2, "jump")]
    stays = {"closes": [100, 130, 131, 132], "second": says({1: 100, 2: 100, 3: 100})}
    assert [kind for _, kind in found(judge(**stays))] == [SECOND] * 3
    # The level that somebody has accepted is what the next bars are compared with.
    assert found(judge(**stays, released=[1])) == [
        (1, "jump"),
        (1, "source_disagreement"),
        (2, "source_disagreement"),
        (3, "source_disagreement"),
    ]


def test_the_next_bar_is_the_next_that_is_valid() -> None:
    assert found(judge([100, 130, 0, 101])) == [(1, "jump"), (1, NEXT), (2, "invalid_close")]


@pytest.mark.parametrize("sessions", [(1, 2), (2, 1)])
def test_a_day_alone_finds_what_the_bar_before_it_was(sessions: tuple[int, int]) -> None:
    closes = [100.0, 130.0, 101.0]
    judged = instrument()
    bars = assemble_bars(judged, "csv", source_rows(DAYS[:3], closes), calendar(), trading_days())
    expected = expected_bars(judged, calendar(), trading_days())
    kinds: dict[int, list[tuple[date, str]]] = {}
    for at in sessions:
        alone = bars.iloc[[at]]
        report = check_bars(judged, alone, expected.iloc[[at]], bars.iloc[:at], LIMITS)
        rows = report.findings
        kinds[at] = [
            (session.date(), kind) for session, kind in zip(rows["session"], rows["kind"], strict=True)
        ]
        assert set(rows["trading_day"]) == {pd.Timestamp(DAYS[at])}
    assert kinds == {1: [(DAYS[1], "jump")], 2: [(DAYS[1], NEXT)]}
