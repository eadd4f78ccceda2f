"""``headlines`` of a trading day, and the collector that gathers them hour by hour.

Only universes that configure feeds have either. Prices, predictions and weights do not depend on them.
"""

from datetime import date

import dagster as dg

from stock_assets.defs.columns import column_schema
from stock_assets.defs.descriptions import HEADLINES
from stock_assets.defs.executors import own_process_executor
from stock_assets.defs.partitions import DAILY_BACKFILL, daily_partitions
from stock_assets.defs.resources import DatabaseResource
from stock_assets.pipeline.deployment import Deployment, current_deployment

COLLECT_JOB = "collect_headlines"

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def headlines_asset(deployment: Deployment) -> dg.AssetsDefinition:
    """Return the asset that shows what was first seen between two decision times."""

    @dg.asset(
        key="headlines",
        group_name="headlines",
        partitions_def=daily_partitions(deployment),
        backfill_policy=DAILY_BACKFILL,
        kinds={"rss"},
        owners=list(deployment.universe.owners),
        description=HEADLINES,
        metadata={"dagster/column_schema": column_schema("headlines")},
    )
    def headlines(context: dg.AssetExecutionContext, database: DatabaseResource) -> None:
        from stock_assets.defs.headline_metadata import TITLED_DAYS, add_headline_metadata
        from stock_assets.pipeline.headlines import headlines_of_days

        days = [date.fromisoformat(key) for key in context.partition_keys]
        add_headline_metadata(
            context, headlines_of_days(deployment, database.engine, days, with_titles=TITLED_DAYS)
        )

    return headlines


def collector_job(deployment: Deployment) -> dg.JobDefinition:
    """Return the job that reads every feed once."""

    @dg.op(description="Read every feed, and store the items that had not been seen before.")
    def read_feeds(context: dg.OpExecutionContext, database: DatabaseResource) -> None:
        from stock_assets.defs.headline_metadata import collection_metadata
        from stock_assets.pipeline.headline_collector import collect_headlines

        collections = collect_headlines(deployment, database.engine, run_id=context.run_id)
        context.add_output_metadata(collection_metadata(collections))
        errors = [collection.error for collection in collections if collection.error is not None]
        for error in errors:
            context.log.warning(error)
        if len(errors) == len(collections):
            # The next hour asks again anyway; a retry at once would ask the same servers the same.
            raise dg.Failure(
                f"None of the {len(errors)} feeds could be read: {errors[0]}", allow_retries=False
            )

    @dg.job(
        name=COLLECT_JOB,
        executor_def=own_process_executor,
        description="Read all feeds of headlines once. Nothing else depends on it.",
    )
    def collect() -> None:
        read_feeds()

    return collect


def collector_schedule(deployment: Deployment, job: dg.JobDefinition, cron: str) -> dg.ScheduleDefinition:
    """Return the schedule of the collector, which runs by itself in a live universe."""
    live = deployment.universe.end is None

    @dg.schedule(
        name=COLLECT_JOB,
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if live else dg.DefaultScheduleStatus.STOPPED,
        description="Collects headlines. What was published while it did not run cannot be observed.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        # Runs of a universe go one at a time: behind a long training one collection waits, not one an hour.
        waiting = dg.RunsFilter(job_name=COLLECT_JOB, statuses=_UNFINISHED)
        if context.instance.get_runs_count(waiting):
            return dg.SkipReason("The collection before has not ended yet.")
        return dg.RunRequest()

    return schedule


@dg.definitions
def defs() -> dg.Definitions:
    """Return asset, collector and schedule, if the universe has feeds."""
    deployment = current_deployment()
    settings = deployment.universe.headlines
    if settings is None:
        return dg.Definitions()
    job = collector_job(deployment)
    return dg.Definitions(
        assets=[headlines_asset(deployment)],
        jobs=[job],
        schedules=[collector_schedule(deployment, job, settings.collect)],
    )
