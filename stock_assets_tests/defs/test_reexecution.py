"""What *Re-execute from failure* in the UI does of a run of trading days: the failed steps, and no others."""

from datetime import date
from functools import partial
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from stock_assets.cli import launch
from stock_assets_tests.defs.environments import definitions_of
from stock_assets_tests.defs.test_headlines import install
from stock_assets_tests.fake_feeds import fake_feeds
from stock_assets_tests.worlds import environment

MONDAY, TUESDAY = date(2021, 2, 8), date(2021, 2, 9)
RANGE = {
    "dagster/asset_partition_range_start": str(MONDAY),
    "dagster/asset_partition_range_end": str(TUESDAY),
}
IN_PROCESS = {"execution": {"config": {"in_process": True}}}


def rename(engine: sa.Engine, old: str, new: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")


def steps(result: dg.JobExecutionResult) -> dict[str, str]:
    kinds = {"STEP_SUCCESS": "success", "STEP_FAILURE": "failure"}
    return {
        str(event.step_key): kinds[event.event_type_value]
        for event in result.all_events
        if event.event_type_value in kinds
    }


def test_failed_steps_alone_run_again(tmp_path: Path) -> None:
    with fake_feeds() as feeds:
        world = install(tmp_path, feeds).world
    world.load_history()
    home = tmp_path / "home"
    home.mkdir()
    launch._definitions.cache_clear()
    with (
        definitions_of(environment(world.folder)),
        dg.DagsterInstance.local_temp(str(home)) as instance,
    ):
        job = dg.reconstructable(launch.daily_job)
        execute = partial(dg.execute_job, job, instance, run_config=IN_PROCESS, tags=RANGE)
        selection = [dg.AssetKey("close_prices"), dg.AssetKey("headlines")]
        rename(world.engine, "headlines", "hidden")
        broken = execute(asset_selection=selection)
        ended = steps(broken)
        assert (ended["close_prices"], ended["headlines"]) == ("success", "failure")
        rename(world.engine, "hidden", "headlines")
        again = execute(reexecution_options=dg.ReexecutionOptions.from_failure(broken.run_id, instance))
        assert again.success and steps(again) == {"headlines": "success"}
        materialized = instance.get_materialized_partitions(dg.AssetKey("headlines"))
    assert materialized == {str(MONDAY), str(TUESDAY)}
    launch._definitions.cache_clear()
