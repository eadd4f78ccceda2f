"""Which cutoffs are to be trained: the schedule decides when, the universe's cutoffs decide what."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from cronsim import CronSim

from stock_assets.alerts.alert import Alert
from stock_assets.cutoffs import cutoffs_between, next_cutoff
from stock_assets.pipeline.alerts import ALERTS_LOG, queue
from stock_assets.pipeline.day_news import given_up
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.freshness import days_looked_at, deadline_of
from stock_assets.pipeline.run_attempts import RunStates, standing, unfinished
from stock_assets.pipeline.trainings import Training, missing_trainings
from stock_assets.storage.day_progress import day_states, without_history
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.schedules import RunAttempt, read_attempts, write_attempts

_TICK = timedelta(seconds=1)


@dataclass(frozen=True)
class TrainingDecision:
    """What is to be trained.

    Attributes
    ----------
    requests : tuple of (RunAttempt, Training)
        Oldest cutoff first, each with the networks that it lacks.
    finished : tuple of RunAttempt
        Requests whose end was seen.
    reason : str
        Why nothing is requested; a line.
    alerts : tuple of Alert
    """

    requests: tuple[tuple[RunAttempt, Training], ...] = ()
    finished: tuple[RunAttempt, ...] = ()
    reason: str = ""
    alerts: tuple[Alert, ...] = ()


def called_cutoffs(deployment: Deployment, now: datetime) -> list[date]:
    """Return the cutoffs that the schedule has called for by now, in ascending order.

    Each of its times calls for the newest cutoff that is not in the future then.
    """
    universe = deployment.universe
    days = deployment.partition_days
    if now.date() < days.first:
        return []
    last_day = now.date() if universe.end is None else min(now.date(), universe.end)
    training = universe.operations.training
    cron, zone = training.cron(universe.cutoffs), ZoneInfo(training.timezone)
    called = []
    for cutoff in cutoffs_between(universe.cutoffs, days.first, last_day):
        begins = datetime.combine(cutoff, time(tzinfo=UTC))
        ends = datetime.combine(next_cutoff(universe.cutoffs, cutoff), time(tzinfo=UTC))
        at = next(CronSim(cron, (begins - _TICK).astimezone(zone))).astimezone(UTC)
        if at < ends and at <= now:
            called.append(cutoff)
    return called


def wanted_trainings(
    deployment: Deployment, connection: sa.Connection, now: datetime
) -> tuple[Training, ...]:
    """Return the cutoffs to be trained, oldest first: those since the newest one that lacks no network.

    As long as there is none, that is the newest cutoff alone: nobody wants all those of the past.
    """
    called = called_cutoffs(deployment, now)
    missing = {training.cutoff: training for training in missing_trainings(deployment, connection, called)}
    whole = [cutoff for cutoff in called if cutoff not in missing]
    since = [cutoff for cutoff in called if cutoff > whole[-1]] if whole else called[-1:]
    return tuple(missing[cutoff] for cutoff in since)


def decide_trainings(
    deployment: Deployment,
    engine: sa.Engine,
    now: datetime,
    run_states: RunStates,
    running: Collection[date] = (),
) -> TrainingDecision:
    """Decide which cutoffs are to be trained.

    A cutoff is trained once all prices before it were loaded and the last trading day waits for none, or is
    past its deadline: a network that knows less than it might would stay as it is.

    Parameters
    ----------
    engine : Engine
        It is only read from.
    now : datetime
        With a time zone.
    run_states : callable
        Asks Dagster.
    running : collection of date
        Cutoffs that a run which was started in another way is training.
    """
    now = now.astimezone(UTC)
    operations = deployment.universe.operations
    requests, finished, alerts, reasons = [], [], [], []
    with read_transaction(engine) as connection:
        trainings = {one.cutoff: one for one in wanted_trainings(deployment, connection, now)}
        attempts = read_attempts(connection, "training", date.min)
        states = run_states(unfinished(attempts))
        by_cutoff = {cutoff: list(own) for cutoff, own in groupby(attempts, key=lambda one: one.day)}
        looked_at = set(trainings) | {one.day for one in unfinished(attempts)}
        no_history = bool(trainings) and _history_is_coming(deployment, connection, now, run_states)
        for cutoff in sorted(looked_at):
            why = None
            if cutoff in trainings:
                why = _why_not_yet(deployment, connection, cutoff, now, no_history=no_history)
            before = by_cutoff.get(cutoff, [])
            if why is None and cutoff in trainings and cutoff < max(trainings):
                why = _why_no_more(cutoff, before, operations.attempts_a_day)
            wanted = cutoff in trainings and cutoff not in running and why is None
            own = standing(operations, "training", cutoff, before, states, now, wanted=wanted)
            finished += own.finished
            if own.request is not None:
                requests.append((own.request, trainings[cutoff]))
            elif own.is_running or cutoff in running:
                reasons.append(f"{cutoff} is being trained")
            elif own.is_exhausted:
                reasons.append(f"{cutoff} has used up its attempts of today")
                alerts.append(given_up("training", cutoff, now, operations.attempts_a_day))
            elif own.is_pausing:
                reasons.append(f"{cutoff} failed and is tried again later")
            elif why is not None:
                reasons.append(why)
    reason = "; ".join(reasons) or _all_trained(deployment, now)
    return TrainingDecision(tuple(requests), tuple(finished), f"{reason}.", tuple(alerts))


def record_trainings(
    engine: sa.Engine, decision: TrainingDecision, now: datetime, *, logger: logging.Logger = ALERTS_LOG
) -> None:
    """Write down what was decided, and queue what is to be said."""
    queue(engine, decision.alerts, now, logger=logger)
    attempts = (*decision.finished, *(request for request, _ in decision.requests))
    if attempts:
        with engine.begin() as connection:
            write_attempts(connection, attempts)


def _history_is_coming(
    deployment: Deployment, connection: sa.Connection, now: datetime, run_states: RunStates
) -> bool:
    """Return whether an instrument has no history yet, and its loading was not tried in vain."""
    universe = deployment.universe
    if not without_history(connection, universe.priced_ids, deployment.partition_days.first):
        return False
    attempts = read_attempts(connection, "history", universe.start)
    states = run_states(unfinished(attempts))
    own = standing(universe.operations, "history", universe.start, attempts, states, now, wanted=True)
    return not own.is_exhausted


def _why_not_yet(
    deployment: Deployment, connection: sa.Connection, cutoff: date, now: datetime, *, no_history: bool
) -> str | None:
    """Return why a cutoff is not trained yet, or None: what it is to know must have been loaded."""
    if no_history:
        return f"{cutoff} is trained once the history is loaded"
    days = deployment.partition_days
    before = days.between(days.first, cutoff - timedelta(days=1))
    if not before:
        return None
    states = day_states(connection, before[0], before[-1])
    never = [day for day in before if day not in states]
    in_reach = days_looked_at(deployment, now)
    if not deployment.universe.operations.catch_up:
        in_reach = in_reach[-1:]
    if older := [day for day in never if day not in in_reach]:
        return (
            f"{cutoff} is not trained: {len(older)} trading days from {older[0]} to {older[-1]} were never "
            "loaded, run `make run`"
        )
    if never:
        which = " to ".join(str(day) for day in dict.fromkeys((never[0], never[-1])))
        return f"{cutoff} is trained once the prices of {which} are loaded"
    last = before[-1]
    if states[last].state == "waiting" and now < deadline_of(deployment, last):
        until = f"{deadline_of(deployment, last):%Y-%m-%d %H:%M} UTC"
        return f"{cutoff} is trained once {last} is complete, or at {until}"
    return None


def _why_no_more(cutoff: date, attempts: Sequence[RunAttempt], bound: int) -> str | None:
    """Return why a cutoff that a newer one follows is not tried any more, or None.

    A network that can never be trained would cost a day's attempts of each cutoff since its last one, more
    every fortnight.
    """
    if sum(one.tries for one in attempts) < bound:
        return None
    return f"{cutoff} has used up its attempts, and a newer cutoff is tried"


def _all_trained(deployment: Deployment, now: datetime) -> str:
    called = called_cutoffs(deployment, now)
    if not called:
        return "The schedule has called for no cutoff yet"
    return f"The cutoff {called[-1]}, the last one that the schedule has called for, is trained"
