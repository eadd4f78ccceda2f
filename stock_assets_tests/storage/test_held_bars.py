"""Held bars are stored, left out from the day that holds them on, and come back when they are released."""

import datetime as dt

import pandas as pd
import pytest
import sqlalchemy as sa

from stock_assets.errors import NothingToRelease
from stock_assets.storage.changes import holds_changed_at, last_released_at
from stock_assets.storage.findings import replace_findings
from stock_assets.storage.held_bars import (
    HeldBars,
    Release,
    days_of_later_holds,
    read_held,
    release_bar,
    released_sessions,
)
from stock_assets.storage.prices import append_bars, read_bars
from stock_assets.storage.schema import findings
from stock_assets_tests.storage.builders import LATER, NOON, bars, finding, rows_of, weekdays

FIRST, SECOND, THIRD, FOURTH = weekdays(4)
LAST = NOON + dt.timedelta(hours=2)
BY_NEXT, BY_SECOND = "jump_denied_by_next_bar", "jump_denied_by_second_source"


def held(instrument: str, session: dt.date, kind: str = BY_NEXT, **columns: object) -> dict[str, object]:
    return finding(instrument, session, kind, severity="held", **columns)


@pytest.fixture
def stored(database: sa.Engine) -> sa.Engine:
    """Four bars each: kor holds that of SECOND from THIRD on, us that of THIRD from its own day on."""
    with database.begin() as connection:
        frame = pd.concat([bars(name, [100.0, 150.0, 101.0, 102.0]) for name in ("kor", "us")])
        append_bars(connection, frame, run_id="run", known_at=NOON)
    find(database, LATER, held("kor", SECOND, trading_day=THIRD), held("us", THIRD, BY_SECOND))
    return database


def find(engine: sa.Engine, now: dt.datetime, *rows: dict[str, object]) -> None:
    """Judge all days: exactly these are the findings."""
    frame = pd.DataFrame(rows, columns=list(finding("kor", FIRST)))
    with engine.begin() as connection:
        replace_findings(
            connection,
            [FIRST, SECOND, THIRD, FOURTH],
            frame,
            instruments=("kor", "us"),
            run_id="run",
            found_at=now,
        )


def release(
    engine: sa.Engine, instrument: str, session: dt.date, at: dt.datetime = LAST, by: str = "김민수"
) -> Release:
    with engine.begin() as connection:
        return release_bar(connection, instrument, session, by=by, reason="뉴스와 같음", at=at)


def sessions(
    engine: sa.Engine,
    instrument: str = "kor",
    until: dt.date | None = None,
    as_of: dt.datetime | None = None,
    kept: HeldBars = "none",
    since: dt.date | None = None,
) -> list[dt.date]:
    with engine.begin() as connection:
        frame = read_bars(
            connection, instruments=[instrument], until=until, since=since, as_of=as_of, held=kept
        )
    return [session.date() for session in frame["session"]]


def test_a_bar_is_left_out_from_the_day_that_holds_it_on(stored: sa.Engine) -> None:
    assert sessions(stored, until=SECOND) == [FIRST, SECOND]
    assert sessions(stored, until=THIRD) == [FIRST, THIRD]
    assert sessions(stored, until=FOURTH) == sessions(stored) == [FIRST, THIRD, FOURTH]
    assert sessions(stored, since=SECOND, until=FOURTH) == [THIRD, FOURTH]
    assert sessions(stored, "us", until=SECOND) == [FIRST, SECOND]
    assert sessions(stored, "us", until=THIRD) == [FIRST, SECOND]


def test_states_see_what_was_used_on_its_own_day_and_checks_see_all(stored: sa.Engine) -> None:
    everything = [FIRST, SECOND, THIRD, FOURTH]
    assert sessions(stored, until=FOURTH, kept="held_later") == everything
    assert sessions(stored, "us", until=FOURTH, kept="held_later") == [FIRST, SECOND, FOURTH]
    assert sessions(stored, until=FOURTH, kept="all") == sessions(stored, "us", kept="all") == everything


def test_findings_that_hold_nothing_leave_every_bar(stored: sa.Engine) -> None:
    find(stored, LATER, finding("kor", SECOND, severity="warning"), finding("kor", THIRD, severity="blocked"))
    assert sessions(stored) == [FIRST, SECOND, THIRD, FOURTH]


def test_all_revisions_of_a_bar_are_held(stored: sa.Engine) -> None:
    with stored.begin() as connection:
        append_bars(connection, bars("kor", [149.0], SECOND), run_id="run", known_at=LAST)
    assert sessions(stored) == [FIRST, THIRD, FOURTH]
    find(stored, LAST)
    with stored.begin() as connection:
        read = read_bars(connection, instruments=["kor"])
    assert read["close"].tolist() == [100.0, 149.0, 101.0, 102.0]


def test_as_of_gives_what_was_held_then(stored: sa.Engine) -> None:
    """It is the first time that counts: judging a day again does not make its findings younger."""
    find(stored, LAST, held("kor", SECOND, trading_day=THIRD))
    just_before = LATER - dt.timedelta(microseconds=1)
    assert sessions(stored, as_of=just_before) == [FIRST, SECOND, THIRD, FOURTH]
    assert sessions(stored, as_of=LATER) == [FIRST, THIRD, FOURTH]
    release(stored, "kor", SECOND)
    assert sessions(stored, as_of=just_before) == [FIRST, SECOND, THIRD, FOURTH]
    assert sessions(stored, as_of=LAST - dt.timedelta(microseconds=1)) == [FIRST, THIRD, FOURTH]
    assert sessions(stored, as_of=LAST) == [FIRST, SECOND, THIRD, FOURTH]
    assert sessions(stored, until=SECOND, as_of=LATER) == [FIRST, SECOND]


def test_a_release_brings_the_bar_back_and_is_kept(stored: sa.Engine) -> None:
    assert release(stored, "kor", SECOND) == Release("kor", SECOND, (BY_NEXT,), (THIRD,))
    assert sessions(stored, until=THIRD) == [FIRST, SECOND, THIRD]
    assert sessions(stored, "us") == [FIRST, SECOND, FOURTH]
    with stored.begin() as connection:
        kept = read_held(connection, ["kor"]).iloc[0]
        assert released_sessions(connection) == {"kor": [SECOND]}
    assert (kept["released_by"], kept["released_at"], kept["release_reason"]) == (
        "김민수",
        LAST,
        "뉴스와 같음",
    )
    before = rows_of(stored, findings)
    find(
        stored,
        LAST + dt.timedelta(hours=1),
        held("kor", SECOND, trading_day=THIRD),
        held("us", THIRD, BY_SECOND),
    )
    assert [row for row in rows_of(stored, findings) if row[0] == "kor"] == before[:1]
    assert sessions(stored) == [FIRST, SECOND, THIRD, FOURTH]


def test_a_bar_is_released_from_everything_that_holds_it(stored: sa.Engine) -> None:
    find(
        stored,
        LATER,
        held("kor", SECOND, trading_day=THIRD),
        held("kor", SECOND, BY_SECOND),
        finding("kor", SECOND),
        held("kor", THIRD, trading_day=FOURTH),
    )
    assert release(stored, "kor", SECOND) == Release("kor", SECOND, (BY_NEXT, BY_SECOND), (SECOND, THIRD))
    assert sessions(stored) == [FIRST, SECOND, FOURTH]
    released = {row[:3] for row in rows_of(stored, findings) if row[-1] is not None}
    assert released == {("kor", SECOND, BY_NEXT), ("kor", SECOND, BY_SECOND)}


def test_a_bar_that_is_not_held_cannot_be_released(stored: sa.Engine) -> None:
    with pytest.raises(NothingToRelease) as raised:
        release(stored, "kor", THIRD)
    assert str(raised.value) == (
        f"The bar of kor of {THIRD} is not held; held are kor of {SECOND}, us of {THIRD}."
    )
    find(stored, LATER, finding("kor", SECOND))
    with pytest.raises(NothingToRelease, match=rf"The bar of kor of {SECOND} is not held; no bar is held\.$"):
        release(stored, "kor", SECOND)


def test_who_has_released_a_bar_is_said(stored: sa.Engine) -> None:
    release(stored, "kor", SECOND)
    before = rows_of(stored, findings)
    with pytest.raises(NothingToRelease) as raised:
        release(stored, "kor", SECOND, LAST + dt.timedelta(days=1), "somebody else")
    assert str(raised.value) == (
        f"The bar of kor of {SECOND} was released by 김민수 on {LAST:%Y-%m-%d %H:%M} UTC already: "
        "뉴스와 같음."
    )
    assert rows_of(stored, findings) == before


def test_days_that_hold_what_earlier_days_have_used(stored: sa.Engine) -> None:
    with stored.begin() as connection:
        assert days_of_later_holds(connection, FIRST, FOURTH) == [THIRD]
        assert days_of_later_holds(connection, FOURTH, FOURTH) == []
    release(stored, "kor", SECOND)
    with stored.begin() as connection:
        assert days_of_later_holds(connection, FIRST, FOURTH) == []


def test_a_corrected_or_released_bar_changes_the_day_that_holds_it(stored: sa.Engine) -> None:
    def changed() -> dict[dt.date, dt.datetime]:
        with stored.begin() as connection:
            return holds_changed_at(connection, FIRST, FOURTH)

    assert changed() == {THIRD: NOON}
    with stored.begin() as connection:
        append_bars(connection, bars("kor", [100.5], SECOND), run_id="run", known_at=LATER)
    assert changed() == {THIRD: LATER}
    find(stored, LATER, held("kor", SECOND, trading_day=FOURTH), held("us", SECOND))
    late = LATER + dt.timedelta(minutes=1)
    with stored.begin() as connection:
        append_bars(connection, bars("kor", [100.7], THIRD), run_id="run", known_at=late)
        append_bars(connection, bars("us", [100.7, 151.0, 101.7], FIRST), run_id="run", known_at=late)
    assert changed() == {SECOND: late, FOURTH: late}
    with stored.begin() as connection:
        append_bars(connection, bars("us", [106.0], FIRST), run_id="run", known_at=LAST)
        append_bars(connection, bars("us", [106.0], THIRD), run_id="run", known_at=LAST)
        append_bars(connection, bars("kor", [106.0], FIRST), run_id="run", known_at=LAST)
    assert changed() == {SECOND: late, FOURTH: late}, "what comes before or later says nothing of it"
    find(stored, LATER, held("kor", SECOND, trading_day=FOURTH), held("us", THIRD, BY_SECOND))
    release(stored, "us", THIRD)
    assert changed() == {THIRD: LAST, FOURTH: late}
    with stored.begin() as connection:
        assert holds_changed_at(connection, FOURTH, FOURTH) == {FOURTH: late}
        assert holds_changed_at(connection, FIRST, SECOND) == {}


def test_when_a_bar_that_a_day_may_use_was_released_last(stored: sa.Engine) -> None:
    def last(until: dt.date) -> dt.datetime | None:
        with stored.begin() as connection:
            return last_released_at(connection, until)

    assert last(FOURTH) is None
    release(stored, "us", THIRD)
    release(stored, "kor", SECOND, LAST + dt.timedelta(hours=1))
    assert last(SECOND) is None
    assert last(THIRD) == LAST + dt.timedelta(hours=1)
