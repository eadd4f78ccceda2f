"""Headlines on the command line: collected by a command and by a run, and shown by the daily runs."""

from collections.abc import Iterator
from datetime import date

import pytest

from stock_assets.cli.up_to_date import launches
from stock_assets.pipeline.plan import Plan
from stock_assets_tests.commands import Workplace
from stock_assets_tests.fake_feeds import FakeFeeds, fake_feeds, rss
from stock_assets_tests.worlds import World

LAST_DAY = date(2021, 3, 31)


@pytest.fixture
def feeds() -> Iterator[FakeFeeds]:
    with fake_feeds() as server:
        yield server


def configure(place: Workplace, feeds: FakeFeeds) -> Workplace:
    path = place.configuration / "universe.yaml"
    section = (
        "headlines:\n  feeds:\n"
        f"    - {{name: news, url: '{feeds.url('/news/{id}')}?key=s3cret', instruments: [gold, us10y]}}\n"
    )
    path.write_text(path.read_text(encoding="utf-8") + section, encoding="utf-8")
    return place


def test_the_command_collects_and_says_what_was_new(workplace: Workplace, feeds: FakeFeeds) -> None:
    place = configure(workplace, feeds)
    feeds.serve("/news/gold", rss([("금값 상승", "https://news.example/1")]))
    assert place.run("collect-headlines").fails_with_one_sentence() == (
        f"{place.state} has not been prepared; run `stock-assets init`."
    )
    assert place.run("init").status == 0

    first, again = place.run("collect-headlines"), place.run("collect-headlines")

    dead = "The feed news of us10y gave no headlines: the server answered with the status 404.\n"
    assert (first.status, first.err) == (again.status, again.err) == (0, "")
    assert first.out == f"1 new headlines; 1 of 2 feeds could be read.\n{dead}"
    assert again.out == f"0 new headlines; 1 of 2 feeds could be read.\n{dead}"
    assert place.query("SELECT instrument, title FROM headlines") == [("gold", "금값 상승")]
    assert place.query("SELECT count(*), count(error), count(run_id) FROM headline_collections") == [
        (4, 2, 0)
    ]

    feeds.pages.clear()
    none = place.run("collect-headlines")
    assert none.status == 1
    assert none.err == (
        "None of the 2 feeds of made_up could be read; see what is said of each, and look at headlines in "
        "its universe.yaml.\n"
    )
    assert "s3cret" not in first.said + none.said


def test_a_universe_without_feeds_has_nothing_to_collect(finished: Workplace) -> None:
    sentence = finished.run("collect-headlines").fails_with_one_sentence()
    assert sentence == f"made_up has no feeds; add headlines to {finished.configuration / 'universe.yaml'}."


def test_a_run_collects_first_and_dead_feeds_cost_nothing_else(finished: Workplace, feeds: FakeFeeds) -> None:
    place = configure(finished, feeds)
    before = place.contents()
    ended = place.run("run")
    assert (ended.status, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == "0 new headlines; 0 of 2 feeds could be read."
    assert lines[3] == "made_up is up to date: there is nothing to do."
    assert place.contents() == before


def test_the_daily_runs_show_the_headlines_of_their_days(workplace: Workplace, feeds: FakeFeeds) -> None:
    plan = Plan(history=(), price_runs=((LAST_DAY,),), trainings=(), daily_runs=((LAST_DAY,),))
    without = launches(workplace.world.deployment, plan)
    configure(workplace, feeds)
    prices, daily = launches(World.open(workplace.folder).deployment, plan)
    assert prices == without[0], "headlines take no part in loading prices"
    assert daily.assets == (*without[1].assets, ("headlines",))
