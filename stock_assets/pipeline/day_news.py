"""What is to be said of days: closed markets, what is late, what has come, and that all is complete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from stock_assets.alerts import messages
from stock_assets.alerts.alert import Alert
from stock_assets.pipeline.closures import why_no_trading_day
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.freshness import (
    FINISHED,
    DayFreshness,
    deadline_of,
    last_day_over,
    late_at,
)
from stock_assets.storage.schedules import Notice, RunKind

#: When something was said of a day, by day and kind, as ``read_notices`` returns it.
Notices = Mapping[tuple[date, str], datetime]
#: How long before the first trading day that is looked at closed days are told still.
LOOK_BACK = timedelta(days=7)


@dataclass
class DayNews:
    """What is to be said.

    Attributes
    ----------
    alerts : list of Alert
        In the order in which they are to be sent.
    notices : list of (date, Notice)
        What they say of days, to be kept so that it is said once.
    heartbeat : Alert or None
        What only the heartbeat tells.
    """

    alerts: list[Alert] = field(default_factory=list)
    notices: list[tuple[date, Notice]] = field(default_factory=list)
    heartbeat: Alert | None = None

    def add(self, day: date, kind: Notice, alert: Alert) -> None:
        """Add what an alert says of a day."""
        self.alerts.append(alert)
        self.notices.append((day, kind))


def news_of_days(
    deployment: Deployment, notices: Notices, fresh: Sequence[DayFreshness], now: datetime
) -> DayNews:
    """Return what is to be said of days that was not said yet.

    Nothing is said of what was before anybody watched: of a deadline that was past then, or of a market that
    was closed before.

    Parameters
    ----------
    notices : mapping
        What was said of these days, of those in between, and of ``LOOK_BACK`` before them.
    fresh : sequence of DayFreshness
        The trading days that are looked at.
    now : datetime
        In UTC.
    """
    news = DayNews()
    yesterday = last_day_over(now)
    _tell_closed(deployment, news, notices, fresh[0].day if fresh else yesterday, yesterday)
    _tell_late(deployment, news, notices, fresh, now)
    _tell_complete(deployment, news, notices, fresh, yesterday)
    if not any(kind == "watched" for _, kind in notices):
        news.notices.append((yesterday, "watched"))
    return news


def given_up(kind: RunKind, day: date, now: datetime, attempts_a_day: int) -> Alert:
    """Say once a calendar day that a day, a cutoff or the history is not tried again on it."""
    subject = {"daily": str(day), "training": f"The training of {day}", "history": "The history"}[kind]
    alert = messages.warning(
        f"gave_up/{kind}/{day}/{now.date()}",
        f"{subject} is not tried again before {now.date() + timedelta(days=1)} 00:00 UTC: its "
        f"{attempts_a_day} attempts of today are used up. Look at its failed runs.",
        day if kind == "daily" else None,
    )
    return replace(alert, kind="failure")


def _tell_closed(deployment: Deployment, news: DayNews, notices: Notices, first: date, last: date) -> None:
    watched = min((day for day, kind in notices if kind == "watched"), default=last)
    day = max(watched, first - LOOK_BACK, deployment.partition_days.first)
    while day <= last:
        why = why_no_trading_day(deployment, day)
        if why is not None and (day, "closed") not in notices:
            news.add(day, "closed", messages.market_closed(day, why))
        day += timedelta(days=1)


def _tell_late(
    deployment: Deployment,
    news: DayNews,
    notices: Notices,
    fresh: Sequence[DayFreshness],
    now: datetime,
) -> None:
    """Say which days are late, and which of those have come.

    A day that was complete in time is not late when a correction or other settings reopen it.
    """
    complete = max((day for day, kind in notices if kind == "complete"), default=date.min)
    watched = min((at for (_, kind), at in notices.items() if kind == "watched"), default=now)
    for one in fresh:
        was_late = (one.day, "late") in notices
        if one.freshness == "unfinished" and one.day <= complete:
            continue
        if one.is_late and not was_late and late_at(deployment, one.day) > watched:
            missing = f"It is {one.freshness}: {one.reason}" if one.reason else f"It is {one.freshness}"
            missing = missing if missing.endswith(".") else f"{missing}."
            news.add(one.day, "late", messages.late(one.day, missing, deadline_of(deployment, one.day)))
        elif was_late and one.freshness in ("complete", "closed") and (one.day, "recovered") not in notices:
            news.add(one.day, "recovered", messages.recovered(one.day, f"it is {one.freshness}"))


def _tell_complete(
    deployment: Deployment,
    news: DayNews,
    notices: Notices,
    fresh: Sequence[DayFreshness],
    yesterday: date,
) -> None:
    """Say once a day that all days are finished; on a day without trading only the heartbeat tells it.

    Without catching up, days that an outage has cost are nobody's to finish, and are named instead.
    """
    if not fresh or (yesterday, "complete") in notices:
        return
    catch_up = deployment.universe.operations.catch_up
    left = [] if catch_up else [one for one in fresh[:-1] if one.freshness == "missing"]
    looked_at = [one for one in fresh if one not in left]
    if not all(one.is_settled and one.freshness in FINISHED for one in looked_at):
        return
    partial = [one for one in looked_at if one.freshness == "partial"]
    remarks = {"Without bars that never came": partial, "Never loaded, since catch_up is off": left}
    details = " ".join(
        f"{remark}: {', '.join(str(one.day) for one in those)}." for remark, those in remarks.items() if those
    )
    alert = messages.all_complete(yesterday, len(looked_at), details or None)
    news.notices.append((yesterday, "complete"))
    if fresh[-1].day == yesterday:
        news.alerts.append(alert)
    else:
        news.heartbeat = alert
