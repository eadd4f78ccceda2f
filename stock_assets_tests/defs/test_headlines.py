"""Headlines in Dagster: asset, collector and schedule of a universe with feeds, and what the UI shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from stock_assets.defs.headline_metadata import titles_markdown
from stock_assets.defs.headlines import COLLECT_JOB
from stock_assets.pipeline import headline_collector
from stock_assets.pipeline.headline_collector import collect_headlines
from stock_assets.storage.tables import TABLES
from stock_assets_tests.defs.environments import definitions_of
from stock_assets_tests.defs.runs import records, run_job
from stock_assets_tests.defs.test_graph import MADE_UP, key_of, keys
from stock_assets_tests.defs.test_imports import HEAVY, loaded_modules
from stock_assets_tests.fake_feeds import FakeFeeds, fake_feeds, rss
from stock_assets_tests.worlds import World, environment

MONDAY, TUESDAY, WEDNESDAY = date(2021, 2, 8), date(2021, 2, 9), date(2021, 2, 10)
SEEN = datetime(2021, 2, 9, 13, 30, tzinfo=UTC)
LINK = "https://news.example/1"
DAYS = (MONDAY, TUESDAY, WEDNESDAY)
#: A queued run must say where its job comes from.
_ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(InProcessCodeLocationOrigin(LoadableTargetOrigin()), "repository"), COLLECT_JOB
)


@dataclass(frozen=True)
class Place:
    """A universe with feeds, and the server that it reads them from."""

    world: World
    feeds: FakeFeeds

    @property
    def variables(self) -> dict[str, str]:
        return environment(self.world.folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with fake_feeds() as feeds:
        yield install(tmp_path_factory.mktemp("headlines"), feeds)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Place]:
    """A place of the test's own, with tables that may be written."""
    with fake_feeds() as feeds:
        yield install(tmp_path, feeds)


def install(folder: Path, feeds: FakeFeeds) -> Place:
    section = (
        "headlines:\n  collect: '15 */2 * * *'\n  feeds:\n"
        f"    - {{name: news, url: '{feeds.url('/news')}?q={{name}}', instruments: [gold]}}\n"
        f"    - {{name: all, url: '{feeds.url('/all')}'}}\n"
    )
    world = World.install(folder / "world")
    return Place(
        world.configured("universe.yaml", "source_settings:\n", f"{section}source_settings:\n"), feeds
    )


def test_a_universe_with_feeds_has_one_asset_more(place: Place) -> None:
    with definitions_of(place.variables) as defs:
        graph = defs.resolve_asset_graph()
        assert {key.to_user_string() for key in graph.get_all_asset_keys()} == keys(MADE_UP) | {"headlines"}
        node = graph.get(key_of("headlines"))
        assert not node.parent_keys and not node.child_keys, "nothing may wait for headlines"
        assert (node.group_name, node.kinds, node.owners) == ("headlines", {"rss"}, ["team:quant"])
        assert node.partitions_def == graph.get(key_of("close_prices")).partitions_def
        assert node.backfill_policy == graph.get(key_of("close_prices")).backfill_policy
        assert "first seen between two decision times" in str(node.description)
        schema = node.metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns] == [one.name for one in TABLES["headlines"].columns]
        daily = defs.resolve_job_def("daily").asset_layer.executable_asset_keys
        assert key_of("headlines") in daily and key_of("close_prices") in daily
        assert key_of("headlines") not in defs.resolve_job_def("training").asset_layer.executable_asset_keys


def test_a_universe_without_feeds_has_nothing_of_it(tmp_path: Path) -> None:
    world = World.install(tmp_path / "world")
    with definitions_of(environment(world.folder)) as defs:
        repository = defs.get_repository_def()
        assert key_of("headlines") not in repository.asset_graph.get_all_asset_keys()
        assert COLLECT_JOB not in repository.job_names
        assert COLLECT_JOB not in {schedule.name for schedule in repository.schedule_defs}


@pytest.mark.parametrize(
    ("end", "status"),
    [("end: 2021-03-31\n", dg.DefaultScheduleStatus.STOPPED), ("", dg.DefaultScheduleStatus.RUNNING)],
)
def test_the_schedule_runs_by_itself_where_there_is_news_to_come(
    own: Place, end: str, status: dg.DefaultScheduleStatus
) -> None:
    world = own.world.configured("universe.yaml", "end: 2021-03-31\n", end)
    with definitions_of(environment(world.folder)) as defs:
        schedule = defs.resolve_schedule_def(COLLECT_JOB)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("15 */2 * * *", "UTC")
    assert (schedule.default_status, schedule.job_name) == (status, COLLECT_JOB)


def test_collections_do_not_pile_up_behind_a_long_run(place: Place, tmp_path: Path) -> None:
    with definitions_of(place.variables) as defs, dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        schedule, job = defs.resolve_schedule_def(COLLECT_JOB), defs.resolve_job_def(COLLECT_JOB)
        tick = dg.build_schedule_context(instance=instance)
        assert len(schedule.evaluate_tick(tick).run_requests or ()) == 1
        for status in (
            dg.DagsterRunStatus.QUEUED,
            dg.DagsterRunStatus.NOT_STARTED,
            dg.DagsterRunStatus.STARTING,
            dg.DagsterRunStatus.STARTED,
        ):
            waiting = instance.create_run_for_job(job, status=status, remote_job_origin=_ORIGIN)
            skipped = schedule.evaluate_tick(tick)
            assert not skipped.run_requests
            assert skipped.skip_message == "The collection before has not ended yet."
            instance.delete_run(waiting.run_id)
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.FAILURE)
        instance.create_run_for_job(defs.resolve_job_def("training"), status=dg.DagsterRunStatus.STARTED)
        assert len(schedule.evaluate_tick(tick).run_requests or ()) == 1


def test_a_collection_in_a_run_stores_and_says_what_it_did(own: Place) -> None:
    own.feeds.serve("/news", rss([("금값 상승", LINK), ("another", LINK)]))
    with definitions_of(own.variables) as defs, dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def(COLLECT_JOB).execute_in_process(instance=instance)
    assert result.success, "one feed is dead, the other one is not"
    (output,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    metadata = output.event_specific_data.metadata
    assert metadata["new headlines"].value == 2
    assert metadata["feeds that failed"].value == 1
    assert [(row["feed"], row["items"], row["new"]) for row in records(metadata["feeds"].value)] == [
        ("news", 2, 2),
        ("all", 0, 0),
    ]
    assert {row["run_id"] for row in own.world.rows("headline_collections")} == {result.run_id}
    assert len(own.world.rows("headlines")) == 2
    assert "/news?q=Continuous%20gold%20future%20in%20London" in own.feeds.asked


def test_a_collection_without_any_feed_is_a_failed_run(own: Place) -> None:
    with definitions_of(own.variables) as defs, dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_job_def(COLLECT_JOB)
        result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    said = result.failure_data_for_node("read_feeds").user_failure_data.description
    assert said == (
        "None of the 2 feeds could be read: The feed news of gold gave no headlines: the server answered "
        "with the status 404."
    )
    assert [row["error"] is None for row in own.world.rows("headline_collections")] == [False, False]


def test_a_range_of_days_shows_what_each_day_could_see(own: Place) -> None:
    own.feeds.serve("/news", rss([("금값 [상승] *최고*", LINK), ("Gold &amp; silver", LINK)]))
    own.feeds.serve("/all", rss([("all <script> markets", LINK)]))
    collect_headlines(own.world.deployment, own.world.engine, clock=lambda: SEEN)
    with definitions_of(own.variables) as defs, dg.DagsterInstance.ephemeral() as instance:
        result = run_job(defs, instance, "daily", MONDAY, WEDNESDAY, ("headlines",))
        assert result.success
        found = {
            record.partition_key: {
                name: value.value for name, value in record.asset_materialization.metadata.items()
            }
            for record in instance.fetch_materializations(key_of("headlines"), limit=9).records
        }
    monday, tuesday, wednesday = (found[str(day)] for day in DAYS)
    assert monday["observation"] == wednesday["observation"] == "not observable"
    assert monday["dagster/partition_row_count"] == 0 and "newest headlines" not in monday
    assert "the collector did not run" in str(monday["reason"])
    assert tuesday["observation"] == "partially observed"
    assert tuesday["observed (%)"] == pytest.approx(100 / 12, abs=0.1)
    assert (tuesday["first seen after"], tuesday["first seen until"]) == (
        "2021-02-09 00:00 UTC",
        "2021-02-10 00:00 UTC",
    )
    assert tuesday["dagster/partition_row_count"] == 3
    assert [(row["instrument"], row["headlines"]) for row in records(tuesday["headlines"])] == [
        ("", 1),
        ("gold", 2),
    ]
    assert [(row["feed"], row["read"], row["failures"]) for row in records(tuesday["feeds"])] == [
        ("all", "1 of 12 times", 0),
        ("news", "1 of 12 times", 0),
    ]
    lines = str(tuesday["newest headlines"]).splitlines()
    assert len(lines) == 3
    assert rf"- 2021-02-09 13:30 [금값 \[상승\] \*최고\*](<{LINK}>) (news)" in lines


def test_what_a_feed_wrote_is_neither_markdown_nor_html() -> None:
    items = pd.DataFrame(
        {
            "first_seen_at": [pd.Timestamp(SEEN)],
            "title": ["<img src=x> ![a](http://t.example/1.gif) `b` __c__ & d"],
            "link": ["https://a.example/(x)?a=1&b=<2>\\"],
            "feed": ["*press*"],
        }
    )
    assert titles_markdown(items) == (
        r"- 2021-02-09 13:30 [&lt;img src=x&gt; \!\[a\]\(http\:\/\/t\.example\/1\.gif\) \`b\` \_\_c\_\_ "
        r"&amp; d](<https://a.example/(x)?a=1&amp;b=%3C2%3E%5C>) (\*press\*)"
    )


def test_headlines_that_fail_cost_no_price(own: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is gone: the step fails, and those of the prices do not."""
    with own.world.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE headline_collections")
    own.world.load_history()
    with definitions_of(own.variables) as defs, dg.DagsterInstance.ephemeral() as instance:
        assets = ("close_prices", "headlines")
        result = run_job(defs, instance, "daily", MONDAY, assets=assets, raise_on_error=False)
    assert not result.success
    done = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}
    assert done == {"close_prices"}
    assert own.world.rows("price_bars", MONDAY, MONDAY)


def test_definitions_with_feeds_load_nothing_heavy(place: Place) -> None:
    light = HEAVY | {"feedparser", "requests", "sqlalchemy"}
    loaded_modules(place.variables)
    with_feeds = loaded_modules(place.variables)
    assert with_feeds.isdisjoint(HEAVY | {"feedparser"}), sorted(with_feeds & light)
    assert headline_collector.__name__ not in with_feeds
