"""Everything together: nothing left out, in order, secrets nowhere, and something said whatever is broken."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
import yfinance  # noqa: F401 -- its import takes longer than a source is given to answer
from rich.console import Console

from stock_assets.cli.doctor import print_examination
from stock_assets.doctor.examination import examine
from stock_assets.settings import Settings
from stock_assets_tests.doctor.live_universe import (
    ECOS_KEY,
    SESSIONS,
    TODAY,
    edit,
    environment,
    install,
    providers,
)
from stock_assets_tests.doctor.slack_server import TOKEN, fake_slack
from stock_assets_tests.doctor.test_calendars import EXCHANGES, FAR, write
from stock_assets_tests.fake_feeds import fake_feeds, rss

NOW = datetime(2024, 2, 1, 6, tzinfo=UTC)
SUBJECTS = [
    *("versions", "configuration", "key of yahoo", "key of treasury", "key of fred", "key of ecos", "disk"),
    *("database", "prices", "models", "Dagster's storage", "calendars"),
    *("source yahoo", "source ecos", "source treasury", "source fred", "source csv", "feed News", "Slack"),
]


@pytest.fixture
def healthy(prepared: Settings, tmp_path: Path) -> Iterator[Settings]:
    """A universe that lacks nothing."""
    with providers() as servers, fake_feeds() as feeds, fake_slack() as slack:
        url = feeds.serve("/news", rss([("Title", "https://news.example/1")]))
        more = f'headlines:\n  collect: "0 * * * *"\n  feeds: [{{name: News, url: "{url}"}}]\n'
        access = {
            "STOCK_ASSETS_SLACK_URL": slack.url,
            "STOCK_ASSETS_SLACK_TOKEN": TOKEN,
            "STOCK_ASSETS_SLACK_CHANNEL": "#alerts",
        }
        settings = install(tmp_path, more=more, **servers.environment, **access)
        assert settings.state_dir == prepared.state_dir
        for exchange in EXCHANGES:
            write(settings, exchange, FAR)
        yield settings


def test_a_healthy_universe_is_ok_in_everything_and_shows_no_secret(healthy: Settings) -> None:
    diagnoses = list(examine(healthy, now=NOW))
    assert [diagnosis.subject for diagnosis in diagnoses] == SUBJECTS
    # How much room there is is the machine's affair.
    wrong = [found for found in diagnoses if found.verdict != "ok" and found.subject != "disk"]
    assert wrong == []
    assert TOKEN not in str(diagnoses) and ECOS_KEY not in str(diagnoses)
    assert NOW.date() == TODAY


def test_a_mistake_in_one_file_stops_nothing_else(healthy: Settings) -> None:
    edit(healthy, "horizon:", "horizons:", "stage1.yaml")
    diagnoses = list(examine(healthy, now=NOW))
    others = [found.subject for found in diagnoses if found.subject != "configuration"]
    assert others == [subject for subject in SUBJECTS if subject != "configuration"]
    assert {found.subject for found in diagnoses if found.verdict == "failed"} <= {"configuration", "disk"}
    assert any("horizons" in found.found for found in diagnoses)


def test_without_a_universe_the_rest_is_looked_at(healthy: Settings) -> None:
    edit(healthy, "name: live", "name: [live")
    found = {diagnosis.subject: diagnosis.verdict for diagnosis in examine(healthy, now=NOW)}
    skipped = ["keys", "calendars", "sources", "feeds"]
    assert [subject for subject, verdict in found.items() if verdict == "skipped"] == skipped
    assert found["configuration"] == "failed"
    assert found["database"] == found["Dagster's storage"] == found["Slack"] == "ok"


@pytest.mark.parametrize(("old", "new", "fine"), [("", "", True), ("name: live", "name: [live", False)])
def test_each_line_has_mark_subject_finding_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, fine: bool
) -> None:
    """Of a universe of files alone, before anything is prepared."""
    settings = install(tmp_path)
    universe = settings.universe_dir / "universe.yaml"
    before, _, after = UNIVERSE_OF_FILES.partition(old) if old else (UNIVERSE_OF_FILES, "", "")
    universe.write_text(before + new + after, encoding="utf-8")
    rows = ["symbol,date,close", *(f"[bold],{day},100.0" for day in SESSIONS)]
    (settings.universe_dir / "prices" / "FUND.csv").write_text("\n".join(rows), encoding="utf-8")
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    for name in ("STOCK_ASSETS_SLACK_TOKEN", "STOCK_ASSETS_SLACK_CHANNEL", "STOCK_ASSETS_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    printed = StringIO()
    assert print_examination(every_symbol=False, console=Console(file=printed, width=60)) is fine
    assert logging.getLogger("stock_assets").level == logging.NOTSET, "the process goes on to log"
    lines = printed.getvalue().splitlines()
    marks = {line.split()[0] for line in lines[:-1]}
    assert marks == ({"ok", "warning"} if fine else {"ok", "warning", "FAILED", "skipped"})
    if fine:
        (source,) = (line for line in lines if " source csv " in line)
        assert "[bold] (fund) has 14 sessions from 2023-12-31 to 2024-01-19" in source
    slack = next(line for line in lines if " Slack " in line)
    assert slack.startswith("warning Slack              Alerts go to the log alone, since ")
    assert slack.endswith("are not set. Set both to have them in Slack.")
    failed, skipped = (0, "") if fine else (1, ", 4 not looked at")
    assert lines[-1].startswith(f"live: {failed} failed, 3 warnings, ") and lines[-1].endswith(f"{skipped}.")
    assert not settings.state_dir.exists()


#: It has brackets in a symbol, which are no markup.
UNIVERSE_OF_FILES = """
name: live
description: A file
owners: [team:quant]
history_start: 2020-01-06
start: 2023-01-02
end: 2024-01-19
source_settings:
  csv: {file: "prices/FUND.csv", columns: {symbol: symbol, session: date, close: close}}
instruments:
  - {id: fund, name: Fund, exchange: USGOV, currency: USD, return_kind: total,
     sources: [{source: csv, symbol: "[bold]"}]}
"""
