"""``run_attempts`` and ``day_notices``: what the daemon has requested and said by itself."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

import sqlalchemy as sa

from stock_assets.storage.schema import day_notices, run_attempts

RunKind = Literal["history", "daily", "training"]
Result = Literal["succeeded", "failed", "waiting"]
Notice = Literal["watched", "closed", "late", "recovered", "complete"]


@dataclass(frozen=True)
class RunAttempt:
    """A run that was requested.

    Attributes
    ----------
    kind : str
        history, daily or training.
    day : date
        Trading day, cutoff, or for the history the universe's first day.
    attempt : int
        From 1.
    requested_at : datetime
    finished_at : datetime or None
        When its end was seen.
    result : str or None
        None as long as its end was not seen.
    tries : int
        Runs and repeated steps that it took, once its end was seen; 0 if it counts as none.
    run_id : str or None
        The last Dagster run of it.
    """

    kind: RunKind
    day: dt.date
    attempt: int
    requested_at: dt.datetime
    finished_at: dt.datetime | None = None
    result: Result | None = None
    tries: int = 0
    run_id: str | None = None

    @property
    def key(self) -> str:
        """The run's key: one that has failed is never requested again."""
        return f"{self.kind}/{self.day}/{self.attempt}"


def read_attempts(connection: sa.Connection, kind: RunKind, first: dt.date) -> list[RunAttempt]:
    """Return the requested runs of a kind from a day on, in the order of their days and attempts."""
    table = run_attempts
    statement = (
        sa.select(table).where(table.c.kind == kind, table.c.date >= first).order_by(*table.primary_key)
    )
    return [RunAttempt(*row) for row in connection.execute(statement)]


def failed_requests_before(connection: sa.Connection, key: str) -> list[str]:
    """Return the keys of the requests of the same thing just before one that all failed, newest first.

    Parameters
    ----------
    key : str
        As ``RunAttempt.key`` gives it.
    """
    kind, day, attempt = key.split("/")
    table = run_attempts
    statement = (
        sa.select(table)
        .where(table.c.kind == kind, table.c.date == dt.date.fromisoformat(day))
        .where(table.c.attempt < int(attempt))
        .order_by(table.c.attempt.desc())
    )
    attempts = [RunAttempt(*row) for row in connection.execute(statement)]
    return [one.key for one in takewhile(lambda one: one.result == "failed", attempts)]


def write_attempts(connection: sa.Connection, attempts: Iterable[RunAttempt]) -> None:
    """Store requested runs, in place of those with the same key."""
    table = run_attempts
    for one in attempts:
        same = (table.c.kind == one.kind, table.c.date == one.day, table.c.attempt == one.attempt)
        connection.execute(sa.delete(table).where(*same))
        connection.execute(
            sa.insert(table).values(
                kind=one.kind,
                date=one.day,
                attempt=one.attempt,
                requested_at=one.requested_at,
                finished_at=one.finished_at,
                result=one.result,
                tries=one.tries,
                run_id=one.run_id,
            )
        )


def read_notices(connection: sa.Connection, first: dt.date) -> dict[tuple[dt.date, str], dt.datetime]:
    """Return when something was said of the days from ``first`` on, by day and kind; "watched" of any day."""
    table = day_notices
    statement = sa.select(table).where(sa.or_(table.c.date >= first, table.c.kind == "watched"))
    return {(day, kind): noticed_at for day, kind, noticed_at in connection.execute(statement)}


def write_notices(
    connection: sa.Connection, notices: Iterable[tuple[dt.date, Notice]], noticed_at: dt.datetime
) -> None:
    """Store what was said; what was said before keeps its time."""
    table = day_notices
    for day, kind in notices:
        known = sa.select(table.c.date).where(table.c.date == day, table.c.kind == kind)
        if connection.execute(known).first() is None:
            connection.execute(sa.insert(table).values(date=day, kind=kind, noticed_at=noticed_at))
