"""``alerts``: the outbox. What is queued there is sent later, by one of perhaps several senders."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite

from stock_assets.alerts.alert import Alert, AlertKind
from stock_assets.storage.engine import is_mysql
from stock_assets.storage.schema import alerts as table

Target = Literal["slack", "heartbeat"]
#: States of what is still to be sent.
OPEN_STATES = ("pending", "sending")
#: How long a claim holds: far longer than it takes to send an alert with its picture.
LEASE = dt.timedelta(minutes=3)
#: The longest wish to be left alone that is honoured.
LONGEST_WISH = dt.timedelta(hours=1)

KEYS_PER_STATEMENT = 200


@dataclass(frozen=True)
class OpenAlert:
    """An alert that is still to be sent, without its picture.

    Attributes
    ----------
    alert : Alert
        As it was queued.
    has_picture : bool
    created_at, not_before : datetime
    state : str
        ``pending``, or ``sending`` if somebody has claimed it.
    attempts : int
    claimed_at : datetime or None
    may_repeat : bool
        Whether an attempt before may have been taken.
    channel_id, slack_ts, thread_ts : str or None
        Where the message is, if only its picture is missing.
    """

    alert: Alert
    has_picture: bool
    created_at: dt.datetime
    not_before: dt.datetime
    state: str
    attempts: int
    claimed_at: dt.datetime | None
    may_repeat: bool
    channel_id: str | None
    slack_ts: str | None
    thread_ts: str | None

    def expired(self, now: dt.datetime) -> bool:
        """Return whether a claim is so old that its sender must have died."""
        # One from the future is of a clock that was set back since: nobody knows how old it is.
        return self.state == "sending" and (self.claimed_at is None or abs(now - self.claimed_at) >= LEASE)

    def waits(self, now: dt.datetime) -> bool:
        """Return whether it may not be sent yet; no wish is longer, so that another clock has said more."""
        return now < self.not_before <= now + LONGEST_WISH

    def busy(self, now: dt.datetime) -> bool:
        """Return whether somebody is sending it."""
        return self.state == "sending" and not self.expired(now)


def queue_alerts(
    connection: sa.Connection, alerts: Sequence[Alert], now: dt.datetime, target: Target = "slack"
) -> tuple[Alert, ...]:
    """Store the alerts whose keys are not there yet, and leave the others as they are.

    Parameters
    ----------
    connection : Connection
        The caller's transaction.
    alerts : sequence of Alert
        In the order in which they are to be sent.
    now : datetime
        With a time zone.

    Returns
    -------
    tuple of Alert
        Those that were not there. Of two writers of the same alert at the same time one stores it, and
        both may have it in their answer.
    """
    known = _known_keys(connection, {alert.key for alert in alerts}, target)
    new: dict[str, tuple[int, Alert]] = {}
    for position, alert in enumerate(alerts):
        if alert.key not in known:
            new.setdefault(alert.key, (position, alert))
    # In the order of keys, so that two writers do not wait for each other in a circle.
    for _, (position, alert) in sorted(new.items()):
        connection.execute(_insert_if_absent(connection, _row(alert, target, now, position)))
    return tuple(alert for _, alert in sorted(new.values(), key=lambda found: found[0]))


def open_alerts(connection: sa.Connection, target: Target) -> tuple[OpenAlert, ...]:
    """Return what is still to be sent, oldest first."""
    columns = [column for column in table.c if column is not table.c.picture]
    statement = (
        sa.select(*columns, table.c.picture.is_not(None).label("has_picture"))
        .where(table.c.target == target, table.c.state.in_(OPEN_STATES))
        .order_by(table.c.created_at, table.c.position, table.c.alert_key)
    )
    return tuple(_open_alert(row) for row in connection.execute(statement).mappings())


def sent_of_groups(connection: sa.Connection, groups: Iterable[str], target: Target) -> dict[str, int]:
    """Return how many messages each group has had, by group; a group without any is not in it."""
    statement = (
        sa.select(table.c.alert_group, sa.func.count())
        .where(
            table.c.target == target,
            table.c.alert_group.in_(sorted(set(groups))),
            table.c.state.not_in((*OPEN_STATES, "folded")),
        )
        .group_by(table.c.alert_group)
    )
    return {str(group): int(count) for group, count in connection.execute(statement)}


def thread_root(connection: sa.Connection, day: dt.date, channel: str) -> str | None:
    """Return the message whose thread a day's alerts go to in a channel, or None if there is none yet."""
    statement = (
        sa.select(table.c.slack_ts)
        .where(
            table.c.day == day,
            table.c.channel == channel,
            table.c.slack_ts.is_not(None),
            table.c.thread_ts.is_(None),
        )
        # The newest one: a root that somebody has deleted is followed by another.
        .order_by(table.c.claimed_at.desc(), table.c.created_at.desc())
        .limit(1)
    )
    return connection.execute(statement).scalar()


def folded_texts(connection: sa.Connection, key: str, target: Target = "slack") -> tuple[str, ...]:
    """Return the lines of the alerts that a message stands for, its own first; none if for itself alone."""
    order = (table.c.created_at, table.c.position, table.c.alert_key)
    others = (
        sa.select(table.c.text).where(table.c.target == target, table.c.folded_into == key).order_by(*order)
    )
    texts = tuple(connection.execute(others).scalars())
    if not texts:
        return ()
    own = sa.select(table.c.text).where(table.c.target == target, table.c.alert_key == key)
    return (connection.execute(own).scalar_one(), *texts)


def read_picture(connection: sa.Connection, key: str, target: Target = "slack") -> bytes | None:
    """Return an alert's picture."""
    statement = sa.select(table.c.picture).where(table.c.target == target, table.c.alert_key == key)
    return connection.execute(statement).scalar()


def _known_keys(connection: sa.Connection, keys: set[str], target: Target) -> set[str]:
    ordered = sorted(keys)
    known: set[str] = set()
    for start in range(0, len(ordered), KEYS_PER_STATEMENT):
        part = ordered[start : start + KEYS_PER_STATEMENT]
        statement = sa.select(table.c.alert_key).where(table.c.target == target, table.c.alert_key.in_(part))
        known.update(connection.execute(statement).scalars())
    return known


def _row(alert: Alert, target: Target, now: dt.datetime, position: int) -> dict[str, object]:
    return {
        "alert_key": alert.key,
        "target": target,
        "kind": alert.kind,
        "day": alert.day,
        "text": alert.text,
        "details": alert.details,
        "link": alert.link,
        "picture": alert.picture,
        "picture_title": alert.picture_title,
        "alert_group": alert.group,
        "created_at": now,
        "position": position,
        "state": "pending",
        "not_before": now,
        "attempts": 0,
        "may_repeat": False,
    }


def _insert_if_absent(connection: sa.Connection, row: dict[str, object]) -> sa.Insert:
    if is_mysql(connection):
        return mysql.insert(table).values(row).on_duplicate_key_update(alert_key=table.c.alert_key)
    return sqlite.insert(table).values(row).on_conflict_do_nothing(index_elements=["alert_key", "target"])


def _open_alert(row: sa.RowMapping) -> OpenAlert:
    kind: AlertKind = row["kind"]
    alert = Alert(
        row["alert_key"],
        kind,
        row["text"],
        row["details"],
        row["day"],
        row["link"],
        picture_title=row["picture_title"],
        group=row["alert_group"],
    )
    own = ("created_at", "not_before", "state", "attempts", "claimed_at", "may_repeat")
    where = ("channel_id", "slack_ts", "thread_ts")
    return OpenAlert(alert, bool(row["has_picture"]), **{name: row[name] for name in (*own, *where)})
