"""The sensors of alerting: one that says what became of runs, and the one that sends what is to be said."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from dagster_slack import SlackResource
from pydantic import Field

from stock_assets.defs.alerted_runs import AlertedRun
from stock_assets.defs.resources import DatabaseResource
from stock_assets.defs.run_alerts import alerts_of
from stock_assets.errors import StorageError
from stock_assets.pipeline.deployment import Deployment, current_deployment

if TYPE_CHECKING:
    from slack_sdk import WebClient

    from stock_assets.alerts.alert import Alert

INTERVAL_SECONDS = 30
#: Runs that one tick looks at. Dagster's own sensors of run statuses take five, which after a failing
#: backfill would say things an hour late.
BATCH = 200
#: The first tick looks back so far, and every one a little: a change may be stored after a later one.
FIRST_LOOK, OVERLAP = timedelta(hours=1), timedelta(minutes=1)


class AlertSlackResource(SlackResource):
    """Slack as alerts reach it: the environment says where, with which token and channel.

    The client knows the configured address and its timeouts, and logs nothing. What is configured on a
    resource is shown in the UI, so the token is not.
    """

    token: str = Field(default="", description="Stays empty: STOCK_ASSETS_SLACK_TOKEN holds the token.")

    def get_client(self) -> "WebClient":
        """Return a client of Slack's API."""
        from stock_assets.alerts.slack import slack_client

        return slack_client(current_deployment().settings.slack)


def run_alerts_sensor(deployment: Deployment) -> dg.SensorDefinition:
    """Return the sensor that queues what is to be said of runs."""
    live = deployment.universe.end is None

    @dg.sensor(
        name="run_alerts",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if live else dg.DefaultSensorStatus.STOPPED,
        description="Says of runs that they started, are tried again, failed, or what they brought.",
    )
    def run_alerts(context: dg.SensorEvaluationContext, database: DatabaseResource) -> dg.SkipReason:
        from stock_assets.pipeline.alerts import queue

        now, instance = datetime.now(UTC), context.instance
        after, seen = _position(context.cursor, now)
        changed = instance.get_run_records(
            dg.RunsFilter(updated_after=after), BATCH, order_by="update_timestamp", ascending=True
        )
        # A step that is tried again does not change its run.
        running = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]), BATCH)
        records = {_name(record): record for record in [*running, *changed]}
        started = {_name(record) for record in running}
        alerts: list[Alert] = []
        # Days are requested in their order, and so they are told.
        for name, record in sorted(records.items(), key=lambda item: item[1].create_timestamp):
            if name not in seen or name in started:
                run = AlertedRun(instance, record, database.engine, deployment.settings.ui_url)
                alerts += _alerts_or_warning(context, run)
        new = queue(database.engine, alerts, now, logger=context.log)
        if changed:
            context.update_cursor(_next_position(changed, after))
        return dg.SkipReason(f"{len(new)} new alerts of runs.")

    return run_alerts


def delivery_sensor(deployment: Deployment) -> dg.SensorDefinition:
    """Return the sensor that sends alerts; no other one uses the network."""

    @dg.sensor(
        name="deliver_alerts",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends queued alerts to Slack. What Slack does not take is sent later.",
    )
    def deliver_alerts(
        context: dg.SensorEvaluationContext, database: DatabaseResource, slack: AlertSlackResource
    ) -> dg.SkipReason:
        from stock_assets.pipeline.alerts import deliver

        report = deliver(database.engine, deployment.settings, datetime.now(UTC), client=slack.get_client())
        for problem in report.problems:
            context.log.warning(problem)
        return dg.SkipReason(report.sentence)

    return deliver_alerts


def _alerts_or_warning(context: dg.SensorEvaluationContext, run: AlertedRun) -> "Sequence[Alert]":
    """Return what is to be said of a run; of one that cannot be read that it cannot, since others follow."""
    from stock_assets.alerts import messages

    try:
        return list(alerts_of(run))
    except StorageError:
        raise
    except Exception as error:
        context.log.exception(f"What became of the run {run.run.run_id} cannot be said.")
        text = f"What became of the run {run.run.run_id} ({run.run.job_name}, {run.run.status.value}) "
        text += f"cannot be said ({type(error).__name__}); look at the logs of the sensor run_alerts."
        return [messages.warning(f"run/{run.run.run_id}/unreadable", text)]


def _position(cursor: str | None, now: datetime) -> tuple[datetime, frozenset[str]]:
    """Return from when on runs are looked at, and those after it that have been."""
    if cursor is None:
        return now - FIRST_LOOK, frozenset()
    position = json.loads(cursor)
    after = datetime.fromisoformat(position["after"])
    # A clock that was ahead and was set back must not hide what happens until it is as late again.
    return after if after <= now else now - FIRST_LOOK, frozenset(position["seen"])


def _next_position(changed: Sequence[dg.RunRecord], after: datetime) -> str:
    last = changed[-1].update_timestamp
    # A batch that is full leaves more behind it: going back would read the same ones again for ever.
    reach = timedelta(microseconds=1) if len(changed) == BATCH else OVERLAP
    position = max(last - reach, after)
    seen = [_name(record) for record in changed if record.update_timestamp > position]
    return json.dumps({"after": position.isoformat(), "seen": seen})


def _name(record: dg.RunRecord) -> str:
    return f"{record.storage_id}:{record.dagster_run.status.value}"


@dg.definitions
def defs() -> dg.Definitions:
    """Return the sensors, and Slack as a resource."""
    deployment = current_deployment()
    return dg.Definitions(
        sensors=[run_alerts_sensor(deployment), delivery_sensor(deployment)],
        resources={"slack": AlertSlackResource()},
    )
