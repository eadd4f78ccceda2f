"""Runs that sensors and schedules request: how their jobs, tags and ends are found in Dagster."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import dagster as dg

from stock_assets.pipeline.deployment import Deployment

if TYPE_CHECKING:
    import sqlalchemy as sa

    from stock_assets.pipeline.run_attempts import RunState, RunStates
    from stock_assets.storage.schedules import RunAttempt

#: By this tag a requested run is found, and every run that tries it again.
REQUEST_TAG = "stock_assets/request"
#: The markets that were closed on the trading day.
CLOSED_TAG = "stock_assets/closed_markets"

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_WILL_RETRY, _RETRIED_BY = "dagster/will_retry", "dagster/auto_retry_run_id"
_PARTITION = "dagster/partition"
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
#: A crashed run that Dagster says it will start again, and does not, is not waited for longer.
_RETRIED_WITHIN = timedelta(minutes=10)


def database_of(deployment: Deployment) -> "sa.Engine":
    """Return the universe's database, checked once a process: sensors look at it every minute."""
    return _checked_engine(deployment.settings.database_url, deployment.universe.name)


@lru_cache(maxsize=1)
def _checked_engine(url: str, universe: str) -> "sa.Engine":
    from stock_assets.storage.engine import create_engine
    from stock_assets.storage.migrate import require_current

    engine = create_engine(url)
    require_current(engine, universe)
    return engine


def run_states(instance: dg.DagsterInstance, now: datetime) -> "RunStates":
    """Return what asks Dagster for the runs of requests."""

    def states(attempts: "Sequence[RunAttempt]") -> "Mapping[str, RunState]":
        found = {}
        for one in attempts:
            records = instance.get_run_records(dg.RunsFilter(tags={REQUEST_TAG: one.key}))
            if records:
                found[one.key] = _state(instance, records, now)
        return found

    return states


def _state(instance: dg.DagsterInstance, records: Sequence[dg.RunRecord], now: datetime) -> "RunState":
    """Return the state of a run and of those that tried it again, newest first."""
    from stock_assets.pipeline.run_attempts import RunState

    last = records[0].dagster_run
    ended_at = datetime.fromtimestamp(records[0].end_time or now.timestamp(), UTC)
    retried_soon = (
        last.tags.get(_WILL_RETRY) == "true"
        and _RETRIED_BY not in last.tags
        and last.status == dg.DagsterRunStatus.FAILURE
        and now - ended_at < _RETRIED_WITHIN
    )
    unfinished = retried_soon or any(not record.dagster_run.is_finished for record in records)
    succeeded = last.status == dg.DagsterRunStatus.SUCCESS
    tries = len(records)
    if not unfinished and not succeeded:
        tries = sum(_tries(instance, record.dagster_run.run_id) for record in records)
    return RunState(last.run_id, unfinished, succeeded, tries)


def _tries(instance: dg.DagsterInstance, run_id: str) -> int:
    """Return how often the step of a run that was repeated most was tried."""
    return max((len(step.attempts_list) for step in instance.get_run_step_stats(run_id)), default=1) or 1


def days_running(instance: dg.DagsterInstance, days: Sequence[date]) -> set[date]:
    """Return those of the days, or cutoffs, that an unfinished run computes, whoever has started it.

    A run that the UI starts in place of a requested one that has failed carries that one's tags.
    """
    running: set[date] = set()
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)):
        first = run.tags.get(_PARTITION) or run.tags.get(_RANGE[0])
        last = run.tags.get(_PARTITION) or run.tags.get(_RANGE[1])
        if first and last:
            running |= {day for day in days if first <= day.isoformat() <= last}
    return running
