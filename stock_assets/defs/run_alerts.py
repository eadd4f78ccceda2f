"""What is said of a run: of its start, its retries and its end."""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.events import JobFailureData

from stock_assets.alerts import messages
from stock_assets.defs.alerted_runs import AlertedRun
from stock_assets.defs.jobs import DAILY_JOB, HISTORY_JOB, TRAINING_JOB
from stock_assets.defs.root_errors import below, root_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stock_assets.alerts.alert import Alert
    from stock_assets.alerts.facts import ForecastErrors

_JOBS = (DAILY_JOB, HISTORY_JOB, TRAINING_JOB)


def alerts_of(alerted: AlertedRun) -> "Iterator[Alert]":
    """Give what is to be said of a run by now, oldest first; some of it may have been said.

    Of jobs that are neither daily, training nor history, it is only said that they failed.
    """
    facts, status = alerted.facts, alerted.run.status
    known = alerted.job in _JOBS
    if known and facts.attempt > 1:
        yield messages.run_retried(facts)
    if known and alerted.record.start_time is not None:
        training = alerted.job == TRAINING_JOB
        yield messages.training_started(facts) if training else messages.run_started(facts)
    yield from _step_retries(alerted)
    if status == dg.DagsterRunStatus.FAILURE:
        yield _failure(alerted)
    elif status == dg.DagsterRunStatus.CANCELED and known:
        yield messages.canceled(facts)
    elif status == dg.DagsterRunStatus.SUCCESS and known:
        yield _finished(alerted)
        if alerted.is_retry:
            yield messages.run_recovered(facts)


def _step_retries(alerted: AlertedRun) -> "Iterator[Alert]":
    attempts: dict[str, int] = {}
    for event in alerted.events(dg.DagsterEventType.STEP_UP_FOR_RETRY):
        step = event.step_key or ""
        attempts[step] = attempts.get(step, 1) + 1
        yield messages.step_retried(
            alerted.facts, step, attempts[step], root_error(event.step_retry_data.error)
        )


def _failure(alerted: AlertedRun) -> "Alert":
    failed = alerted.events(dg.DagsterEventType.STEP_FAILURE)
    if not failed:
        ends = alerted.events(dg.DagsterEventType.RUN_FAILURE)
        # Whoever ends a run from outside of it gives a message alone.
        data = ends[-1].event_specific_data if ends else None
        error = data.error if isinstance(data, JobFailureData) else None
        said = ends[-1].message if ends else None
        return messages.failure(
            alerted.facts, root_error(error) if error else said or "The run gives no reason."
        )
    step = failed[0].step_key or ""
    retries = alerted.events(dg.DagsterEventType.STEP_UP_FOR_RETRY)
    error = failed[0].step_failure_data.error
    return messages.failure(
        alerted.facts,
        root_error(error) if error else failed[0].message or "The step gives no reason.",
        step,
        1 + sum(event.step_key == step for event in retries),
        sorted({event.step_key or "" for event in failed} - {step}),
        below(error) if error else "",
    )


def _finished(alerted: AlertedRun) -> "Alert":
    from stock_assets.pipeline.finished_runs import finished_days, finished_training
    from stock_assets.storage.engine import read_transaction

    facts, partitions = alerted.facts, alerted.partitions
    if alerted.job == HISTORY_JOB or partitions is None:
        return messages.finished(facts)
    with read_transaction(alerted.engine) as connection:
        if alerted.job == TRAINING_JOB:
            return finished_training(connection, facts, _drawn)
        first, last = map(date.fromisoformat, partitions)
        return finished_days(connection, facts, first, last)


def _drawn(errors: "Sequence[ForecastErrors]", title: str) -> bytes:
    from stock_assets.pictures.forecasts import mae_against_naive

    return mae_against_naive(
        [one.instrument for one in errors],
        [one.network for one in errors],
        [one.zero for one in errors],
        [one.mean for one in errors],
        title=f"{title}, validation",
    )
