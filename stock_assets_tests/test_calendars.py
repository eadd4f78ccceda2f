"""Sessions and closes: the package's, what lies behind its end, and the corrections over both."""

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from stock_assets import calendars
from stock_assets.calendars import (
    REACH,
    SessionCalendar,
    calendar_ends,
    known_exchanges,
    load_calendar,
    read_overrides,
)
from stock_assets.errors import CalendarError
from stock_assets.session_overrides import SessionOverride
from stock_assets.session_tables import SessionTable, origin_of, write_table
from stock_assets.trading_days import TradingDays

FIRST, LAST = date(2020, 12, 1), date(2021, 3, 31)
SHIPPED = Path(__file__).parents[1] / "configs" / "session_overrides.csv"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tables of this module lie: each is built once."""
    return tmp_path_factory.mktemp("calendars")


def forbid_building(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(exchange: str, first: date, last: date | None) -> SessionTable:
        raise AssertionError(f"{exchange} is built from {first} to {last}")

    monkeypatch.setattr(calendars, "build_table", build)


def utc(*fields: int) -> datetime:
    return datetime(*fields, tzinfo=UTC)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("exchange", "day", "close"),
    [
        ("XNYS", date(2021, 1, 4), utc(2021, 1, 4, 21, 0)),
        ("XNYS", date(2020, 12, 24), utc(2020, 12, 24, 18, 0)),  # closes at 13:00 in New York
        ("XNYS", date(2021, 3, 12), utc(2021, 3, 12, 21, 0)),
        ("XNYS", date(2021, 3, 15), utc(2021, 3, 15, 20, 0)),  # the United States changed their clocks
        ("XLON", date(2021, 3, 26), utc(2021, 3, 26, 16, 30)),
        ("XLON", date(2021, 3, 29), utc(2021, 3, 29, 15, 30)),  # the United Kingdom changed its clocks
        ("XLON", date(2020, 12, 31), utc(2020, 12, 31, 12, 30)),
        ("XTKS", date(2021, 1, 4), utc(2021, 1, 4, 6, 0)),
    ],
)
def test_closes_are_in_utc(folder: Path, exchange: str, day: date, close: datetime) -> None:
    calendar = load_calendar(exchange, FIRST, LAST, folder)
    assert calendar.is_session(day)
    assert calendar.close_of(day) == close


@pytest.mark.parametrize(
    ("exchange", "holidays"),
    [
        ("XNYS", [date(2021, 1, 1), date(2021, 1, 18), date(2021, 2, 15)]),
        ("XLON", [date(2020, 12, 25), date(2020, 12, 28), date(2021, 1, 1)]),
        (
            "XTKS",
            [date(2020, 12, 31), date(2021, 1, 1), date(2021, 1, 11), date(2021, 2, 11), date(2021, 2, 23)],
        ),
    ],
)
def test_holidays_are_no_sessions(folder: Path, exchange: str, holidays: list[date]) -> None:
    calendar = load_calendar(exchange, FIRST, LAST, folder)
    assert [day for day in holidays if calendar.is_session(day)] == []
    assert calendar.between(date(2021, 1, 2), date(2021, 1, 3)) == ()


def test_between_includes_both_days(folder: Path) -> None:
    calendar = load_calendar("XNYS", FIRST, LAST, folder)
    assert calendar.between(date(2021, 1, 15), date(2021, 1, 20)) == (
        date(2021, 1, 15),
        date(2021, 1, 19),
        date(2021, 1, 20),
    )


def test_a_day_without_a_session_closes_at_the_usual_time(folder: Path) -> None:
    calendar = load_calendar("XNYS", FIRST, LAST, folder)
    assert calendar.close_of(date(2021, 1, 16)) == utc(2021, 1, 16, 21, 0)


def test_the_usual_time_is_that_of_the_day(folder: Path) -> None:
    # Tokyo moved its close from 15:00 to 15:30 on 2024-11-05.
    calendar = load_calendar("XTKS", date(2024, 10, 1), date(2024, 12, 31), folder)
    assert calendar.close_of(date(2024, 11, 4)) == utc(2024, 11, 4, 6, 0)  # a holiday
    assert calendar.close_of(date(2024, 11, 23)) == utc(2024, 11, 23, 6, 30)  # a Saturday


def test_a_day_outside_is_an_error(folder: Path) -> None:
    calendar = load_calendar("XNYS", FIRST, LAST, folder)
    with pytest.raises(CalendarError) as raised:
        calendar.is_session(date(2021, 4, 1))
    assert str(raised.value) == (
        "2021-04-01 lies outside the calendar of XNYS, which was loaded from 2020-12-01 to 2021-03-31; load "
        "it for a longer time."
    )
    with pytest.raises(CalendarError):
        calendar.between(date(2020, 11, 30), LAST)


def test_what_is_asked_for_is_what_comes(folder: Path) -> None:
    longer = load_calendar("XNYS", FIRST, LAST, folder)
    shorter = load_calendar("XNYS", date(2021, 1, 1), date(2021, 1, 31), folder)
    assert (shorter.first, shorter.last) == (date(2021, 1, 1), date(2021, 1, 31))
    assert shorter.sessions == longer.between(date(2021, 1, 1), date(2021, 1, 31))


def test_an_unknown_exchange_is_told_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(CalendarError) as raised:
        load_calendar("XXXX", FIRST, LAST, tmp_path)
    assert str(raised.value) == (
        f"'XXXX' is no exchange with a calendar; allowed are {', '.join(known_exchanges())}."
    )


def test_a_calendar_cannot_begin_before_the_package_knows_it(tmp_path: Path) -> None:
    with pytest.raises(CalendarError, match=r"XTKS cannot begin on 1990-01-01: .*1997-01-01"):
        load_calendar("XTKS", date(1990, 1, 1), LAST, tmp_path)


def table_until(last: date, *, is_limit: bool) -> SessionTable:
    """A table of the weekdays of January 2026, that closes at 15:30 in Kolkata."""
    days = [date(2026, 1, 1) + timedelta(days=offset) for offset in range(31)]
    sessions = tuple((day, 600) for day in days if day.weekday() < 5 and day <= last)
    usual = ((date.min, 15 * 60 + 30),)
    return SessionTable(
        "XBOM", origin_of("XBOM"), date(2026, 1, 1), last, is_limit, "Asia/Kolkata", usual, sessions
    )


def test_behind_the_packages_end_weekdays_are_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_table(table_until(date(2026, 1, 15), is_limit=True), tmp_path)
    forbid_building(monkeypatch)
    with caplog.at_level(logging.WARNING):
        calendar = load_calendar("XBOM", date(2026, 1, 1), date(2026, 1, 20), tmp_path)
    assert calendar.between(date(2026, 1, 14), date(2026, 1, 20)) == (
        date(2026, 1, 14),
        date(2026, 1, 15),
        date(2026, 1, 16),
        date(2026, 1, 19),
        date(2026, 1, 20),
    )
    assert calendar.close_of(date(2026, 1, 19)) == utc(2026, 1, 19, 10, 0)
    assert caplog.messages == [
        "The calendar of XBOM ends on 2026-01-15: every weekday until 2026-01-20 is taken for a session."
    ]


def test_overrides_hold_behind_the_packages_end_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(table_until(date(2026, 1, 15), is_limit=True), tmp_path)
    forbid_building(monkeypatch)
    overrides = [
        SessionOverride(date(2026, 1, 17), "XBOM", True, "a Saturday"),
        SessionOverride(date(2026, 1, 19), "XBOM", False, "a Monday"),
        SessionOverride(date(2026, 1, 20), "XNYS", False, "elsewhere"),
    ]
    calendar = load_calendar("XBOM", date(2026, 1, 1), date(2026, 1, 20), tmp_path, overrides)
    assert calendar.sessions[-4:] == (
        date(2026, 1, 15),
        date(2026, 1, 16),
        date(2026, 1, 17),
        date(2026, 1, 20),
    )


def test_without_an_end_a_calendar_is_built_again_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_table(table_until(date(2026, 1, 30), is_limit=False), tmp_path)
    forbid_building(monkeypatch)
    early = load_calendar("XBOM", date(2026, 1, 1), None, tmp_path, today=date(2025, 11, 1))
    # Behind the table's end weekdays are sessions: a process may live for longer than 90 days.
    assert early.known_until == date(2026, 1, 30)
    assert early.last == date(2026, 11, 2)
    assert early.between(date(2026, 1, 30), date(2026, 2, 3)) == (
        date(2026, 1, 30),
        date(2026, 2, 2),
        date(2026, 2, 3),
    )
    assert caplog.messages == []
    with pytest.raises(AssertionError, match="XBOM is built from 2026-01-01 to None"):
        load_calendar("XBOM", date(2026, 1, 1), None, tmp_path, today=date(2025, 11, 2))


@pytest.mark.parametrize(
    "today", [date(2025, 12, 30), date(2026, 1, 15), date(2026, 1, 16), date(2026, 8, 3)]
)
def test_nothing_breaks_around_the_packages_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, today: date
) -> None:
    """As XBOM's calendar ends with every year until somebody has written the next one."""
    write_table(table_until(date(2026, 1, 15), is_limit=True), tmp_path)
    forbid_building(monkeypatch)
    calendar = load_calendar("XBOM", date(2026, 1, 1), None, tmp_path, today=today)
    assert calendar.is_session(date(2026, 1, 16))
    assert not calendar.is_session(date(2026, 1, 17))
    last = today + REACH
    assert calendar.last == last
    assert calendar.between(date(2026, 1, 1), last) == calendar.sessions
    assert caplog.messages == [
        f"The calendar of XBOM ends on 2026-01-15: every weekday until {last} is taken for a session."
    ]
    assert calendar_ends([calendar], today) == [("XBOM", date(2026, 1, 15))]


def test_a_calendar_may_begin_behind_its_tables_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(table_until(date(2026, 1, 15), is_limit=True), tmp_path)
    forbid_building(monkeypatch)
    calendar = load_calendar("XBOM", date(2026, 1, 20), date(2026, 1, 25), tmp_path)
    assert calendar.sessions == (date(2026, 1, 20), date(2026, 1, 21), date(2026, 1, 22), date(2026, 1, 23))


@pytest.mark.parametrize(
    ("today", "ends"),
    [
        (date(2025, 11, 16), []),
        (date(2025, 11, 17), [("XBOM", date(2026, 1, 15))]),
        (date(2026, 2, 1), [("XBOM", date(2026, 1, 15))]),
    ],
)
def test_the_end_of_a_calendar_is_told_60_days_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, today: date, ends: list[tuple[str, date]]
) -> None:
    write_table(table_until(date(2026, 1, 15), is_limit=True), tmp_path)
    rates = load_calendar("FX", date(2026, 1, 1), None, tmp_path, today=today)
    forbid_building(monkeypatch)
    calendar = load_calendar("XBOM", date(2026, 1, 1), None, tmp_path, today=today)
    assert calendar_ends([rates, calendar], today) == ends


def test_a_universe_that_has_ended_needs_no_more_of_a_calendar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(table_until(date(2026, 1, 15), is_limit=True), tmp_path)
    forbid_building(monkeypatch)
    ended = load_calendar("XBOM", date(2026, 1, 1), date(2026, 1, 15), tmp_path)
    assert calendar_ends([ended], date(2026, 8, 1)) == []
    longer = load_calendar("XBOM", date(2026, 1, 1), date(2026, 1, 16), tmp_path)
    (end,) = calendar_ends([longer], date(2026, 8, 1))
    assert end.sentence == (
        "The calendar of XBOM ends on 2026-01-15, and every weekday after that is taken for a session; "
        "install a newer version of exchange_calendars, or write the days on which the exchange is closed "
        "into session_overrides.csv."
    )


def test_a_built_calendar_reaches_ahead(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    calendar = load_calendar("XNYS", date(2025, 1, 2), None, tmp_path)
    assert calendar.last >= today + timedelta(days=366)
    assert calendar.known_until >= today + timedelta(days=300)
    assert calendar_ends([calendar], today) == []


Markets = Callable[[str], SessionCalendar]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Markets:
    """The calendars of the project, with the corrections that it comes with, each built once."""
    folder = tmp_path_factory.mktemp("markets")
    overrides = read_overrides(SHIPPED)
    return cache(
        lambda exchange: load_calendar(exchange, date(2010, 1, 4), date(2026, 12, 31), folder, overrides)
    )


#: What really happened, where some version of the package says or said something else.
HISTORY = [
    ("XTAI", "2024-10-31", False),  # a typhoon
    ("XTAI", "2024-10-02", False),
    ("XKRX", "2026-06-03", False),  # local elections
    ("XKRX", "2026-07-17", False),  # Constitution Day, a holiday again
    ("XKRX", "2025-07-17", True),
    ("XKRX", "2023-10-02", False),
    ("XKRX", "2024-04-10", False),
    ("XKRX", "2024-10-01", False),
    ("XBOM", "2026-02-01", True),  # budgets, on a Sunday and on Saturdays
    ("XBOM", "2025-02-01", True),
    ("XBOM", "2020-02-01", True),
    ("XBOM", "2015-02-28", True),
    ("XBOM", "2024-01-20", True),  # instead of the Monday after it
    ("XBOM", "2024-01-22", False),
    ("XBOM", "2024-05-20", False),
    ("XBOM", "2026-01-15", False),
    # The index of the euro area is computed on both days, on which Frankfurt is closed.
    ("XPAR", "2024-12-24", True),
    ("XPAR", "2024-12-31", True),
    ("XPAR", "2025-12-24", True),
    ("XPAR", "2025-12-31", True),
    ("XPAR", "2026-12-24", True),
    ("XPAR", "2026-12-31", True),
    ("XETR", "2024-12-24", False),
    ("XETR", "2024-12-31", False),
    ("COMEX", "2025-01-09", True),  # CMES is closed there, and open on Thanksgiving
    ("COMEX", "2024-11-28", False),
    ("XNYS", "2024-10-14", True),  # Columbus Day and Veterans Day, on which bonds have no yield
    ("XNYS", "2024-11-11", True),
    ("USGOV", "2024-10-14", False),
    ("USGOV", "2024-11-11", False),
    ("USGOV", "2018-12-05", False),
    ("USGOV", "2012-10-30", False),
]


@pytest.mark.parametrize(("exchange", "day", "is_session"), HISTORY)
def test_history(market: Markets, exchange: str, day: str, is_session: bool) -> None:
    assert market(exchange).is_session(date.fromisoformat(day)) == is_session


def test_shipped_corrections_take_effect_and_have_a_source(market: Markets) -> None:
    for override in read_overrides(SHIPPED):
        assert market(override.exchange).is_session(override.day) == override.is_open
        assert override.source.startswith("https://")
    assert market("XBOM").close_of(date(2026, 2, 1)) == utc(2026, 2, 1, 10, 0)


WORLD = ("BVMF", "COMEX", "USGOV", "XBOM", "XKRX", "XLON", "XNYS", "XPAR", "XTAI", "XTKS")


@pytest.mark.parametrize(
    ("day", "trading"),
    [
        # Mumbai trades on New Year's Day and Tokyo at Christmas, so that a universe of the whole world has no
        # weekday off.
        (date(2026, 1, 1), {"XBOM"}),
        (date(2026, 4, 3), {"USGOV", "XKRX", "XTKS"}),
        (date(2026, 12, 25), {"XTKS"}),
        (date(2026, 7, 3), set(WORLD) - {"COMEX", "USGOV", "XNYS"}),
        (date(2026, 11, 11), set(WORLD) - {"USGOV"}),
        (date(2026, 2, 17), {"COMEX", "USGOV", "XBOM", "XLON", "XNYS", "XPAR", "XTKS"}),
    ],
)
def test_who_trades_on_a_day_of_2026(market: Markets, day: date, trading: set[str]) -> None:
    assert {exchange for exchange in WORLD if market(exchange).is_session(day)} == trading


def test_every_weekday_of_2026_is_a_trading_day_of_the_world(market: Markets) -> None:
    first, last = date(2026, 1, 1), date(2026, 12, 31)
    days = TradingDays.from_calendars(map(market, WORLD), first, last)
    assert len(days) == 261
    assert days.weekdays_off(first, last) == ()
    # Without Mumbai, and without Tokyo, there are days off.
    west = [market(exchange) for exchange in ("COMEX", "XLON", "XNYS", "XPAR")]
    assert TradingDays.from_calendars(west, first, last).weekdays_off(first, last) == (
        date(2026, 1, 1),
        date(2026, 4, 3),
        date(2026, 12, 25),
    )
