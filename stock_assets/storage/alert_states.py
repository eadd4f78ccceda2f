"""What senders note in the outbox: claims, and what became of them.

A row is claimed in a transaction that ends before anything is sent. If its sender is killed, the claim
expires, and whoever claims the row next knows that it may have been sent.
"""

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from stock_assets.storage.alerts import KEYS_PER_STATEMENT, OpenAlert, Target
from stock_assets.storage.schema import alerts as table


def claim(
    connection: sa.Connection,
    chosen: OpenAlert,
    now: dt.datetime,
    folded: Sequence[str] = (),
    target: Target = "slack",
) -> bool:
    """Note that an alert is being sent, unless somebody else has changed it since it was read.

    Parameters
    ----------
    connection : Connection
        A transaction that ends before the alert is sent.
    folded : sequence of str
        Keys of pending alerts that its message stands for as well.

    Returns
    -------
    bool
        Whether it was claimed.
    """
    values = {
        "state": "sending",
        "claimed_at": now,
        "attempts": chosen.attempts + 1,
        "may_repeat": chosen.may_repeat or chosen.state == "sending",
    }
    if folded:
        # The message stands for several days: it belongs to the thread of none.
        values["day"] = None
    claimed = connection.execute(
        sa.update(table)
        .where(_is(chosen, target), table.c.state == chosen.state, table.c.attempts == chosen.attempts)
        .values(values)
    )
    if claimed.rowcount != 1:
        return False
    for start in range(0, len(folded), KEYS_PER_STATEMENT):
        keys = folded[start : start + KEYS_PER_STATEMENT]
        # With what an earlier summary that could not be sent stands for.
        for those in (
            sa.and_(table.c.state == "pending", table.c.alert_key.in_(keys)),
            sa.and_(table.c.state == "folded", table.c.folded_into.in_(keys)),
        ):
            connection.execute(
                sa.update(table)
                .where(table.c.target == target, those)
                .values(state="folded", folded_into=chosen.alert.key)
            )
    return True


def record_posted(
    connection: sa.Connection,
    chosen: OpenAlert,
    channel: str,
    channel_id: str,
    ts: str,
    thread_ts: str | None,
) -> None:
    """Note where a claimed alert's message is; it is sent when its picture is there too."""
    where = {"channel": channel, "channel_id": channel_id, "slack_ts": ts, "thread_ts": thread_ts}
    connection.execute(sa.update(table).where(_is(chosen, "slack")).values(where | {"may_repeat": False}))


def record_sent(
    connection: sa.Connection,
    chosen: OpenAlert,
    now: dt.datetime,
    *,
    target: Target = "slack",
    remark: str | None = None,
) -> None:
    """Note that an alert has been sent; ``remark`` says what of it was not."""
    values = {"state": "sent", "sent_at": now, "last_error": remark}
    connection.execute(sa.update(table).where(_is(chosen, target)).values(values))


def record_failed(
    connection: sa.Connection,
    chosen: OpenAlert,
    error: str,
    not_before: dt.datetime,
    *,
    target: Target = "slack",
    perhaps_sent: bool = False,
    for_good: bool = False,
) -> None:
    """Note that a claimed alert was not sent, unless somebody else has claimed it since.

    Parameters
    ----------
    error : str
        Why, without a secret.
    not_before : datetime
        When it may be tried again.
    perhaps_sent : bool
        Whether it may have been taken all the same.
    for_good : bool
        Whether it is never tried again.
    """
    values: dict[str, object] = {
        "state": "abandoned" if for_good else "pending",
        "not_before": not_before,
        "last_error": error,
    }
    if perhaps_sent:
        values["may_repeat"] = True
    connection.execute(
        sa.update(table)
        .where(_is(chosen, target), table.c.state == "sending", table.c.attempts == chosen.attempts + 1)
        .values(values)
    )


def abandon(connection: sa.Connection, target: Target, before: dt.datetime) -> int:
    """Give up the pending alerts that were queued before an instant, and return how many there were."""
    done = connection.execute(_pending(target).where(table.c.created_at < before).values(state="abandoned"))
    return done.rowcount


def mark_logged(connection: sa.Connection, target: Target) -> int:
    """Note that there is nobody to send the pending alerts to, and return how many there were."""
    return connection.execute(_pending(target).values(state="logged")).rowcount


def _pending(target: Target) -> sa.Update:
    return sa.update(table).where(table.c.target == target, table.c.state == "pending")


def _is(chosen: OpenAlert, target: Target) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.alert_key == chosen.alert.key, table.c.target == target)
