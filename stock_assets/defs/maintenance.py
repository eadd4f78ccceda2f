"""``prune_runs``: the logs of old runs go, so that Dagster's storage does not grow for ever.

What was computed lies in the project's own tables and stays.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from stock_assets.defs.executors import daily_executor
from stock_assets.defs.resources import DatabaseResource

PRUNING_JOB = "prune_runs"
#: At night in Europe, before America and Asia trade.
_CRON = "17 3 * * *"
#: Newest partitions of each asset that keep the run which wrote them last: more than a year of days.
KEPT_PARTITIONS = 300

_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


class Pruning(dg.Config):
    """How much of the past is kept."""

    days: int = Field(default=90, ge=1, description="Runs that were made in the last days are all kept.")
    partitions: int = Field(
        default=KEPT_PARTITIONS,
        ge=1,
        description="Of each asset's newest partitions the last run is kept, however old; of the others, "
        "Dagster forgets that they were materialized, while the tables keep them.",
    )


def prune(instance: dg.DagsterInstance, before: datetime, partitions: int) -> list[str]:
    """Delete the finished runs that were made before a moment and that nothing needs; return their ids.

    The last run of each asset's newest ``partitions`` stays, as does that of an asset without partitions:
    the UI shows them, and knows what lies behind what it shows.
    """
    needed = _needed_runs(instance, partitions)
    old = instance.get_run_ids(dg.RunsFilter(statuses=_FINISHED, created_before=before))
    deleted = [run_id for run_id in old if run_id not in needed]
    for run_id in deleted:
        instance.compute_log_manager.delete_logs(prefix=[run_id])
        instance.delete_run(run_id)
    return deleted


def _needed_runs(instance: dg.DagsterInstance, partitions: int) -> set[str]:
    needed: set[str] = set()
    for record in instance.get_asset_records():
        entry = record.asset_entry
        if entry.last_materialization is not None:
            needed.add(entry.last_materialization.run_id)
        by_partition = instance.get_latest_storage_id_by_partition(
            entry.asset_key, dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        newest = sorted(by_partition, reverse=True)[:partitions]
        if newest:
            found = instance.fetch_materializations(
                dg.AssetRecordsFilter(
                    asset_key=entry.asset_key, storage_ids=[by_partition[key] for key in newest]
                ),
                limit=len(newest),
            )
            needed |= {materialization.run_id for materialization in found.records}
    return needed


@dg.definitions
def defs() -> dg.Definitions:
    """Return the job and its schedule."""

    @dg.op(description="Delete the logs of old runs.")
    def prune_old_runs(context: dg.OpExecutionContext, config: Pruning, database: DatabaseResource) -> None:
        from stock_assets.storage.run_workers import forget_runs

        before = datetime.now(UTC) - timedelta(days=config.days)
        deleted = prune(context.instance, before, config.partitions)
        with database.engine.begin() as connection:
            forget_runs(connection, deleted)
        context.log.info(f"{len(deleted)} runs from before {before:%Y-%m-%d} were deleted.")

    @dg.job(
        name=PRUNING_JOB,
        executor_def=daily_executor,
        config={"execution": {"config": {"in_process": True}}},
        description="Delete the logs of old runs; what they computed lies in the tables and stays.",
    )
    def prune_runs() -> None:
        prune_old_runs()

    schedule = dg.ScheduleDefinition(
        job=prune_runs, cron_schedule=_CRON, default_status=dg.DefaultScheduleStatus.RUNNING
    )
    return dg.Definitions(jobs=[prune_runs], schedules=[schedule])
