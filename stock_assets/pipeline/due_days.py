"""Which trading days are to be run by the daemon, and what is to be said of days: decided by the tables.

A decision reads, and `record` writes down what was decided, so that a restart knows it. Neither asks the
network, and neither needs numpy, pandas or torch: the daemon decides twice a minute.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby

import sqlalchemy as sa

from stock_assets.alerts.alert import Alert
from stock_assets.pipeline.alerts import ALERTS_LOG, queue
from stock_assets.pipeline.closures import why_no_trading_day
from stock_assets.pipeline.day_news import LOOK_BACK, given_up, news_of_days
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.freshness import (
    DayFreshness,
    day_freshness,
    days_looked_at,
    deadline_of,
    last_day_over,
)
from stock_assets.pipeline.run_attempts import RunStates, Standing, standing, unfinished
from stock_assets.storage.alerts import queue_alerts
from stock_assets.storage.day_progress import without_history
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.schedules import (
    Notice,
    RunAttempt,
    read_attempts,
    read_notices,
    write_attempts,
    write_notices,
)

#: Run requests of one decision, at the most: the others come with the next ones.
MOST_REQUESTS = 20


@dataclass(frozen=True)
class Decision:
    """What is to be requested, and what is to be said.

    Attributes
    ----------
    requests : tuple of RunAttempt
        Oldest day first.
    finished : tuple of RunAttempt
        Requests whose end was seen.
    reason : str
        Why nothing is requested, or what the last day that is over is; a line.
    alerts : tuple of Alert
        In the order in which they are to be sent. Each is said once, however often it is decided.
    notices : tuple of (date, Notice)
        What the alerts say of days.
    heartbeat : Alert or None
        What only the heartbeat tells.
    """

    requests: tuple[RunAttempt, ...] = ()
    finished: tuple[RunAttempt, ...] = ()
    reason: str = ""
    alerts: tuple[Alert, ...] = ()
    notices: tuple[tuple[date, Notice], ...] = ()
    heartbeat: Alert | None = None


def decide(
    deployment: Deployment,
    engine: sa.Engine,
    now: datetime,
    run_states: RunStates,
    running: Collection[date] = (),
) -> Decision:
    """Decide which days are to be run, and what is to be said of days.

    Parameters
    ----------
    engine : Engine
        It is only read from.
    now : datetime
        With a time zone.
    run_states : callable
        Asks Dagster.
    running : collection of date
        Trading days that a run which was started in another way is computing.
    """
    now = now.astimezone(UTC)
    universe, yesterday = deployment.universe, last_day_over(now)
    if universe.end is not None and yesterday > universe.end:
        return Decision(
            reason=f"The data of {universe.name} ended on {universe.end}: no new trading day comes, and past "
            "ones are run by `make run` and `make backfill`."
        )
    days = days_looked_at(deployment, now)
    with read_transaction(engine) as connection:
        fresh = day_freshness(deployment, connection, days, now)
        first = days[0] if days else yesterday
        attempts = read_attempts(connection, "daily", first)
        history = read_attempts(connection, "history", universe.start)
        notices = read_notices(connection, first - LOOK_BACK)
        states = run_states(unfinished([*attempts, *history]))
        by_day = {day: list(own) for day, own in groupby(attempts, key=lambda one: one.day)}
        standings = {
            one.day: standing(
                universe.operations,
                "daily",
                one.day,
                by_day.get(one.day, []),
                states,
                now,
                wanted=not one.is_settled and one.day not in running and _is_in_reach(deployment, one, days),
                waits=one.freshness == "waiting",
                not_before=_asked_again_at(deployment, one),
                deadline=deadline_of(deployment, one.day),
            )
            for one in fresh
        }
        # Once it is there it stays there, so that it is looked for only when a day is to be run.
        gaps = any(one.request for one in standings.values()) and without_history(
            connection, universe.priced_ids, deployment.partition_days.first
        )
        of_history = standing(
            universe.operations, "history", universe.start, history, states, now, wanted=bool(gaps)
        )
    said = news_of_days(deployment, notices, fresh, now)
    bound = universe.operations.attempts_a_day
    exhausted = [given_up("daily", day, now, bound) for day, one in standings.items() if one.is_exhausted]
    if of_history.is_exhausted:
        exhausted.append(given_up("history", universe.start, now, bound))
    return Decision(
        _requests(standings.values(), of_history),
        (*of_history.finished, *(one for each in standings.values() for one in each.finished)),
        _reason(deployment, fresh, standings, of_history, running, yesterday),
        (*said.alerts, *exhausted),
        tuple(said.notices),
        said.heartbeat,
    )


def record(
    engine: sa.Engine, decision: Decision, now: datetime, *, logger: logging.Logger = ALERTS_LOG
) -> None:
    """Write down what was decided, and queue what is to be said; doing so twice changes nothing more."""
    queue(engine, decision.alerts, now, logger=logger)
    attempts = (*decision.finished, *decision.requests)
    if not (attempts or decision.notices or decision.heartbeat):
        return
    with engine.begin() as connection:
        write_attempts(connection, attempts)
        write_notices(connection, decision.notices, now)
        if decision.heartbeat is not None:
            queue_alerts(connection, [decision.heartbeat], now, "heartbeat")


def _is_in_reach(deployment: Deployment, one: DayFreshness, days: Sequence[date]) -> bool:
    """Return whether a day is run at all; without catching up, what was begun is brought to its end still."""
    return deployment.universe.operations.catch_up or one.day == days[-1] or one.freshness != "missing"


def _asked_again_at(deployment: Deployment, one: DayFreshness) -> datetime | None:
    """Return when a day that waits is asked for again, whoever has asked before."""
    if one.freshness != "waiting" or one.judged_at is None:
        return None
    return one.judged_at + deployment.universe.operations.waiting_delay


def _requests(standings: Collection[Standing], history: Standing) -> tuple[RunAttempt, ...]:
    """Return what is requested: the history first, and the days once it is there or was tried in vain."""
    if history.request is not None:
        return (history.request,)
    if history.is_running or history.is_pausing:
        return ()
    return tuple(one.request for one in standings if one.request is not None)[:MOST_REQUESTS]


def _reason(
    deployment: Deployment,
    fresh: Sequence[DayFreshness],
    standings: dict[date, Standing],
    history: Standing,
    running: Collection[date],
    yesterday: date,
) -> str:
    """Return what the last day is, and what the days that are not finished wait for."""
    why = why_no_trading_day(deployment, yesterday)
    parts = [f"{yesterday}: {why}"] if why is not None else []
    if history.is_running:
        parts.append("The history is being loaded")
    left = []
    for one in fresh:
        own = standings[one.day]
        if one.is_settled or own.request is not None:
            continue
        if own.is_running or one.day in running:
            left.append(f"{one.day} is being run")
        elif own.is_exhausted:
            left.append(f"{one.day} has used up its attempts of today")
        elif not _is_in_reach(deployment, one, [each.day for each in fresh]):
            left.append(f"{one.day} is {one.freshness} and left to `make run`, since catch_up is off")
        else:
            left.append(f"{one.day} is {one.freshness} and is tried again later")
    parts += left[:5] + ([f"and {len(left) - 5} more"] if len(left) > 5 else [])
    if not left and not history.is_running and fresh:
        parts.append(f"All of the last {len(fresh)} trading days up to {fresh[-1].day} are finished")
    if not fresh:
        parts.append(f"The first trading day, {deployment.partition_days.first}, is not over yet")
    return "; ".join(parts) + "."
