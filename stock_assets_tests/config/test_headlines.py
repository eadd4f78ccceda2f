"""Feeds in ``universe.yaml``: what is allowed, and one sentence for each mistake."""

import shutil
from pathlib import Path

import pytest

from stock_assets.config import load_universe
from stock_assets.config.headlines import HeadlineSettings
from stock_assets.errors import ConfigurationError
from stock_assets.settings import PROJECT_ROOT
from stock_assets_tests.made_up import CONFIG_DIR

INSTRUMENTS = "jp_index, jp_stock, uk_fund, gold, us_index, us10y"
PLACES = "{id}, {name}, {symbol}"
URL = "http://f.example/rss?q={name}"
GOOD = f"{{name: news, url: '{URL}', instruments: [gold]}}"

MISTAKES = {
    "no feed": ("feeds: []", "headlines.feeds: a list of 0 is not allowed; allowed is a list of at least 1."),
    "no URL": (
        "feeds: [{name: news, url: 'ftp://f.example/rss'}]",
        r"headlines.feeds[0].url: 'ftp://f.example/rss' is not allowed; allowed is a text that matches "
        r"^https?://[^\s/]+\S*$.",
    ),
    "unknown place": (
        "feeds: [{name: news, url: 'http://f.example/{ticker}'}]",
        f"headlines.feeds[0].url: 'http://f.example/{{ticker}}' holds {{ticker}}; allowed are {PLACES}.",
    ),
    "place with a format": (
        "feeds: [{name: news, url: 'http://f.example/{name!r}'}]",
        f"headlines.feeds[0].url: 'http://f.example/{{name!r}}' holds {{name!r}}; allowed are {PLACES}.",
    ),
    "place with an attribute": (
        "feeds: [{name: news, url: 'http://f.example/{name.x}'}]",
        f"headlines.feeds[0].url: 'http://f.example/{{name.x}}' holds {{name.x}}; allowed are {PLACES}.",
    ),
    "odd brace": (
        "feeds: [{name: news, url: 'http://f.example/{name'}]",
        f"headlines.feeds[0].url: 'http://f.example/{{name' has an odd brace; allowed are {PLACES}.",
    ),
    "unknown instrument": (
        f"feeds: [{GOOD}, {{name: b, url: '{URL}', instruments: [gold, silver]}}]",
        f"headlines.feeds[1].instruments: 'silver' is no instrument; allowed are {INSTRUMENTS}.",
    ),
    "instrument twice": (
        f"feeds: [{{name: b, url: '{URL}', instruments: [gold, gold]}}]",
        "headlines.feeds[0]: instruments holds 'gold' more than once; each is allowed once.",
    ),
    "one feed of two instruments": (
        "feeds: [{name: b, url: 'http://f.example/rss', instruments: [gold, us10y]}]",
        "headlines.feeds[0]: instruments holds 2 instruments and url is the same for all of them; allowed is "
        f"one instrument, or a url with {PLACES}.",
    ),
    "name twice": (
        f"feeds: [{GOOD}, {GOOD}]",
        "headlines: feeds holds the name 'news' more than once; each name is allowed once.",
    ),
    "unknown key": (
        f"feeds: [{GOOD}]\n  every: 1",
        "headlines.every: the key 'every' is unknown; allowed here are feeds, collect.",
    ),
}
CRONS = {
    "hourly": "'hourly' is no schedule; allowed are five fields of numbers, lists, ranges and steps",
    "0 * * *": "'0 * * *' is no schedule; allowed are five fields",
    "0 0 * * * *": "'0 0 * * * *' is no schedule; allowed are five fields",
    "0 0 L * *": "'0 0 L * *' is no schedule; allowed are five fields",
    "0 0 1 * 1": "'0 0 1 * 1' restricts the day of the month and the weekday both; allowed is one of them",
    "61 * * * *": "'61 * * * *' is no schedule: bad minute; allowed are five fields",
    "0 0 31 2 *": "'0 0 31 2 *' is no schedule: ",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CONFIG_DIR, tmp_path / "configs")) / "made_up"


def configure(folder: Path, section: str) -> None:
    with (folder / "universe.yaml").open("a", encoding="utf-8") as file:
        file.write(f"\nheadlines:\n  {section}\n")


@pytest.mark.parametrize(("section", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence(folder: Path, section: str, sentence: str) -> None:
    configure(folder, section)
    with pytest.raises(ConfigurationError) as raised:
        load_universe(folder)
    assert str(raised.value).splitlines() == [f"made_up/universe.yaml: {sentence}"]


@pytest.mark.parametrize(("cron", "sentence"), CRONS.items())
def test_a_schedule_is_one_that_everybody_reads_alike(folder: Path, cron: str, sentence: str) -> None:
    configure(folder, f"collect: '{cron}'\n  feeds: [{GOOD}]")
    with pytest.raises(ConfigurationError) as raised:
        load_universe(folder)
    (said,) = str(raised.value).splitlines()
    assert said.startswith(f"made_up/universe.yaml: headlines.collect: {sentence}")


@pytest.mark.parametrize("cron", ["0 * * * *", "*/20 * * * *", "5,35 0-9 * * MON-FRI", "0 7 1,15 * *"])
def test_schedules(cron: str) -> None:
    feed = {"name": "a", "url": "http://f.example"}
    assert HeadlineSettings.model_validate({"feeds": [feed], "collect": cron}).collect == cron


def test_feeds_are_read_and_every_hour_is_the_default(folder: Path) -> None:
    configure(folder, f"feeds: [{GOOD}, {{name: all, url: 'https://f.example/rss'}}]")
    settings = load_universe(folder).universe.headlines
    assert settings is not None and settings.collect == "0 * * * *"
    assert [(feed.name, feed.instruments, feed.is_template) for feed in settings.feeds] == [
        ("news", ("gold",), True),
        ("all", (), False),
    ]


def test_the_universe_kospi_is_what_is_documented() -> None:
    config = load_universe(PROJECT_ROOT / "configs" / "kospi")
    universe = config.universe
    (index,) = universe.instruments
    assert (index.id, index.exchange, index.currency, index.return_kind) == ("kospi", "XKRX", "KRW", "price")
    assert [(choice.source, choice.symbol) for choice in index.sources] == [("yahoo", "^KS11")]
    assert universe.end is None and config.portfolios is None
    assert universe.headlines is not None and len(universe.headlines.feeds) == 2
    assert all(feed.is_template for feed in universe.headlines.feeds)
