"""Each feed is read once, side by side, and its URL is nowhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stock_assets.doctor.configuration import read_configuration
from stock_assets.doctor.diagnosis import Diagnosis
from stock_assets.doctor.feeds import feed_diagnoses
from stock_assets.headlines.download import Limits
from stock_assets_tests.doctor.live_universe import install
from stock_assets_tests.fake_feeds import FakeFeeds, Page, fake_feeds, rss

KEY = "hunter2-of-a-feed"


@pytest.fixture
def feeds() -> Iterator[FakeFeeds]:
    with fake_feeds() as server:
        server.serve(
            "/all", rss([("Title", "https://news.example/1"), ("Another", "https://news.example/2")])
        )
        for name in ("kospi", "fund"):
            server.serve(f"/of/{name}", rss([(name, "https://news.example/3")]))
        yield server


def ask(feeds: FakeFeeds, folder: Path, limits: Limits | None = None) -> list[Diagnosis]:
    more = f"""
headlines:
  collect: "0 * * * *"
  feeds:
    - {{name: Markets, url: "{feeds.url("/all")}?key={KEY}"}}
    - {{name: Own, url: "{feeds.url("/of/{id}")}?key={KEY}", instruments: [kospi, fund]}}
"""
    universe = read_configuration(install(folder, more=more)).usable
    assert universe is not None
    return list(feed_diagnoses(universe, *([limits] if limits else [])))


def test_each_feed_is_read_once(feeds: FakeFeeds, tmp_path: Path) -> None:
    assert ask(feeds, tmp_path) == [
        Diagnosis("feed Markets", "ok", "It holds 2 headlines."),
        Diagnosis("feed Own of kospi", "ok", "It holds 1 headlines."),
        Diagnosis("feed Own of fund", "ok", "It holds 1 headlines."),
    ]
    assert len(feeds.asked) == 3


def test_a_dead_feed_fails_alone_and_its_key_is_not_shown(feeds: FakeFeeds, tmp_path: Path) -> None:
    feeds.misbehave("/of/kospi", Page(status=403))
    first, dead, last = ask(feeds, tmp_path)
    assert (first.verdict, dead.verdict, last.verdict) == ("ok", "failed", "ok")
    assert "Own of kospi" in dead.found and "403" in dead.found
    assert dead.remedy is not None and "URL of Own in universe.yaml" in dead.remedy
    assert KEY not in str(dead)


def test_a_feed_that_hangs_ends(feeds: FakeFeeds, tmp_path: Path) -> None:
    feeds.misbehave("/all", Page(stuck="head"))
    verdicts = [diagnosis.verdict for diagnosis in ask(feeds, tmp_path, Limits(timeout=0.3, deadline=0.5))]
    assert verdicts == ["failed", "ok", "ok"]


def test_a_universe_without_feeds_has_no_line(tmp_path: Path) -> None:
    universe = read_configuration(install(tmp_path)).usable
    assert universe is not None and list(feed_diagnoses(universe)) == []
