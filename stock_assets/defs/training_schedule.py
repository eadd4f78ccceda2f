"""The schedule ``training``, and the sensor ``missed_training`` that makes up what it had to leave.

A time of the schedule comes once, and of several that were missed Dagster makes up the last one alone. When
it comes, the last day before the cutoff may still wait for bars, or the daemon be down: the sensor looks at
what the schedule has called for, whenever that was. Both ask the same function, and a request is kept in the
database, so that none of them repeats the other's.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from stock_assets.defs.requested_runs import REQUEST_TAG, database_of, days_running, run_states
from stock_assets.pipeline.deployment import Deployment

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

    from stock_assets.pipeline.due_trainings import TrainingDecision

TRAINING_SCHEDULE = "training"
MISSED_TRAINING_SENSOR = "missed_training"
_EVERY_SECONDS = 300


def training_schedule(deployment: Deployment, job: "UnresolvedAssetJobDefinition") -> dg.ScheduleDefinition:
    """Return the schedule, which runs by itself in a live universe."""
    training = deployment.universe.operations.training
    cron = training.cron(deployment.universe.cutoffs)

    @dg.schedule(
        name=TRAINING_SCHEDULE,
        job=job,
        cron_schedule=cron,
        execution_timezone=training.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING
        if _by_itself(deployment)
        else dg.DefaultScheduleStatus.STOPPED,
        description="Trains the newest cutoff that is not in the future, if the days before it are there; "
        "else missed_training does so later.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        decision = _decide(deployment, context, datetime.now(UTC))
        return _run_requests(decision) or dg.SkipReason(decision.reason)

    return schedule


def missed_training_sensor(
    deployment: Deployment, job: "UnresolvedAssetJobDefinition"
) -> dg.SensorDefinition:
    """Return the sensor, which runs by itself in a live universe."""

    @dg.sensor(
        name=MISSED_TRAINING_SENSOR,
        job=job,
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING
        if _by_itself(deployment)
        else dg.DefaultSensorStatus.STOPPED,
        description="Trains the cutoffs that the schedule has called for and that are not trained, oldest "
        "first: once the last day before a cutoff is there, after an outage, or after a failure.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return evaluate(deployment, context, datetime.now(UTC))

    return sensor


def evaluate(deployment: Deployment, context: dg.SensorEvaluationContext, now: datetime) -> dg.SensorResult:
    """Decide at a moment, write down what was decided, and return what the daemon is to do."""
    decision = _decide(deployment, context, now)
    requests = _run_requests(decision)
    return dg.SensorResult(run_requests=requests, skip_reason=None if requests else decision.reason)


def _by_itself(deployment: Deployment) -> bool:
    return deployment.universe.end is None and deployment.universe.operations.training.enabled


def _decide(
    deployment: Deployment,
    context: dg.SensorEvaluationContext | dg.ScheduleEvaluationContext,
    now: datetime,
) -> "TrainingDecision":
    from stock_assets.pipeline.due_trainings import called_cutoffs, decide_trainings, record_trainings

    engine, instance = database_of(deployment), context.instance
    running = days_running(instance, called_cutoffs(deployment, now))
    decision = decide_trainings(deployment, engine, now, run_states(instance, now), running)
    record_trainings(engine, decision, now, logger=context.log)
    return decision


def _run_requests(decision: "TrainingDecision") -> list[dg.RunRequest]:
    """Return a request a cutoff, of the networks that it lacks."""
    requests = []
    for attempt, training in decision.requests:
        networks = [dg.AssetKey(["stage1_model", name]) for name in training.instruments]
        if training.sharpe_net:
            networks.append(dg.AssetKey("sharpe_net_model"))
        requests.append(
            dg.RunRequest(
                run_key=attempt.key,
                partition_key=training.cutoff.isoformat(),
                asset_selection=networks,
                tags={REQUEST_TAG: attempt.key},
            )
        )
    return requests
