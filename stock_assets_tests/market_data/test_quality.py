"""What is found, what is blocked, and that judging a day or a range is the same."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_assets.calendars import SessionCalendar
from stock_assets.config.instruments import ReturnKind
from stock_assets.config.universe import QualityLimits
from stock_assets.market_data.bar_assembly import assemble_bars, expected_bars
from stock_assets.market_data.bars import BAR_COLUMNS
from stock_assets.market_data.findings import FINDING_COLUMNS
from stock_assets.market_data.quality import QualityReport, check_bars, context_sessions
from stock_assets.market_data.second_opinion import SecondOpinion
from stock_assets_tests.market_data.bars import (
    calendar,
    instrument,
    second_opinion,
    source_rows,
    trading_days,
    weekdays,
)

MON, TUE, WED, THU, FRI = (date(2021, 1, day) for day in range(4, 9))
LIMITS = QualityLimits(jump=0.25, jump_basis_points=50, stale_repeats=3)
NAN, INF = float("nan"), float("inf")


def judge(
    rows: pd.DataFrame,
    kind: ReturnKind = "price",
    sessions: Sequence[date] = (MON, TUE, WED, THU, FRI),
    before: Sequence[float] = (),
) -> QualityReport:
    """Judge rows of the first week; ``before`` are the closes of the last weekdays of December."""
    exchange = calendar(weekdays(without=[day for day in (MON, TUE, WED, THU, FRI) if day not in sessions]))
    judged = instrument(kind)
    expected = expected_bars(judged, exchange, trading_days())
    expected = expected[expected["session"] <= pd.Timestamp(FRI)]
    bars = assemble_bars(judged, "csv", rows, exchange, trading_days())
    days = pd.date_range("2020-12-31", periods=len(before), freq="-1B")[::-1]
    previous = pd.DataFrame({"session": days.astype("datetime64[s]"), "close": np.array(before, dtype=float)})
    return check_bars(judged, bars, expected, previous, LIMITS)


def found(report: QualityReport) -> list[tuple[date, str, str, str]]:
    table = report.findings
    assert list(table.columns) == list(FINDING_COLUMNS)
    return [
        (session.date(), kind, severity, detail)
        for session, kind, severity, detail in zip(
            table["session"], table["kind"], table["severity"], table["detail"], strict=True
        )
    ]


def stored(report: QualityReport) -> list[date]:
    assert list(report.bars.columns) == list(BAR_COLUMNS)
    return [session.date() for session in report.bars["session"]]


WEEK = [MON, TUE, WED, THU, FRI]


def test_good_bars_pass_unchanged() -> None:
    rows = source_rows(WEEK, [100, 101, 102, 103, 104])
    report = judge(rows)
    assert found(report) == []
    assert report.findings["session"].dtype == report.findings["trading_day"].dtype == "datetime64[s]"
    assert report.findings["value"].dtype == np.float64
    expected = assemble_bars(instrument(), "csv", rows, calendar(), trading_days())
    pd.testing.assert_frame_equal(report.bars, expected)


def test_a_missing_session_is_blocked() -> None:
    report = judge(source_rows([MON, TUE, THU, FRI], [100, 101, 103, 104]))
    assert found(report) == [
        (WED, "missing_session", "blocked", "XNYS has a session on 2021-01-06, and no bar of it came.")
    ]
    assert report.findings["trading_day"].tolist() == [pd.Timestamp(WED)]
    assert report.findings["instrument"].tolist() == ["x"]
    assert stored(report) == [MON, TUE, THU, FRI]


def test_without_any_bar_every_session_is_missing() -> None:
    report = judge(source_rows([], []))
    assert [kind for _, kind, _, _ in found(report)] == ["missing_session"] * 5
    assert stored(report) == []


def test_duplicates_are_all_blocked_even_if_they_agree() -> None:
    report = judge(source_rows([MON, TUE, TUE, WED, THU, FRI, FRI], [100, 101, 101, 102, 103, 104, 105.25]))
    assert found(report) == [
        (TUE, "duplicate_session", "blocked", "2 bars of 2021-01-05 came, with the closes 101, 101."),
        (FRI, "duplicate_session", "blocked", "2 bars of 2021-01-08 came, with the closes 104, 105.25."),
    ]
    assert report.findings["value"].tolist() == [2, 2]
    assert stored(report) == [MON, WED, THU]


def test_a_duplicate_is_blocked_even_if_only_one_of_them_is_valid() -> None:
    report = judge(source_rows([MON, TUE, TUE, WED, THU, FRI], [100, NAN, 101, 102, 103, 104]))
    assert found(report) == [
        (TUE, "duplicate_session", "blocked", "2 bars of 2021-01-05 came, with the closes nan, 101.")
    ]
    assert stored(report) == [MON, WED, THU, FRI]


@pytest.mark.parametrize(
    ("kind", "close", "told"),
    [
        ("price", NAN, "nan; a finite number above 0"),
        ("price", INF, "inf; a finite number above 0"),
        ("price", 0.0, "0; a finite number above 0"),
        ("total", -3.5, "-3.5; a finite number above 0"),
        ("yield", NAN, "nan; a finite number above -100"),
        ("yield", -100.0, "-100; a finite number above -100"),
    ],
)
def test_an_invalid_close_is_blocked(kind: ReturnKind, close: float, told: str) -> None:
    report = judge(source_rows(WEEK, [1.0, 1.01, close, 1.03, 1.04]), kind)
    assert found(report) == [
        (WED, "invalid_close", "blocked", f"The close of 2021-01-06 is {told} is needed.")
    ]
    assert stored(report) == [MON, TUE, THU, FRI]
    [value] = report.findings["value"]
    assert np.isnan(value) if not np.isfinite(close) else value == close


def test_a_yield_may_be_zero_or_negative() -> None:
    report = judge(source_rows(WEEK, [0.1, 0.0, -0.1, -0.2, -0.3]), "yield")
    assert found(report) == []
    assert stored(report) == WEEK


@pytest.mark.parametrize(("dividend", "split"), [(-0.5, NAN), (INF, NAN), (NAN, -2), (0, INF)])
def test_an_invalid_action_is_blocked(dividend: float, split: float) -> None:
    rows = source_rows(
        WEEK, [100, 101, 102, 103, 104], dividend=[0, dividend, 0, 0, 2], split=[0, split, 0, 2, 0]
    )
    report = judge(rows)
    assert found(report) == [
        (
            TUE,
            "invalid_action",
            "blocked",
            f"2021-01-05 has the dividend {dividend:g} and the split {split:g}; finite numbers of at least 0 "
            "are needed.",
        )
    ]
    assert stored(report) == [MON, WED, THU, FRI]


def test_a_bar_on_a_closed_day_is_accepted_and_reported() -> None:
    report = judge(source_rows(WEEK, [100, 101, 102, 103, 104]), sessions=[MON, TUE, THU, FRI])
    assert found(report) == [
        (WED, "unexpected_session", "warning", "A bar of 2021-01-06 came, and XNYS has no session then.")
    ]
    assert stored(report) == WEEK


@pytest.mark.parametrize(
    "broken",
    [
        {"high": 100.5},  # below the close
        {"open": 101.5, "low": 101.2},  # above the close
        {"open": 110.0},  # above the high
        {"open": 90.0},  # below the low
        {"open": INF},
        {"low": 0.0},
        {"low": -1.0},
        {"volume": -1.0},
        {"volume": INF},
    ],
)
def test_broken_prices_are_stored_as_absent(broken: dict[str, float]) -> None:
    good = {"open": 100.0, "high": 102.0, "low": 99.0, "volume": 5.0}
    columns = {name: [value, {**good, **broken}[name]] for name, value in good.items()}
    report = judge(source_rows([MON, TUE], [101, 101.1], **columns), sessions=[MON, TUE])
    [(session, kind, severity, detail)] = found(report)
    assert (session, kind, severity) == (TUE, "broken_ohlc", "warning")
    values = ", ".join(f"{name} {columns[name][1]:g}" for name in ("open", "high", "low"))
    assert detail == (
        f"2021-01-05 has {values}, close 101.1, volume {columns['volume'][1]:g}, which cannot be; its close "
        "alone is stored."
    )
    assert report.bars["close"].tolist() == [101, 101.1]
    for name, value in good.items():
        assert report.bars[name][0] == value
        assert np.isnan(report.bars[name][1])


def test_absent_prices_are_not_broken() -> None:
    rows = source_rows([MON, TUE], [101, 101.1], high=[102, NAN], low=[NAN, 100], volume=[NAN, 0])
    report = judge(rows, sessions=[MON, TUE])
    assert found(report) == []
    assert report.bars["high"][0] == 102
    assert report.bars["low"][1] == 100


def test_the_low_of_a_yield_may_be_negative() -> None:
    rows = source_rows([MON, TUE], [0.1, 0.1], open=[-0.1, 0.1], high=[0.2, 0.2], low=[-0.2, 0.0])
    assert found(judge(rows, "yield", sessions=[MON, TUE])) == []


def test_an_infinite_adjusted_close_is_stored_as_absent() -> None:
    report = judge(source_rows([MON, TUE], [101, 102], adj_close=[INF, 100]), sessions=[MON, TUE])
    assert np.isnan(report.bars["adj_close"][0])
    assert report.bars["adj_close"][1] == 100


def test_equal_closes_are_reported_from_the_limit_on() -> None:
    report = judge(source_rows(WEEK, [100, 101, 101, 101, 101]))
    assert found(report) == [
        (THU, "stale_repeat", "warning", "The last 3 closes, from 2021-01-05 to 2021-01-07, are all 101."),
        (FRI, "stale_repeat", "warning", "The last 3 closes, from 2021-01-06 to 2021-01-08, are all 101."),
    ]
    assert stored(report) == WEEK


def test_stored_closes_count_as_repeats() -> None:
    report = judge(source_rows(WEEK, [101, 102, 103, 104, 105]), before=[100, 101, 101])
    assert found(report) == [
        (MON, "stale_repeat", "warning", "The last 3 closes, from 2020-12-30 to 2021-01-04, are all 101.")
    ]


def test_a_jump_is_reported_with_its_return() -> None:
    report = judge(source_rows(WEEK, [100, 125, 126, 94.5, 70]), before=[70])
    assert found(report) == [
        (
            MON,
            "jump",
            "warning",
            "From 70 on 2020-12-31 to 100 on 2021-01-04 it returned +42.9%, beyond 25.0%.",
        ),
        (
            FRI,
            "jump",
            "warning",
            "From 94.5 on 2021-01-07 to 70 on 2021-01-08 it returned -25.9%, beyond 25.0%.",
        ),
    ]
    assert report.findings["value"].tolist() == pytest.approx([3 / 7, 70 / 94.5 - 1])
    assert stored(report) == WEEK


def test_a_dividend_is_part_of_the_return_of_a_price() -> None:
    rows = source_rows([MON, TUE], [100, 70], dividend=[NAN, 30])
    assert found(judge(rows, "price", sessions=[MON, TUE])) == []
    assert [kind for _, kind, _, _ in found(judge(rows, "total", sessions=[MON, TUE]))] == ["jump"]


def test_a_yield_jumps_in_basis_points() -> None:
    report = judge(source_rows(WEEK, [0.1, 0.6, 0.0, -0.51, -0.51]), "yield")
    assert found(report) == [
        (
            WED,
            "jump",
            "warning",
            "From 0.6 on 2021-01-05 to 0 on 2021-01-06 it changed by -60.0 basis points, beyond 50 basis "
            "points.",
        ),
        (
            THU,
            "jump",
            "warning",
            "From 0 on 2021-01-06 to -0.51 on 2021-01-07 it changed by -51.0 basis points, beyond 50 basis "
            "points.",
        ),
    ]
    assert report.findings["value"].tolist() == pytest.approx([-60, -51])


def test_a_jump_is_taken_from_the_last_close_that_was_not_blocked() -> None:
    report = judge(source_rows(WEEK, [100, 1, -1, 2, 2.1]))
    assert [(session, kind) for session, kind, _, _ in found(report)] == [
        (TUE, "jump"),
        (WED, "invalid_close"),
        (THU, "jump"),
    ]
    assert "From 1 on 2021-01-05 to 2 on 2021-01-07" in found(report)[2][3]


values = st.sampled_from([100.0, 101.0, 101.0, 101.0, 140.0, 60.0, 10.0, NAN, -1.0, 0.0])


@given(
    closes=st.lists(values, min_size=8, max_size=34),
    said=st.lists(st.sampled_from([None, 100.0, 101.0, 140.0]), min_size=34, max_size=34),
    released=st.sets(st.integers(0, 13), max_size=2),
    dropped=st.sets(st.integers(0, 13), max_size=4),
    doubled=st.sets(st.integers(0, 13), max_size=3),
    closed=st.sets(st.integers(0, 13), max_size=3),
    kind=st.sampled_from(["price", "yield"]),
)
@settings(derandomize=True, deadline=None, max_examples=40)
def test_days_one_by_one_give_the_findings_of_the_range(
    closes: list[float],
    said: list[float | None],
    released: set[int],
    dropped: set[int],
    doubled: set[int],
    closed: set[int],
    kind: ReturnKind,
) -> None:
    days = weekdays()[: len(closes)]
    judged = instrument(kind)
    exchange = calendar([day for at, day in enumerate(weekdays()) if at not in closed])
    kept = [at for at in range(len(days)) if at not in dropped for _ in range(2 if at in doubled else 1)]
    rows = source_rows([days[at] for at in kept], [closes[at] for at in kept], high=[101.0] * len(kept))
    bars = assemble_bars(judged, "csv", rows, exchange, trading_days())
    expected = expected_bars(judged, exchange, trading_days())
    expected = expected[expected["session"] <= pd.Timestamp(days[-1])]
    none = bars.iloc[:0][["session", "close"]]
    heard = [(day, value) for day, value in zip(days, said, strict=False) if value is not None]
    second = second_opinion([day for day, _ in heard], [value for _, value in heard])
    right = [weekdays()[at] for at in released]
    whole = check_bars(judged, bars, expected, none, LIMITS, second, right)

    reports, accepted = [], none
    for day in days:
        one, due = (table[table["session"] == pd.Timestamp(day)] for table in (bars, expected))
        context = accepted.tail(context_sessions(LIMITS))
        reports.append(check_bars(judged, one, due, context, LIMITS, heard_on(second, exchange, day), right))
        accepted = pd.concat([accepted, reports[-1].bars[["session", "close"]]])
    together = pd.concat([report.findings for report in reports]).astype(whole.findings.dtypes)
    # What the next bar shows of a bar is found with that next bar.
    together = together.sort_values(["session", "kind"], ignore_index=True)
    pd.testing.assert_frame_equal(together, whole.findings)
    assert not together.duplicated(["session", "kind"]).any()
    pd.testing.assert_frame_equal(
        pd.concat([report.bars for report in reports], ignore_index=True), whole.bars
    )


def heard_on(second: SecondOpinion, exchange: SessionCalendar, day: date) -> SecondOpinion:
    """What a daily run asks the second source for: the days from the fifth session before on."""
    first = ([session for session in exchange.sessions if session < day][-5:] or [day])[0]
    wanted = second.closes["session"].between(pd.Timestamp(first), pd.Timestamp(day))
    return SecondOpinion(second.source, second.closes[wanted])


def test_stored_bars_of_the_judged_sessions_are_no_context() -> None:
    rows = source_rows([WED, THU, FRI], [101, 102, 103])
    bars = assemble_bars(instrument(), "csv", rows, calendar(), trading_days())
    expected = expected_bars(instrument(), calendar(), trading_days()).iloc[2:5]
    again = assemble_bars(
        instrument(), "csv", source_rows(WEEK, [99, 100, 101, 101, 101]), calendar(), trading_days()
    )
    assert len(check_bars(instrument(), bars, expected, again, LIMITS).findings) == 0


def test_more_context_than_is_needed_changes_nothing() -> None:
    rows = source_rows(WEEK, [101, 140, 103, 104, 105])
    assert context_sessions(LIMITS) == 21
    assert context_sessions(LIMITS.model_copy(update={"stale_repeats": 30})) == 29
    some, more = (judge(rows, before=[*start, *[100, 101] * 9, 100, 101, 101]) for start in ([], [50, 80]))
    assert found(some) == found(more)
    assert len(found(some)) == 3
