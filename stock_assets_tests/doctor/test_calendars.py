"""Calendars are there, and say in time where they end."""

from datetime import date
from pathlib import Path

import pytest

from stock_assets.config.universe import Universe
from stock_assets.doctor.calendars import calendar_diagnoses
from stock_assets.doctor.configuration import read_configuration
from stock_assets.session_tables import SessionTable, origin_of, write_table
from stock_assets.settings import Settings
from stock_assets_tests.doctor.live_universe import TODAY, edit, install

EXCHANGES = ("USGOV", "XKRX", "XNYS")
FAR = date(2024, 12, 31)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """With tables of all exchanges, so that none has to be built."""
    settings = install(tmp_path)
    for exchange in EXCHANGES:
        write(settings, exchange, FAR)
    return settings


def write(settings: Settings, exchange: str, last: date, first: date = date(2020, 1, 1)) -> None:
    usual = ((date.min, 900),)
    sessions = ((date(2024, 1, 2), 900),)
    table = SessionTable(exchange, origin_of(exchange), first, last, True, "UTC", usual, sessions)
    write_table(table, settings.calendar_dir)


def universe_of(settings: Settings) -> Universe:
    universe = read_configuration(settings).usable
    assert universe is not None
    return universe


def test_calendars_that_reach_are_one_line(settings: Settings) -> None:
    write(settings, "XKRX", date(2024, 6, 28))
    (settings.config_dir / "session_overrides.csv").write_text(
        "date,exchange,session,source\n2024-01-02,XKRX,closed,https://krx.example\n", encoding="utf-8"
    )
    (diagnosis,) = calendar_diagnoses(universe_of(settings), settings, TODAY)
    assert diagnosis.verdict == "ok"
    assert "of USGOV, XKRX, XNYS are known until 2024-06-28, by exchange_calendars " in diagnosis.found
    assert diagnosis.found.endswith("and 1 overrides.")


@pytest.mark.parametrize(("last", "verdict"), [(date(2024, 4, 1), "ok"), (date(2024, 3, 31), "warning")])
def test_a_calendar_that_ends_within_sixty_days_is_a_warning(
    settings: Settings, last: date, verdict: str
) -> None:
    write(settings, "XNYS", last)
    first, *rest = calendar_diagnoses(universe_of(settings), settings, TODAY)
    assert first.verdict == verdict
    if verdict == "warning":
        assert "The calendar of XNYS ends on 2024-03-31" in first.found
        (others,) = rest
        assert others.verdict == "ok" and "of USGOV, XKRX are known until 2024-12-31" in others.found


def test_a_universe_that_has_ended_needs_no_longer_calendars(settings: Settings) -> None:
    write(settings, "XNYS", date(2024, 2, 2))
    edit(settings, "start: 2023-01-02", "start: 2023-01-02\nend: 2024-01-19")
    (diagnosis,) = calendar_diagnoses(universe_of(settings), settings, TODAY)
    assert diagnosis.verdict == "ok" and "are known until 2024-02-02" in diagnosis.found


def test_an_exchange_without_a_calendar_fails_and_the_others_are_looked_at(settings: Settings) -> None:
    edit(settings, "exchange: XNYS", "exchange: XNYC")
    failed, fine = calendar_diagnoses(universe_of(settings), settings, TODAY)
    assert failed.verdict == "failed" and "'XNYC' is no exchange with a calendar" in failed.found
    assert fine.verdict == "ok" and "USGOV, XKRX, XNYS" in fine.found


def test_overrides_that_cannot_be_read_are_said_by_the_configuration_alone(settings: Settings) -> None:
    (settings.config_dir / "session_overrides.csv").write_text("no,such,columns\n", encoding="utf-8")
    configuration = read_configuration(settings)
    assert any("session_overrides.csv" in mistake for mistake in configuration.mistakes)
    assert configuration.usable is not None
    (diagnosis,) = calendar_diagnoses(configuration.usable, settings, TODAY)
    assert diagnosis.verdict == "ok" and diagnosis.found.endswith("and 0 overrides.")


def test_before_anything_is_prepared_nothing_is_left_behind(tmp_path: Path) -> None:
    settings = install(tmp_path)
    text = (settings.universe_dir / "universe.yaml").read_text(encoding="utf-8")
    # A calendar by rules is built in no time.
    for exchange in ("XKRX", "XNYS"):
        text = text.replace(f"exchange: {exchange}", "exchange: USGOV")
    (settings.universe_dir / "universe.yaml").write_text(text, encoding="utf-8")
    (diagnosis,) = calendar_diagnoses(universe_of(settings), settings, TODAY)
    assert diagnosis.verdict == "ok" and "of USGOV are known until " in diagnosis.found
    assert not settings.state_dir.parent.exists()
