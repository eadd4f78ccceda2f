"""The tables on disk: when they are built, and when they are built again."""

import json
import logging
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from stock_assets.calendars import load_calendar
from stock_assets.errors import CalendarError
from stock_assets.own_calendars import OWN_CALENDARS
from stock_assets.session_tables import (
    build_table,
    known_exchanges,
    origin_of,
    package_version,
    read_table,
    write_table,
)
from stock_assets_tests.test_calendars import FIRST, LAST, forbid_building


def test_known_exchanges_are_those_of_the_package_and_our_own() -> None:
    import exchange_calendars

    names = exchange_calendars.get_calendar_names(include_aliases=False)
    of_the_package = {name for name in names if name.isupper()}
    assert of_the_package.isdisjoint(OWN_CALENDARS)
    assert set(known_exchanges()) == of_the_package | set(OWN_CALENDARS)
    assert list(known_exchanges()) == sorted(known_exchanges())


def test_the_origin_of_a_table_has_a_version() -> None:
    assert origin_of("XNYS") == f"exchange_calendars {package_version()}"
    assert origin_of("USGOV") == "stock_assets rules 1"


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
        "older version": replace(table, origin="exchange_calendars 0.1"),
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


def test_tables_can_be_read_by_everybody(tmp_path: Path) -> None:
    load_calendar("FX", FIRST, LAST, tmp_path)
    assert (tmp_path / "FX.json").stat().st_mode & 0o777 == 0o644


def test_a_folder_that_cannot_be_written_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "a file"
    folder.touch()
    with caplog.at_level(logging.WARNING):
        calendar = load_calendar("FX", FIRST, LAST, folder)
    assert calendar.is_session(FIRST)
    (message,) = caplog.messages
    assert message.startswith("The calendar of FX is built anew by every process: ")


@pytest.mark.parametrize("exchange", sorted(OWN_CALENDARS))
def test_tables_by_rules_are_kept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: str) -> None:
    built = load_calendar(exchange, FIRST, LAST, tmp_path)
    forbid_building(monkeypatch)
    assert load_calendar(exchange, FIRST, LAST, tmp_path) == built


@pytest.mark.parametrize("exchange", sorted(OWN_CALENDARS))
def test_a_newer_rule_builds_a_table_again(tmp_path: Path, exchange: str) -> None:
    built = load_calendar(exchange, FIRST, LAST, tmp_path)
    table = read_table(exchange, FIRST, tmp_path)
    assert table is not None
    write_table(replace(table, origin="stock_assets rules 0", sessions=table.sessions[:5]), tmp_path)
    assert read_table(exchange, FIRST, tmp_path) is None
    assert load_calendar(exchange, FIRST, LAST, tmp_path) == built


def test_a_table_by_rules_reaches_as_far_as_it_is_asked_to(tmp_path: Path) -> None:
    last = date(2041, 7, 5)
    table = build_table("COMEX", date(1990, 1, 1), last)
    assert (table.first, table.last, table.is_limit) == (date(1990, 1, 1), last, False)
    assert table.sessions[-1] == (last, 21 * 60)
    assert table.usual_closes == ((date.min, 17 * 60),)


@pytest.mark.parametrize(
    ("exchange", "names"),
    [
        ("XNYS", {date(2022, 11, 24): "Thanksgiving", date(2022, 4, 15): "Good Friday"}),
        ("COMEX", {date(2022, 11, 24): "Thanksgiving Day", date(2022, 4, 15): "Good Friday"}),
        ("USGOV", {date(2022, 10, 10): "Columbus Day", date(2022, 11, 11): "Veterans Day"}),
        ("FX", {date(2023, 12, 25): "Christmas Day", date(2024, 1, 1): "New Year's Day"}),
    ],
)
def test_holidays_have_their_names(tmp_path: Path, exchange: str, names: dict[date, str]) -> None:
    calendar = load_calendar(exchange, date(2022, 1, 3), date(2024, 12, 31), tmp_path)
    assert {day: calendar.why_closed(day) for day in names} == names
    assert calendar.holidays
    assert all(day.weekday() < 5 and not calendar.is_session(day) for day, _ in calendar.holidays)
    with pytest.raises(CalendarError, match=f"2022-11-23 is a session of {exchange}"):
        calendar.why_closed(date(2022, 11, 23))


def test_a_closed_day_without_a_name_is_a_holiday_or_a_weekend(tmp_path: Path) -> None:
    calendar = load_calendar("XBOM", date(2022, 1, 3), date(2024, 12, 31), tmp_path)
    assert calendar.why_closed(date(2022, 8, 31)) == "holiday", "the package has no names of Bombay's"
    assert calendar.why_closed(date(2022, 9, 3)) == "weekend"


def test_a_table_without_names_is_built_again_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    built = load_calendar("XNYS", FIRST, LAST, tmp_path)
    path = tmp_path / "XNYS.json"
    content = json.loads(path.read_text())
    del content["format"], content["holidays"]
    path.write_text(json.dumps(content))
    assert load_calendar("XNYS", FIRST, LAST, tmp_path) == built
    assert "holidays" in json.loads(path.read_text()) and not caplog.text
