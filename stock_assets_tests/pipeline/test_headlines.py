"""The collector and the headlines of a trading day, on a real server of feeds and a real database."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from stock_assets.errors import ConfigurationError
from stock_assets.headlines.download import Limits
from stock_assets.pipeline.headline_collector import Collection, collect_headlines
from stock_assets.pipeline.headlines import HeadlinesOfDay, headlines_of_days, window_of
from stock_assets_tests.fake_feeds import ATOM, HTML, FakeFeeds, Page, atom, fake_feeds, rss
from stock_assets_tests.worlds import World

LIMITS = Limits(timeout=0.3, deadline=30)
#: A Monday, whose window begins on the Friday before at midnight, and the days around it.
FRIDAY, MONDAY, TUESDAY = date(2021, 2, 5), date(2021, 2, 8), date(2021, 2, 9)
OPENING = datetime(2021, 2, 6, tzinfo=UTC)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)
LINK = "https://news.example/"
TWICE_A_DAY = "0 */12 * * *"
#: When a collection of such a schedule is due in Monday's window.
HALF_DAYS = [OPENING + hours * HOUR for hours in range(0, 72, 12)]


@pytest.fixture
def feeds() -> Iterator[FakeFeeds]:
    with fake_feeds() as server:
        yield server


@pytest.fixture
def quiet(empty_world: World, feeds: FakeFeeds, tmp_path: Path) -> World:
    """A universe with a feed an instrument, of two instruments, and one of all markets."""
    templated = {"name": "news", "url": feeds.url("/news/{id}"), "instruments": ["gold", "us_index"]}
    return with_feeds(
        empty_world.copy(tmp_path / "world"), templated, {"name": "all", "url": feeds.url("/all")}
    )


@pytest.fixture
def half_daily(quiet: World) -> World:
    """The same with a collection every twelve hours."""
    assert quiet.deployment.universe.headlines is not None
    same = [feed.model_dump(mode="json") for feed in quiet.deployment.universe.headlines.feeds]
    return with_feeds(quiet, *same, collect=TWICE_A_DAY)


def with_feeds(world: World, *feeds: dict[str, object], **settings: object) -> World:
    path = world.deployment.config.folder / "universe.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["headlines"] = {"feeds": list(feeds), **settings}
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    world.engine.dispose()
    return World.open(world.folder)


def collect(world: World, now: datetime, run_id: str | None = None) -> tuple[Collection, ...]:
    return collect_headlines(world.deployment, world.engine, run_id=run_id, clock=lambda: now, limits=LIMITS)


def day_of(world: World, day: date, **options: int) -> HeadlinesOfDay:
    (found,) = headlines_of_days(world.deployment, world.engine, [day], **options)
    return found


def serve_all(feeds: FakeFeeds, *titles: str) -> None:
    entries = [(title, LINK + str(place)) for place, title in enumerate(titles)]
    for path in ("/news/gold", "/news/us_index", "/all"):
        feeds.serve(path, rss(entries))


def test_a_collection_stores_what_the_feeds_hold(quiet: World, feeds: FakeFeeds) -> None:
    feeds.serve("/news/gold", rss([("금값 사상 최고", LINK + "1"), ("Gold &amp; silver", LINK + "2")]))
    feeds.serve("/news/us_index", atom([("금값 사상 최고", LINK + "1")]), ATOM)
    feeds.serve("/all", rss([("금값 사상 최고", LINK + "1")]))
    assert collect(quiet, OPENING, "a run") == (
        Collection("news", "gold", 2, 2),
        Collection("news", "us_index", 1, 1),
        Collection("all", None, 1, 1),
    )
    rows = quiet.rows("headlines")
    assert sorted((row["feed"], row["instrument"] or "", row["title"], row["link"]) for row in rows) == [
        ("all", "", "금값 사상 최고", LINK + "1"),
        ("news", "gold", "Gold & silver", LINK + "2"),
        ("news", "gold", "금값 사상 최고", LINK + "1"),
        ("news", "us_index", "금값 사상 최고", LINK + "1"),
    ]
    assert {row["first_seen_at"] for row in rows} == {OPENING}
    assert {row["published_at"] for row in rows} == {datetime(2026, 3, 2, 6, 30, tzinfo=UTC)}
    attempts = quiet.rows("headline_collections")
    assert {(row["feed"], row["instrument"], row["collected_at"], row["run_id"]) for row in attempts} == {
        ("all", "", OPENING, "a run"),
        ("news", "gold", OPENING, "a run"),
        ("news", "us_index", OPENING, "a run"),
    }


def test_an_item_in_two_feeds_of_one_instrument_is_one(quiet: World, feeds: FakeFeeds) -> None:
    both = ({"name": name, "url": feeds.url(f"/{name}"), "instruments": ["gold"]} for name in "ab")
    world = with_feeds(quiet, *both)
    feeds.serve("/a", rss([("title", LINK)]))
    feeds.serve("/b", rss([("title", LINK + "#rss"), ("another", LINK)]))
    assert [one.new_items for one in collect(world, OPENING)] == [1, 1]
    assert sorted((row["feed"], row["title"]) for row in world.rows("headlines")) == [
        ("a", "title"),
        ("b", "another"),
    ]


def test_a_changed_title_is_another_item_and_the_first_one_stays(quiet: World, feeds: FakeFeeds) -> None:
    serve_all(feeds, "before")
    collect(quiet, OPENING)
    before = quiet.rows("headlines")
    serve_all(feeds, "after")
    assert [one.new_items for one in collect(quiet, OPENING + HOUR)] == [1, 1, 1]
    serve_all(feeds, "before")
    assert [one.new_items for one in collect(quiet, OPENING + 2 * HOUR)] == [0, 0, 0]
    rows = quiet.rows("headlines")
    assert [row for row in rows if row in before] == before
    assert sorted((row["title"], row["first_seen_at"]) for row in rows) == [
        *[("after", OPENING + HOUR)] * 3,
        *[("before", OPENING)] * 3,
    ]


def test_a_dead_feed_costs_its_own_headlines_alone(quiet: World, feeds: FakeFeeds) -> None:
    feeds.misbehave("/news/gold", Page(stuck="head"))
    feeds.serve("/news/us_index", b"<html></html>", HTML)
    feeds.serve("/all", rss([("title", LINK)]))
    gold, us_index, everything = collect(quiet, OPENING)
    assert everything == Collection("all", None, 1, 1)
    assert gold.error == "The feed news of gold gave no headlines: the server was silent for 0.3 s."
    assert us_index.error is not None and "no RSS or Atom feed" in us_index.error
    assert [(row["instrument"], row["error"]) for row in quiet.rows("headline_collections")] == [
        ("", None),
        ("gold", gold.error),
        ("us_index", us_index.error),
    ]


def test_an_item_is_seen_when_it_is_stored_and_not_when_the_collection_began(
    quiet: World, feeds: FakeFeeds
) -> None:
    """A collection across a decision time gives each feed's items to the day that could know them."""
    serve_all(feeds, "title")
    before = len(feeds.asked)
    moments: list[int] = []

    def clock() -> datetime:
        moments.append(len(feeds.asked) - before)
        return OPENING + len(moments) * TICK

    collect_headlines(quiet.deployment, quiet.engine, clock=clock, limits=LIMITS)
    assert len(moments) == 3 and all(asked >= place for place, asked in enumerate(moments, start=1))
    assert len({row["first_seen_at"] for row in quiet.rows("headlines")}) == 3


def test_a_universe_without_feeds_says_so(empty_world: World) -> None:
    with pytest.raises(ConfigurationError, match=r"made_up has no feeds; add headlines to .*universe\.yaml"):
        collect(empty_world, OPENING)
    with pytest.raises(ConfigurationError, match="no feeds"):
        day_of(empty_world, MONDAY)


def test_a_weekend_belongs_to_monday(quiet: World) -> None:
    window = window_of(quiet.deployment, MONDAY)
    assert (window.after, window.until) == (OPENING, datetime(2021, 2, 9, tzinfo=UTC))
    for before, day in zip(quiet.days, quiet.days[1:], strict=False):
        assert window_of(quiet.deployment, day).after == window_of(quiet.deployment, before).until


def test_the_first_day_of_all_begins_at_its_own_midnight(quiet: World) -> None:
    first = quiet.deployment.history_days.first
    window = window_of(quiet.deployment, first)
    assert window.until - window.after == timedelta(days=1)
    # The first partition has days of the history before it: Christmas and the weekend are its own.
    assert quiet.days[0] == date(2020, 12, 28)
    assert window_of(quiet.deployment, quiet.days[0]).after > datetime(2020, 12, 24, tzinfo=UTC)
    assert window_of(quiet.deployment, quiet.days[0]).after < datetime(2020, 12, 27, tzinfo=UTC)


def test_a_day_has_what_was_first_seen_in_its_window(quiet: World, feeds: FakeFeeds) -> None:
    closing = datetime(2021, 2, 9, tzinfo=UTC)
    for title, moment in {
        "friday": OPENING,
        "monday begins": OPENING + TICK,
        "sunday": OPENING + 30 * HOUR,
        "monday ends": closing,
        "tuesday": closing + TICK,
    }.items():
        serve_all(feeds, title)
        collect(quiet, moment)
    friday, monday, tuesday = headlines_of_days(
        quiet.deployment, quiet.engine, [FRIDAY, MONDAY, TUESDAY], with_titles=3
    )
    assert (friday.count, monday.count, tuesday.count) == (3, 9, 3)
    assert monday.counts == {None: 3, "gold": 3, "us_index": 3}
    assert monday.newest is not None
    assert list(dict.fromkeys(monday.newest["title"])) == ["monday ends", "sunday", "monday begins"]
    # A single day is what it is in a range.
    alone = day_of(quiet, MONDAY)
    assert (alone.counts, alone.feeds, alone.observation) == (
        monday.counts,
        monday.feeds,
        monday.observation,
    )
    assert alone.newest is not None and alone.newest.equals(monday.newest)


def test_titles_are_those_of_the_last_days_and_the_newest(quiet: World, feeds: FakeFeeds) -> None:
    for number in range(4):
        serve_all(feeds, f"number {number}")
        collect(quiet, OPENING + (number + 1) * HOUR)
    monday, tuesday = headlines_of_days(quiet.deployment, quiet.engine, [MONDAY, TUESDAY])
    assert monday.newest is None and monday.count == 12
    assert tuesday.newest is not None and tuesday.newest.empty
    shown = day_of(quiet, MONDAY, titles=4).newest
    assert shown is not None
    assert list(shown["title"]) == ["number 3"] * 3 + ["number 2"]
    assert day_of(quiet, MONDAY, with_titles=0).newest is None


def test_a_day_without_the_collector_is_not_observable(quiet: World, feeds: FakeFeeds) -> None:
    serve_all(feeds, "title")
    collect(quiet, OPENING)  # the last instant that belongs to Friday
    monday = day_of(quiet, MONDAY)
    assert (monday.count, monday.observation, monday.observed, monday.feeds) == (0, "not observable", 0, ())
    assert monday.reason == (
        "No feed was read between 2021-02-06 00:00 and 2021-02-09 00:00 UTC: the collector did not run, and "
        "feeds do not tell the past."
    )


def test_a_day_on_which_every_feed_failed_is_not_observable(quiet: World) -> None:
    collect(quiet, OPENING + HOUR)
    monday = day_of(quiet, MONDAY)
    assert (monday.observation, monday.observed) == ("not observable", 0)
    assert monday.reason is not None and monday.reason.endswith("the server answered with the status 404.")
    assert [(feed.feed, feed.instrument, feed.readings, feed.failures) for feed in monday.feeds] == [
        ("all", None, 1, 1),
        ("news", "gold", 1, 1),
        ("news", "us_index", 1, 1),
    ]


def test_a_day_on_which_every_collection_took_place_is_observed(half_daily: World, feeds: FakeFeeds) -> None:
    serve_all(feeds, "title")
    for number, moment in enumerate(HALF_DAYS, start=1):
        # Somewhat late, as real ones are.
        collect(half_daily, moment + number * timedelta(seconds=7))
    monday = day_of(half_daily, MONDAY)
    assert (monday.observation, monday.observed, monday.reason) == ("observed", 1, None)
    assert {(feed.scheduled, feed.kept, feed.readings) for feed in monday.feeds} == {(6, 6, 6)}
    assert monday.count == 3, "nothing new is observed too"
    assert day_of(half_daily, TUESDAY).observation == "not observable"


def test_a_feed_that_is_dead_for_hours_is_partially_observed(half_daily: World, feeds: FakeFeeds) -> None:
    serve_all(feeds, "title")
    for moment in HALF_DAYS:
        if moment == HALF_DAYS[-2]:
            feeds.misbehave("/all", Page(status=500))
        collect(half_daily, moment + TICK)
    monday = day_of(half_daily, MONDAY)
    assert monday.observation == "partially observed"
    assert monday.observed == pytest.approx(16 / 18)
    assert monday.reason == (
        "16 of 18 scheduled readings of feeds between 2021-02-06 00:00 and 2021-02-09 00:00 UTC took place."
    )
    everything = monday.feeds[0]
    assert (everything.scheduled, everything.kept, everything.failures) == (6, 4, 2)
    assert everything.last_error == "The feed all gave no headlines: the server answered with the status 500."


def test_readings_of_one_hour_count_once(quiet: World, feeds: FakeFeeds) -> None:
    serve_all(feeds, "title")
    for minute in (1, 20, 59):
        collect(quiet, OPENING + timedelta(minutes=minute))
    monday = day_of(quiet, MONDAY)
    assert monday.observed == pytest.approx(1 / 72)
    assert monday.feeds[0].readings == 3


@pytest.mark.parametrize(
    ("cron", "hours", "kept", "scheduled"),
    [
        # Once a day at seven: what came before the first one is a reading, and none that was due.
        ("0 7 * * *", [7.01, 31.01, 55.01], 3, 3),
        ("0 7 * * *", [1, 31.01], 1, 3),
        ("30 */12 * * *", [0.6, 12.6, 24.6, 47.9], 4, 6),
        # Never in the window: one reading is all that can be wanted.
        ("0 7 * * 3", [50], 1, 1),
        ("0 7 * * 3", [], 0, 0),
    ],
)
def test_what_was_due_is_what_the_schedule_says(
    quiet: World, feeds: FakeFeeds, cron: str, hours: list[float], kept: int, scheduled: int
) -> None:
    world = with_feeds(quiet, {"name": "all", "url": feeds.url("/all")}, collect=cron)
    serve_all(feeds, "title")
    for hour in hours:
        collect(world, OPENING + hour * HOUR)
    found = [(feed.kept, feed.scheduled) for feed in day_of(world, MONDAY).feeds]
    assert found == ([(kept, scheduled)] if hours else [])


def test_a_feed_that_is_added_later_changes_nothing_of_the_past(half_daily: World, feeds: FakeFeeds) -> None:
    serve_all(feeds, "title")
    for moment in HALF_DAYS:
        collect(half_daily, moment + TICK)
    before = day_of(half_daily, MONDAY)
    world = with_feeds(half_daily, {"name": "another", "url": feeds.url("/another")}, collect=TWICE_A_DAY)
    collect(world, OPENING + 73 * HOUR)
    after = day_of(world, MONDAY)
    assert (after.feeds, after.counts, after.observation) == (before.feeds, before.counts, "observed")


def test_looking_writes_nothing(quiet: World, feeds: FakeFeeds) -> None:
    serve_all(feeds, "title")
    collect(quiet, OPENING + HOUR)
    tables = ("headlines", "headline_collections", "outcomes", "days")
    before = [quiet.rows(table) for table in tables]
    headlines_of_days(quiet.deployment, quiet.engine, quiet.days, with_titles=10)
    assert [quiet.rows(table) for table in tables] == before
