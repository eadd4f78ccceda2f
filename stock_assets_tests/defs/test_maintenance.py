"""Old runs go with everything that is theirs; what the UI shows of the newest partitions stays."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from stock_assets.defs import maintenance
from stock_assets.defs.maintenance import PRUNING_JOB, defs, prune
from stock_assets.defs.resources import DatabaseResource
from stock_assets.pipeline import deployment
from stock_assets.storage.run_workers import register_run
from stock_assets.storage.schema import run_workers
from stock_assets_tests.instance_storage.instances import batched_instance
from stock_assets_tests.worlds import World, environment

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-02-01")
LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def daily(context: dg.AssetExecutionContext) -> None:
    context.log.info("computed")


@dg.asset
def whole() -> None:
    """Without partitions."""


@dg.asset
def broken() -> None:
    raise ValueError("never")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with pytest.MonkeyPatch.context() as patch, batched_instance(tmp_path, None, patch) as opened:
        yield opened


@pytest.fixture
def empty(tmp_path: Path) -> World:
    """The made-up universe before anything was loaded."""
    return World.install(tmp_path / "world")


def run(instance: dg.DagsterInstance, asset: dg.AssetsDefinition, day: str | None = None) -> str:
    return dg.materialize([asset], instance=instance, partition_key=day, raise_on_error=False).run_id


def files(home: Path) -> set[str]:
    return {path.name.partition(".")[0] for path in (home / "history" / "runs").iterdir()} - {"index"}


def test_the_last_runs_of_the_newest_partitions_stay(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    oldest = run(instance, daily, "2024-01-01")
    repeated = run(instance, daily, "2024-01-03")
    kept = [run(instance, daily, "2024-01-02"), run(instance, daily, "2024-01-03")]
    first, failed, last = run(instance, whole), run(instance, broken), run(instance, whole)
    unfinished = instance.create_run_for_job(
        dg.Definitions([whole]).resolve_implicit_global_asset_job_def(), status=dg.DagsterRunStatus.STARTED
    ).run_id

    assert prune(instance, dt.datetime.now(dt.UTC) - dt.timedelta(days=1), 2) == []
    assert sorted(prune(instance, LATER, 2)) == sorted([oldest, repeated, first, failed])

    left = {*kept, last, unfinished}
    assert set(instance.get_run_ids()) == left
    assert files(tmp_path) <= left, "the files of deleted runs are still there"
    assert not (tmp_path / "storage" / oldest).exists()
    assert instance.get_materialized_partitions(dg.AssetKey("daily")) == {"2024-01-02", "2024-01-03"}
    assert prune(instance, LATER, 2) == []


def test_a_range_stays_whole_as_long_as_one_of_its_partitions_is_new(instance: dg.DagsterInstance) -> None:
    range_tags = {
        "dagster/asset_partition_range_start": "2024-01-01",
        "dagster/asset_partition_range_end": "2024-01-05",
    }
    result = dg.materialize([daily], instance=instance, tags=range_tags)
    assert prune(instance, LATER, 1) == []
    newer = run(instance, daily, "2024-01-06")
    assert prune(instance, LATER, 1) == [result.run_id]
    assert instance.get_run_ids() == [newer]


def test_a_year_of_runs_does_not_grow(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    run(instance, whole)
    once = None
    for _ in range(3):
        for _ in range(4):
            run(instance, whole)
        prune(instance, LATER, 1)
        size = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
        # What was deleted leaves room in the files that all runs share, and the next runs take it.
        once = once or size
        assert size <= once * 1.1
    assert len(files(tmp_path)) == 1


def test_the_job_prunes_what_is_older_than_it_says(empty: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(empty.folder).items():
        monkeypatch.setenv(name, value)
    deployment._cached.cache_clear()
    resources = dg.Definitions(resources={"database": DatabaseResource()})
    job = dg.Definitions.merge(defs(), resources).resolve_job_def(PRUNING_JOB)
    with dg.DagsterInstance.ephemeral() as instance:
        old = run(instance, broken)
        with empty.engine.begin() as connection:
            register_run(connection, old)
            register_run(connection, "another")
        config = {"ops": {"prune_old_runs": {"config": {"days": 1}}}}
        assert job.execute_in_process(run_config=config, instance=instance).success
        assert instance.has_run(old)
        monkeypatch.setattr(maintenance, "datetime", Tomorrow)
        result = job.execute_in_process(run_config=config, instance=instance)
        assert not instance.has_run(old) and instance.has_run(result.run_id)
    with empty.engine.begin() as connection:
        assert [row.run_id for row in connection.execute(sa.select(run_workers))] == ["another"]
    deployment._cached.cache_clear()


class Tomorrow(dt.datetime):
    """A clock that is two days fast."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
        return dt.datetime.now(tz) + dt.timedelta(days=2)
