"""Which alert is sent next: threads in order, and one message for many failures or for what is old."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from stock_assets.alerts.facts import BACKFILL_GROUP
from stock_assets.storage.alerts import OpenAlert

#: Messages that a group has one by one before the others are held back for one summary; of a backfill, which
#: somebody has started and watches, the first one tells enough.
SINGLE_MESSAGES, SINGLE_MESSAGES_OF_BACKFILL = 3, 1
#: A summary waits until a group has been quiet for so long, or for so long at the most.
QUIET = timedelta(minutes=10)
PATIENCE = timedelta(hours=6)
#: What has waited for so long, since Slack was away, is no news: more than a few of it are one message.
STALE = timedelta(hours=24)


@dataclass(frozen=True)
class Choice:
    """What is sent next.

    Attributes
    ----------
    chosen : OpenAlert
    folded : tuple of str
        Keys of the alerts that its message stands for too.
    """

    chosen: OpenAlert
    folded: tuple[str, ...] = ()


def next_alert(alerts: Sequence[OpenAlert], sent: Mapping[str, int], now: datetime) -> Choice | None:
    """Return what is to be sent next, or None if everything has to wait.

    What is stale comes first, as one summary. Within the thread of a day an alert waits for those before it;
    other threads do not wait for that one.

    Parameters
    ----------
    alerts : sequence of OpenAlert
        What is still to be sent, oldest first.
    sent : mapping of str to int
        Messages that each group has had.
    now : datetime
        With a time zone.
    """
    stale = [one for one in alerts if one.state == "pending" and one.slack_ts is None and is_stale(one, now)]
    if len(stale) > SINGLE_MESSAGES:
        return Choice(stale[0], tuple(one.alert.key for one in stale[1:]))
    held = held_back(alerts, sent)
    waiting = {alert.alert.key for group in held.values() for alert in group}
    blocked: set[date] = set()
    for one in alerts:
        day = one.alert.day
        if one.alert.key in waiting or day in blocked:
            continue
        if not one.busy(now) and not one.waits(now):
            return Choice(one)
        if day is not None:
            blocked.add(day)
    for group in held.values():
        if _summary_is_due(group, now):
            return Choice(group[0], tuple(alert.alert.key for alert in group[1:]))
    return None


def is_stale(one: OpenAlert, now: datetime) -> bool:
    """Return whether an alert has waited for so long that it is no news."""
    return now - one.created_at >= STALE


def held_back(alerts: Sequence[OpenAlert], sent: Mapping[str, int]) -> dict[str, list[OpenAlert]]:
    """Return the alerts beyond the first ones of their group, by group, oldest first."""
    places: dict[str, int] = dict(sent)
    held: dict[str, list[OpenAlert]] = {}
    for one in alerts:
        group = one.alert.group
        if group is None:
            continue
        places[group] = places.get(group, 0) + 1
        most = SINGLE_MESSAGES_OF_BACKFILL if group.startswith(BACKFILL_GROUP) else SINGLE_MESSAGES
        if places[group] > most:
            held.setdefault(group, []).append(one)
    return held


def _summary_is_due(group: Sequence[OpenAlert], now: datetime) -> bool:
    if any(one.busy(now) or one.waits(now) for one in group):
        return False
    # Of a clock that was set back since, nobody knows how long ago it is.
    quiet = abs(now - group[-1].created_at) >= QUIET
    return quiet or abs(now - group[0].created_at) >= PATIENCE
