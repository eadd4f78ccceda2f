"""The sensor ``daily``: it requests a run for every trading day that is over and not finished."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from stock_assets.defs.requested_runs import (
    CLOSED_TAG,
    REQUEST_TAG,
    database_of,
    days_running,
    run_states,
)
from stock_assets.pipeline.deployment import Deployment

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

    from stock_assets.storage.schedules import RunAttempt

DAILY_SENSOR = "daily"
_EVERY_SECONDS = 60


def daily_sensor(
    deployment: Deployment,
    daily: "UnresolvedAssetJobDefinition",
    history: "UnresolvedAssetJobDefinition",
) -> dg.SensorDefinition:
    """Return the sensor, which runs by itself in a live universe."""
    live = deployment.universe.end is None

    @dg.sensor(
        name=DAILY_SENSOR,
        jobs=[daily, history],
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if live else dg.DefaultSensorStatus.STOPPED,
        description="Runs each trading day once it is over, and again what failed or waits for bars, oldest "
        "first. After an outage it fills the gap. It says why a day is no trading day.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return evaluate(deployment, context, datetime.now(UTC), daily.name, history.name)

    return sensor


def evaluate(
    deployment: Deployment, context: dg.SensorEvaluationContext, now: datetime, daily: str, history: str
) -> dg.SensorResult:
    """Decide at a moment, write down what was decided, and return what the daemon is to do."""
    # The code server imports the database's packages with the first evaluation.
    from stock_assets.pipeline.due_days import decide, record
    from stock_assets.pipeline.freshness import days_looked_at

    engine = database_of(deployment)
    running = days_running(context.instance, days_looked_at(deployment, now))
    decision = decide(deployment, engine, now, run_states(context.instance, now), running)
    # A code server shows what its sensors log, and of other loggers warnings alone.
    record(engine, decision, now, logger=context.log)
    context.log.info(decision.reason)
    if not decision.requests:
        return dg.SensorResult(skip_reason=decision.reason)
    return dg.SensorResult(run_requests=_run_requests(deployment, decision.requests, daily, history))


def _run_requests(
    deployment: Deployment, attempts: "Sequence[RunAttempt]", daily: str, history: str
) -> list[dg.RunRequest]:
    from stock_assets.pipeline.closures import closed_markets

    requests = []
    for one in attempts:
        tags = {REQUEST_TAG: one.key}
        if one.kind == "history":
            requests.append(dg.RunRequest(run_key=one.key, job_name=history, tags=tags))
            continue
        if closed := closed_markets(deployment, one.day):
            tags[CLOSED_TAG] = "; ".join(closed)
        requests.append(
            dg.RunRequest(run_key=one.key, job_name=daily, partition_key=one.day.isoformat(), tags=tags)
        )
    return requests
