"""How fresh the trading days of the last weeks are, by the calendar: a closed market is never late."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from stock_assets.market_data.finding_kinds import SOURCE_FAILED
from stock_assets.pipeline.closures import why_no_trading_day
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.settled import open_days, unsettled_days
from stock_assets.pipeline.trainings import first_cutoffs
from stock_assets.storage.day_progress import day_states, owed_days
from stock_assets.trading_days import decision_time

Freshness = Literal["complete", "partial", "closed", "waiting", "unfinished", "missing"]
#: With nothing more to be done: the sources have said all that they are going to say.
FINISHED = ("complete", "partial", "closed")


@dataclass(frozen=True)
class DayFreshness:
    """How far one day has come.

    Attributes
    ----------
    day : date
    freshness : str
        complete; partial, if it was published without a bar that never came; closed, if no market was open;
        waiting for bars; unfinished, if its prices are there and something of it is to be computed still, or
        to be judged anew; or missing, if it was never loaded.
    reason : str or None
    is_late : bool
        Whether it was to be complete by now.
    is_settled : bool
        Whether no run can bring it further.
    judged_at : datetime or None
        When its prices were judged last.
    """

    day: date
    freshness: Freshness
    reason: str | None = None
    is_late: bool = False
    is_settled: bool = False
    judged_at: datetime | None = None


def deadline_of(deployment: Deployment, day: date) -> datetime:
    """Return until when the bars of a trading day are waited for."""
    return decision_time(day) + deployment.universe.deadline


def late_at(deployment: Deployment, day: date) -> datetime:
    """Return from when on a trading day that is not complete is late."""
    return deadline_of(deployment, day) + deployment.universe.operations.late_after


def last_day_over(now: datetime) -> date:
    """Return the last day in UTC that is over."""
    return now.date() - timedelta(days=1)


def days_looked_at(deployment: Deployment, now: datetime) -> tuple[date, ...]:
    """Return the last trading days that are over, as many as the universe's ``catch_up_days``.

    Parameters
    ----------
    now : datetime
        In UTC.
    """
    days = deployment.partition_days
    over = days.between(days.first, last_day_over(now))
    return over[-deployment.universe.operations.catch_up_days :]


def day_freshness(
    deployment: Deployment, connection: sa.Connection, days: Sequence[date], now: datetime
) -> list[DayFreshness]:
    """Return how far trading days have come, in their order.

    Parameters
    ----------
    days : sequence of date
        Trading days that are over, in ascending order.
    now : datetime
        With a time zone.
    """
    if not days:
        return []
    states = day_states(connection, days[0], days[-1])
    firsts = first_cutoffs(deployment, connection)
    since = min(firsts.values(), default=date.max)
    unfinished = open_days(connection, days, states) | owed_days(connection, SOURCE_FAILED, days[0], days[-1])
    unfinished |= set(unsettled_days(deployment, connection, [day for day in days if day >= since], firsts))
    found = []
    for day in days:
        state = states.get(day)
        freshness: Freshness = "missing"
        if state is not None:
            freshness = _freshness(state.state, day in unfinished)
        late = freshness not in ("complete", "closed") and now >= late_at(deployment, day)
        reason = state.reason if state is not None else "it was never loaded"
        if freshness == "unfinished" and reason is None:
            reason = "predictions or weights are still to be computed"
        judged_at = None if state is None else state.computed_at
        found.append(DayFreshness(day, freshness, reason, late, day not in unfinished, judged_at))
    return found


def _freshness(state: str, is_unfinished: bool) -> Freshness:
    if state == "complete":
        return "unfinished" if is_unfinished else "complete"
    return "partial" if state == "partial" else "closed" if state == "closed" else "waiting"


def calendar_table(
    deployment: Deployment, days: Collection[DayFreshness], now: datetime
) -> list[tuple[date, str, str]]:
    """Return a row for each calendar day from the first of the trading days to the last day that is over.

    Returns
    -------
    list of (date, str, str)
        Day, what it is (such as complete, late or closed), and why; newest first.
    """
    known = {one.day: one for one in days}
    rows = []
    day = min(known, default=last_day_over(now))
    while day <= last_day_over(now):
        one = known.get(day)
        if one is None:
            rows.append((day, "closed", why_no_trading_day(deployment, day) or ""))
        else:
            rows.append((day, f"late, {one.freshness}" if one.is_late else one.freshness, one.reason or ""))
        day += timedelta(days=1)
    return rows[::-1]
