"""Each source is asked once through its real client, and every way to fail says what to do."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import yfinance  # noqa: F401 -- its import takes longer than a source is given to answer

from stock_assets.doctor import sources
from stock_assets.doctor.configuration import read_configuration
from stock_assets.doctor.diagnosis import Diagnosis
from stock_assets.doctor.sources import source_diagnoses
from stock_assets.market_data.source_lock import source_lock
from stock_assets.settings import Settings
from stock_assets_tests import fake_yahoo, fake_yield_sources
from stock_assets_tests.doctor.live_universe import ECOS_KEY, SESSIONS, TODAY, Providers, edit, install
from stock_assets_tests.doctor.live_universe import providers as all_providers

WINDOW = "from 2024-01-12 to 2024-01-31"
#: The whole output of a healthy universe.
HEALTHY = [
    ("source yahoo", f"^KS11 (kospi) has 14 sessions {WINDOW}, the last one on 2024-01-31."),
    ("source ecos", f"817Y002/010200000 (kor3y) has 14 sessions {WINDOW}, the last one on 2024-01-31."),
    ("source treasury", f"BC_10YEAR (us10y) has 14 sessions {WINDOW}, the last one on 2024-01-31."),
    ("source fred", f"DGS10 (us10y) has 14 sessions {WINDOW}, the last one on 2024-01-31."),
    ("source csv", f"FUND (fund) has 14 sessions {WINDOW}, the last one on 2024-01-31."),
]


@pytest.fixture
def providers() -> Iterator[Providers]:
    with all_providers() as servers:
        yield servers


@pytest.fixture
def settings(providers: Providers, tmp_path: Path) -> Settings:
    return install(tmp_path, **providers.environment)


def ask(settings: Settings, *, every_symbol: bool = False, today: date = TODAY) -> list[Diagnosis]:
    return list(source_diagnoses(read_configuration(settings), settings, today, every_symbol=every_symbol))


def ask_one(settings: Settings, source: str) -> Diagnosis:
    """Return what is said of a source, after seeing that the others are well."""
    diagnoses = {diagnosis.subject: diagnosis for diagnosis in ask(settings)}
    found = diagnoses.pop(f"source {source}")
    assert {diagnosis.verdict for diagnosis in diagnoses.values()} == {"ok"}
    assert ECOS_KEY not in str(found)
    return found


def test_each_source_is_asked_for_one_symbol_by_one_request(settings: Settings, providers: Providers) -> None:
    diagnoses = ask(settings)
    assert [(diagnosis.subject, diagnosis.found) for diagnosis in diagnoses] == HEALTHY
    assert {(diagnosis.verdict, diagnosis.remedy) for diagnosis in diagnoses} == {("ok", None)}
    assert [request.symbol for request in providers.yahoo.charts()] == ["^KS11"]
    for provider in (providers.treasury, providers.fred, providers.ecos):
        assert len(provider.requests) == 1


def test_every_symbol_is_asked_for_if_wanted(settings: Settings, providers: Providers) -> None:
    diagnoses = ask(settings, every_symbol=True)
    yahoo = f"^IXIC (nasdaq) has 14 sessions {WINDOW}, the last one on 2024-01-31."
    said = [(diagnosis.subject, diagnosis.found) for diagnosis in diagnoses]
    assert said == [HEALTHY[0], ("source yahoo", yahoo), *HEALTHY[1:]]


def test_today_is_not_over_and_the_window_has_twenty_days(settings: Settings, providers: Providers) -> None:
    diagnosis = ask(settings, today=date(2024, 1, 31))[0]
    assert "has 14 sessions from 2024-01-11 to 2024-01-30, the last one on 2024-01-30." in diagnosis.found


def test_a_universe_that_has_ended_is_asked_for_its_last_days(settings: Settings) -> None:
    edit(settings, "start: 2023-01-02", "start: 2023-01-02\nend: 2024-01-19")
    assert "has 14 sessions from 2023-12-31 to 2024-01-19" in ask(settings)[-1].found


@pytest.mark.parametrize(
    ("fault", "found", "remedy"),
    [
        (fake_yahoo.rate_limited("1800"), "429", "Leave yahoo alone for 1800 seconds"),
        (fake_yahoo.rate_limited(), "^KS11", "Leave yahoo alone for some minutes"),
        (fake_yahoo.ERROR, "500", "Check the network, and STOCK_ASSETS_YAHOO_URL"),
        (fake_yahoo.RESET, "^KS11", "Check the network, and STOCK_ASSETS_YAHOO_URL"),
        (fake_yahoo.UNKNOWN, "^KS11", "Correct the symbol of kospi in universe.yaml"),
        (fake_yahoo.EMPTY, "^KS11", "The symbol of kospi in universe.yaml may be wrong"),
        (fake_yahoo.wrong_symbol("^KS12"), "^KS12", "Look at what yahoo gives"),
    ],
)
def test_a_failing_source_says_what_to_do(
    settings: Settings, providers: Providers, fault: fake_yahoo.Fault, found: str, remedy: str
) -> None:
    providers.yahoo.fail("^KS11", fault, lasting=True)
    diagnosis = ask_one(settings, "yahoo")
    assert diagnosis.verdict == "failed" and found in diagnosis.found
    assert diagnosis.remedy is not None and diagnosis.remedy.startswith(remedy)
    assert "\n" not in diagnosis.found
    assert len(providers.yahoo.charts()) == 1


def test_a_source_that_hangs_ends(settings: Settings, providers: Providers) -> None:
    edit(settings, "source_settings:", "source_settings:\n  requests: {timeout: PT0.3S}")
    providers.fred.fail_always(fake_yield_sources.HANG)
    diagnosis = ask_one(settings, "fred")
    assert diagnosis.verdict == "failed" and "0.3" in diagnosis.found


def test_a_source_that_outlasts_its_timeouts_ends(
    settings: Settings, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_DEADLINE", 0.3)
    for provider in (providers.treasury, providers.ecos, providers.fred):
        provider.fail_always(fake_yield_sources.HANG)
    by_subject = {diagnosis.subject: diagnosis for diagnosis in ask(settings)}
    diagnosis = by_subject["source fred"]
    assert diagnosis.verdict == "failed" and diagnosis.remedy is not None
    assert diagnosis.found == "DGS10 (us10y): There was no answer within 0.3 seconds."
    assert "STOCK_ASSETS_FRED_URL" in diagnosis.remedy


def test_a_key_that_is_refused_is_not_shown(settings: Settings, providers: Providers) -> None:
    providers.ecos.key = "another"
    diagnosis = ask_one(settings, "ecos")
    assert diagnosis.verdict == "failed"
    assert diagnosis.remedy == "Put a key that ecos takes into STOCK_ASSETS_ECOS_KEY."


def test_a_source_without_its_key_is_not_asked(providers: Providers, tmp_path: Path) -> None:
    settings = install(tmp_path, **providers.environment, STOCK_ASSETS_ECOS_KEY="")
    diagnosis = ask_one(settings, "ecos")
    assert diagnosis.verdict == "skipped" and "STOCK_ASSETS_ECOS_KEY is not set" in diagnosis.found
    assert providers.ecos.requests == []


@pytest.mark.parametrize(
    ("fault", "further", "requests"),
    [
        (fake_yahoo.ERROR, "skipped", 1),
        (fake_yahoo.rate_limited("9"), "skipped", 1),
        (fake_yahoo.UNKNOWN, "ok", 2),
    ],
)
def test_a_source_that_does_not_answer_is_asked_for_no_further_symbol(
    settings: Settings, providers: Providers, fault: fake_yahoo.Fault, further: str, requests: int
) -> None:
    providers.yahoo.fail("^KS11", fault, lasting=True)
    first, second, *others = ask(settings, every_symbol=True)
    assert (first.verdict, second.verdict) == ("failed", further)
    assert "^IXIC (nasdaq)" in second.found
    assert [diagnosis.verdict for diagnosis in others] == ["ok"] * 4
    assert len(providers.yahoo.charts()) == requests


def test_a_source_that_another_process_asks_is_left_alone(
    settings: Settings, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_LONGEST_WAIT_FOR_OTHERS", 0.05)
    with source_lock(settings.lock_dir, "yahoo"):
        diagnosis = ask_one(settings, "yahoo")
    assert diagnosis.verdict == "skipped" and "another process" in diagnosis.found
    assert providers.yahoo.requests == []


def test_locks_that_cannot_be_made_are_a_sentence(settings: Settings) -> None:
    settings.lock_dir.parent.mkdir(parents=True)
    settings.lock_dir.write_text("in the way", encoding="utf-8")
    diagnosis = ask(settings)[0]
    assert diagnosis.verdict == "failed" and "cannot be locked" in diagnosis.found


def write_fund(settings: Settings, days: list[date], close: str = "100.0") -> None:
    rows = [f"{day},{close}" for day in days]
    file = settings.universe_dir / "prices" / "FUND.csv"
    file.write_text("\n".join(["date,close", *rows]), encoding="utf-8")


def test_prices_that_end_too_early_are_a_warning(settings: Settings) -> None:
    last = date(2024, 1, 31)
    write_fund(settings, [day for day in SESSIONS if day >= last - timedelta(days=12)][:1])
    assert ask(settings)[-1].verdict == "ok"
    write_fund(settings, [day for day in SESSIONS if day < last - timedelta(days=12)])
    diagnosis = ask(settings)[-1]
    assert diagnosis.verdict == "warning" and "has 5 sessions" in diagnosis.found
    assert diagnosis.remedy is not None and "its last prices" in diagnosis.remedy


@pytest.mark.parametrize("days", [[date(2024, 1, 11)], [], [date(2024, 2, 1)]])
def test_no_session_in_twenty_days_is_a_failure(settings: Settings, days: list[date]) -> None:
    write_fund(settings, days)
    diagnosis = ask_one(settings, "csv")
    assert diagnosis.verdict == "failed" and f"has no close {WINDOW}" in diagnosis.found


def test_sessions_without_a_close_are_none(settings: Settings) -> None:
    write_fund(settings, SESSIONS, close="")
    assert ask_one(settings, "csv").verdict == "failed"


def test_files_that_are_missing_or_damaged_are_sentences(settings: Settings) -> None:
    write_fund(settings, SESSIONS, close="n/a")
    damaged = ask_one(settings, "csv")
    assert damaged.verdict == "failed" and "FUND.csv: line 2" in damaged.found
    (settings.universe_dir / "prices" / "FUND.csv").unlink()
    missing = ask_one(settings, "csv")
    assert missing.verdict == "failed" and "FUND.csv does not exist" in missing.found
    assert missing.remedy is not None and missing.remedy.startswith("Correct the symbol of fund")
