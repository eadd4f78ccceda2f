"""Sessions and closes: the package's, what lies behind its end, and the corrections over both."""

import json
import logging
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from stock_assets import calendars
from stock_assets.calendars import (
    SessionCalendar,
    known_exchanges,
    load_calendar,
    read_overrides,
)
from stock_assets.errors import CalendarError, ConfigurationError
from stock_assets.session_overrides import SessionOverride
from stock_assets.session_tables import SessionTable, build_table, package_version, read_table, write_table

FIRST, LAST = date(2020, 12, 1), date(2021, 3, 31)
SHIPPED = Path(__file__).parents[1] / "configs" / "session_overrides.csv"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
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
def test_closes_are_in_utc(cache: Path, exchange: str, day: date, close: datetime) -> None:
    calendar = load_calendar(exchange, FIRST, LAST, cache)
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
def test_holidays_are_no_sessions(cache: Path, exchange: str, holidays: list[date]) -> None:
    calendar = load_calendar(exchange, FIRST, LAST, cache)
    assert [day for day in holidays if calendar.is_session(day)] == []
    assert calendar.between(date(2021, 1, 2), date(2021, 1, 3)) == ()


def test_between_includes_both_days(cache: Path) -> None:
    calendar = load_calendar("XNYS", FIRST, LAST, cache)
    assert calendar.between(date(2021, 1, 15), date(2021, 1, 20)) == (
        date(2021, 1, 15),
        date(2021, 1, 19),
        date(2021, 1, 20),
    )


def test_a_day_without_a_session_closes_at_the_usual_time(cache: Path) -> None:
    calendar = load_calendar("XNYS", FIRST, LAST, cache)
    assert calendar.close_of(date(2021, 1, 16)) == utc(2021, 1, 16, 21, 0)


def test_the_usual_time_is_that_of_the_day(cache: Path) -> None:
    # Tokyo moved its close from 15:00 to 15:30 on 2024-11-05.
    calendar = load_calendar("XTKS", date(2024, 10, 1), date(2024, 12, 31), cache)
    assert calendar.close_of(date(2024, 11, 4)) == utc(2024, 11, 4, 6, 0)  # a holiday
    assert calendar.close_of(date(2024, 11, 23)) == utc(2024, 11, 23, 6, 30)  # a Saturday


def test_a_day_outside_is_an_error(cache: Path) -> None:
    calendar = load_calendar("XNYS", FIRST, LAST, cache)
    with pytest.raises(CalendarError) as raised:
        calendar.is_session(date(2021, 4, 1))
    assert str(raised.value) == (
        "2021-04-01 lies outside the calendar of XNYS, which was loaded from 2020-12-01 to 2021-03-31; load "
        "it for a longer time."
    )
    with pytest.raises(CalendarError):
        calendar.between(date(2020, 11, 30), LAST)


def test_what_is_asked_for_is_what_comes(cache: Path) -> None:
    longer = load_calendar("XNYS", FIRST, LAST, cache)
    shorter = load_calendar("XNYS", date(2021, 1, 1), date(2021, 1, 31), cache)
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


def test_known_exchanges_are_those_of_the_package() -> None:
    import exchange_calendars

    names = exchange_calendars.get_calendar_names(include_aliases=False)
    assert set(known_exchanges()) == {name for name in names if name.isupper()}


def test_a_table_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = load_calendar("XLON", FIRST, LAST, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["XLON.json"]
    forbid_building(monkeypatch)
    assert load_calendar("XLON", FIRST, LAST, tmp_path) == built
    later = load_calendar("XLON", date(2021, 1, 1), LAST, tmp_path)
    assert later.sessions == built.between(date(2021, 1, 1), LAST)


@pytest.mark.parametrize(
    "damage", ["older version", "later start", "shorter", "truncated", "another exchange"]
)
def test_a_table_that_does_not_cover_what_is_asked_is_built_again(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    expected = load_calendar("XLON", FIRST, LAST, tmp_path)
    path = tmp_path / "XLON.json"
    table = read_table("XLON", FIRST, tmp_path)
    assert table is not None
    damaged = {
        "older version": replace(table, package="0.1"),
        "later start": replace(table, first=date(2021, 1, 1), sessions=table.sessions[30:]),
        "shorter": replace(table, last=date(2021, 2, 1), sessions=table.sessions[:40]),
        "another exchange": replace(table, exchange="XPAR"),
    }
    if damage in damaged:
        write_table(damaged[damage], tmp_path)
        if damage == "another exchange":
            (tmp_path / "XPAR.json").rename(path)
    else:
        path.write_text(path.read_text()[:1000])
    assert load_calendar("XLON", FIRST, LAST, tmp_path) == expected
    assert read_table("XLON", FIRST, tmp_path) == table
    assert ("damaged" in caplog.text) == (damage == "truncated")


def test_a_failed_write_leaves_the_old_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_calendar("XLON", FIRST, LAST, tmp_path)
    before = (tmp_path / "XLON.json").read_bytes()

    def dump(content: object, file: object, separators: tuple[str, str]) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(json, "dump", dump)
    with pytest.raises(OSError, match="disk full"):
        write_table(build_table("XLON", FIRST, LAST), tmp_path)
    assert (tmp_path / "XLON.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["XLON.json"]


def table_until(last: date, *, is_limit: bool) -> SessionTable:
    """A table of the weekdays of January 2026, that closes at 15:30 in Kolkata."""
    days = [date(2026, 1, 1) + timedelta(days=offset) for offset in range(31)]
    sessions = tuple((day, 600) for day in days if day.weekday() < 5 and day <= last)
    usual = ((date.min, 15 * 60 + 30),)
    return SessionTable(
        "XBOM", package_version(), date(2026, 1, 1), last, is_limit, "Asia/Kolkata", usual, sessions
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


def test_without_an_end_a_calendar_reaches_as_far_as_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(table_until(date(2026, 1, 30), is_limit=False), tmp_path)
    forbid_building(monkeypatch)
    early = load_calendar("XBOM", date(2026, 1, 1), None, tmp_path, today=date(2025, 11, 1))
    assert early.last == date(2026, 1, 30)
    with pytest.raises(AssertionError, match="XBOM is built from 2026-01-01 to None"):
        load_calendar("XBOM", date(2026, 1, 1), None, tmp_path, today=date(2025, 11, 2))


def test_a_built_calendar_reaches_ahead(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    calendar = load_calendar("XNYS", date(2025, 1, 2), None, tmp_path)
    assert calendar.last >= today + timedelta(days=300)


def test_shipped_overrides_take_effect(cache: Path) -> None:
    overrides = read_overrides(SHIPPED)
    assert {(override.exchange, override.day, override.is_open) for override in overrides} >= {
        ("XBOM", date(2024, 1, 20), True),
        ("XBOM", date(2025, 2, 1), True),
        ("XBOM", date(2026, 2, 1), True),
        ("XTAI", date(2024, 10, 31), False),
        ("XKRX", date(2026, 6, 3), False),
    }
    corrected: dict[str, SessionCalendar] = {}
    for override in overrides:
        if override.exchange not in corrected:
            corrected[override.exchange] = load_calendar(
                override.exchange, date(2024, 1, 1), date(2026, 12, 31), cache, overrides
            )
        assert corrected[override.exchange].is_session(override.day) == override.is_open
    assert corrected["XBOM"].close_of(date(2026, 2, 1)) == utc(2026, 2, 1, 10, 0)


def test_there_need_be_no_overrides(tmp_path: Path) -> None:
    assert read_overrides(tmp_path / "session_overrides.csv") == ()


HEADER = "date,exchange,session,source\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "day,exchange\n",
            "line 1: the columns are 'day,exchange'; allowed are 'date,exchange,session,source'.",
        ),
        (
            HEADER + "2021-01-04,XNYS,open\n",
            "line 2: holds 3 values; allowed are the 4 of 'date,exchange,session,source'.",
        ),
        (
            HEADER + "2021-02-30,XNYS,open,https://example.org\n",
            "line 2: date: '2021-02-30' is no date; allowed is a date such as 2021-01-04.",
        ),
        (
            HEADER + "2021-01-04,NYSE,open,https://example.org\n",
            f"line 2: exchange: 'NYSE' is no exchange; allowed are {', '.join(known_exchanges())}.",
        ),
        (
            HEADER + "2021-01-04,XNYS,half,https://example.org\n",
            "line 2: session: 'half' is not allowed; allowed are open, closed.",
        ),
        (
            HEADER + "2021-01-04,XNYS,open,\n",
            "line 2: source: is empty; allowed is the address that says so.",
        ),
        (
            HEADER
            + "2021-01-04,XNYS,open,https://example.org\n\n2021-01-04,XNYS,closed,https://example.org\n",
            "line 4: XNYS on 2021-01-04 stands in the file twice; allowed is one line a date and exchange.",
        ),
    ],
)
def test_a_mistake_in_the_overrides_names_the_line(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "session_overrides.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        read_overrides(path)
    assert str(raised.value) == f"session_overrides.csv: {sentence}"


def test_overrides_saved_by_a_spreadsheet_are_read(tmp_path: Path) -> None:
    path = tmp_path / "session_overrides.csv"
    path.write_text(HEADER + "2021-02-06,XTKS,open,https://example.org\n", encoding="utf-8-sig")
    assert read_overrides(path) == (SessionOverride(date(2021, 2, 6), "XTKS", True, "https://example.org"),)
    path.write_bytes(HEADER.encode() + "2021-02-06,XTKS,open,東京".encode("cp932"))
    with pytest.raises(ConfigurationError, match="is no UTF-8 text"):
        read_overrides(path)
