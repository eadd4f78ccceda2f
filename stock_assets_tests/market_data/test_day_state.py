"""The state of a day, and which instruments may be used on it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_assets.market_data.bar_assembly import expected_bars
from stock_assets.market_data.day_state import DayStates, day_states
from stock_assets.trading_days import TradingDays
from stock_assets_tests.market_data.bars import calendar, instrument, weekdays

MON, TUE, WED, THU, FRI, SAT, NEXT = (date(2021, 1, day) for day in (4, 5, 6, 7, 8, 9, 11))
WEEK = [MON, TUE, WED, THU, FRI]
DAYS = TradingDays(tuple(weekdays(last=date(2021, 1, 15))))
LONG_AFTER = datetime(2021, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def expected(
    sessions: Mapping[str, Sequence[date]], lags: Mapping[str, timedelta] | None = None
) -> dict[str, pd.DataFrame]:
    """What calendars with those sessions let expect."""
    return {
        name: expected_bars(
            instrument(name=name, lag=(lags or {}).get(name, timedelta(0))), calendar(days), DAYS
        )
        for name, days in sessions.items()
    }


def bars(of: Mapping[str, pd.DataFrame], present: Mapping[str, Sequence[date]]) -> pd.DataFrame:
    """Stored bars of those sessions."""
    frames = [
        table[table["session"].isin([pd.Timestamp(day) for day in present.get(name, ())])].assign(
            instrument=name
        )
        for name, table in of.items()
    ]
    return pd.concat(frames, ignore_index=True)


def judge(
    sessions: Mapping[str, Sequence[date]],
    present: Mapping[str, Sequence[date]],
    days: Sequence[date] = WEEK,
    now: datetime = LONG_AFTER,
    max_staleness: int = 1,
) -> DayStates:
    tables = expected(sessions)
    return day_states(days, tables, bars(tables, present), now, DAY, max_staleness)


def told(states: DayStates) -> list[tuple[str, str]]:
    return list(zip(states.days["state"], states.days["reason"], strict=True))


def test_a_day_with_all_its_bars_is_complete() -> None:
    states = judge({"a": WEEK, "b": [MON, WED]}, {"a": WEEK, "b": [MON, WED]}, days=[MON, TUE])
    assert told(states) == [
        ("complete", "All 2 bars that fall due on this day are there."),
        ("complete", "All 1 bars that fall due on this day are there."),
    ]
    assert states.days["date"].dt.date.tolist() == [MON, TUE]
    assert states.days["date"].dtype == "datetime64[s]"


def test_a_missing_bar_is_waited_for_until_the_deadline() -> None:
    sessions, present = {"a": WEEK, "b": WEEK}, {"a": WEEK, "b": [MON]}
    before = judge(sessions, present, days=[TUE], now=datetime(2021, 1, 6, 23, 59, tzinfo=UTC))
    assert told(before) == [
        (
            "waiting",
            "1 of 2 bars are missing: b of 2021-01-05; they are waited for until 2021-01-07 00:00 UTC.",
        )
    ]
    after = judge(sessions, present, days=[TUE], now=datetime(2021, 1, 7, tzinfo=UTC))
    assert told(after) == [
        (
            "partial",
            "1 of 2 bars are missing: b of 2021-01-05, and the deadline of 2021-01-07 00:00 UTC is past.",
        )
    ]


def judge_soft(present: Mapping[str, Sequence[date]], now: datetime = LONG_AFTER) -> DayStates:
    """Of ``a``, and of ``b`` and ``c`` with sessions that are a guess."""
    tables = expected({"a": WEEK, "b": WEEK, "c": WEEK})
    return day_states([TUE], tables, bars(tables, present), now, DAY, 1, soft=["b", "c"])


def test_a_soft_bar_is_waited_for_and_then_done_without() -> None:
    before = judge_soft({"a": WEEK, "c": WEEK}, datetime(2021, 1, 6, 23, 59, tzinfo=UTC))
    assert told(before)[0][0] == "waiting"
    after = judge_soft({"a": WEEK, "c": WEEK}, datetime(2021, 1, 7, tzinfo=UTC))
    assert told(after) == [
        (
            "complete",
            "1 of 3 bars are missing: b of 2021-01-05; that their sessions took place is a guess, so that "
            "nothing is amiss.",
        )
    ]
    assert after.staleness.tolist() == [[0, 2, 0]], "it lags all the same"
    assert after.usable.tolist() == [[True, False, True]]


def test_a_soft_bar_excuses_no_firm_one() -> None:
    states = judge_soft({"b": WEEK})
    assert told(states) == [
        (
            "partial",
            "2 of 3 bars are missing: a of 2021-01-05, c of 2021-01-05, and the deadline of 2021-01-07 "
            "00:00 UTC is past.",
        )
    ]


def test_a_source_that_failed_excuses_nobody() -> None:
    tables = expected({"a": WEEK, "b": WEEK})
    states = day_states(
        [TUE], tables, bars(tables, {"a": WEEK}), LONG_AFTER, DAY, 1, soft=["b"], failed=["b"]
    )
    assert [state for state, _ in told(states)] == ["partial"]
    states = day_states([TUE], tables, bars(tables, {}), LONG_AFTER, DAY, 1, soft=["b"], failed=["b"])
    assert told(states) == [
        (
            "closed",
            "None of the 2 bars that fall due on this day came until 2021-01-07 00:00 UTC; sources failed, "
            "and are asked for them again.",
        )
    ]


def test_a_day_without_any_bar_is_closed_for_soft_ones_too() -> None:
    tables = expected({"b": WEEK})
    states = day_states([TUE], tables, bars(tables, {}), LONG_AFTER, DAY, 1, soft=["b"])
    assert told(states)[0][0] == "closed"


def test_a_day_without_any_bar_is_closed_after_the_deadline() -> None:
    sessions, present = {"a": WEEK, "b": WEEK}, {"a": [MON, WED], "b": [MON, WED]}
    early = judge(sessions, present, days=[MON, TUE, WED], now=datetime(2021, 1, 6, tzinfo=UTC))
    assert [state for state, _ in told(early)] == ["complete", "waiting", "complete"]
    late = judge(sessions, present, days=[MON, TUE, WED])
    assert told(late)[1] == (
        "closed",
        "None of the 2 bars that fall due on this day came until 2021-01-07 00:00 UTC.",
    )
    assert [state for state, _ in told(late)] == ["complete", "closed", "complete"]


def test_a_day_on_which_no_calendar_has_a_session_any_more_is_closed() -> None:
    # The day is in the partition set, and a newer calendar knows of the closure.
    states = judge({"a": [MON, WED]}, {"a": [MON, WED]}, days=[TUE])
    assert told(states) == [("closed", "No exchange of the universe has a session on this day.")]


def test_a_day_on_which_nothing_falls_due_is_complete() -> None:
    tables = expected({"late": WEEK}, {"late": DAY})
    states = day_states([MON, TUE], tables, bars(tables, {"late": WEEK}), LONG_AFTER, DAY, 1)
    assert told(states) == [
        ("complete", "No bar falls due on this day."),
        ("complete", "All 1 bars that fall due on this day are there."),
    ]


def test_a_session_on_saturday_is_expected_on_monday() -> None:
    sessions = {"a": [FRI, SAT, NEXT]}
    states = judge(sessions, {"a": [FRI, NEXT]}, days=[FRI, NEXT])
    assert told(states) == [
        ("complete", "All 1 bars that fall due on this day are there."),
        (
            "partial",
            "1 of 2 bars are missing: a of 2021-01-09, and the deadline of 2021-01-13 00:00 UTC is past.",
        ),
    ]


def test_a_bar_that_comes_late_completes_its_day() -> None:
    sessions = {"a": WEEK, "b": WEEK}
    assert told(judge(sessions, {"a": WEEK, "b": [MON, WED]}, days=[TUE]))[0][0] == "partial"
    assert told(judge(sessions, {"a": WEEK, "b": [MON, TUE, WED]}, days=[TUE]))[0][0] == "complete"


def test_staleness_counts_the_instruments_own_sessions() -> None:
    # b trades on Monday, Wednesday and Friday, and its bars after Monday's are missing.
    states = judge({"a": WEEK, "b": [MON, WED, FRI]}, {"a": WEEK, "b": [MON]}, max_staleness=1)
    assert states.instruments == ("a", "b")
    assert states.staleness.tolist() == [[0, 0], [0, 0], [0, 1], [0, 1], [0, 2]]
    assert states.usable.tolist() == [[True, True]] * 4 + [[True, False]]
    assert states.last_sessions[:, 1].tolist() == [MON] * 5
    assert states.last_sessions[:, 0].tolist() == WEEK


def test_an_instrument_whose_exchange_is_closed_is_not_stale() -> None:
    states = judge({"a": WEEK, "b": [MON, FRI]}, {"a": WEEK, "b": [MON, FRI]}, max_staleness=0)
    assert states.usable.all()
    assert states.last_sessions[:, 1].tolist() == [MON] * 4 + [FRI]


def test_an_instrument_without_a_bar_is_not_usable() -> None:
    states = judge({"a": WEEK, "b": [WED, FRI]}, {"a": WEEK, "b": [FRI]}, max_staleness=5)
    assert states.usable[:, 1].tolist() == [False, False, False, False, True]
    assert np.isnat(states.last_sessions[:4, 1]).all()


def test_a_bar_that_nobody_expected_is_seen() -> None:
    tables = expected({"a": [MON, WED]})
    extra = pd.DataFrame(
        {"instrument": ["a"], "session": [pd.Timestamp(TUE)], "trading_day": [pd.Timestamp(TUE)]}
    )
    stored = pd.concat([bars(tables, {"a": [MON]}), extra], ignore_index=True)
    states = day_states([MON, TUE, WED], tables, stored, LONG_AFTER, DAY, 0)
    assert states.last_sessions[:, 0].tolist() == [MON, TUE, TUE]
    assert states.staleness[:, 0].tolist() == [0, 0, 1]


@given(
    trades=st.lists(st.booleans(), min_size=10, max_size=10),
    there=st.lists(st.booleans(), min_size=10, max_size=10),
    late=st.booleans(),
    limit=st.integers(0, 3),
)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_usable_follows_the_definition(trades: list[bool], there: list[bool], late: bool, limit: int) -> None:
    sessions = [day for day, trade in zip(DAYS, trades, strict=True) if trade] or [MON]
    present = [day for day, has in zip(DAYS, there, strict=True) if has and day in sessions]
    tables = expected({"a": sessions}, {"a": DAY if late else timedelta(0)})
    due = list(zip(tables["a"]["session"].dt.date, tables["a"]["trading_day"].dt.date, strict=True))
    together = day_states(list(DAYS), tables, bars(tables, {"a": present}), LONG_AFTER, DAY, limit)
    for at, day in enumerate(DAYS):
        until = [session for session, belongs_to in due if belongs_to <= day]
        held = [session for session in until if session in present]
        since = [session for session in until if held and session > held[-1]]
        assert together.usable[at, 0] == (bool(held) and len(since) <= limit)
        # Judged alone, and without what comes later, it is the same.
        known = bars(tables, {"a": held})
        alone = day_states([day], tables, known, LONG_AFTER, DAY, limit)
        assert alone.usable[0, 0] == together.usable[at, 0]
        assert told(alone) == [told(together)[at]]


def test_no_days_and_no_bars() -> None:
    tables = expected({"a": WEEK})
    none = bars(tables, {})
    assert len(day_states([], tables, none, LONG_AFTER, DAY, 1).days) == 0
    assert told(day_states([MON], tables, none, LONG_AFTER, DAY, 1))[0][0] == "closed"
