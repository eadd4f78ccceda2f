"""``run_workers``: which runs live, and that an older run never overwrites a newer one.

A run is numbered before it reads anything. Of two runs, the one with the lower number may have read
older prices: what the other one has written stands. A run that was declared dead, or told to end, writes
nothing any more, should one of its processes wake up after all.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy import exc

from stock_assets.errors import OutdatedRun, StorageError
from stock_assets.processes import ProcessIdentity
from stock_assets.storage.engine import describe, is_mysql
from stock_assets.storage.partitions import select_days
from stock_assets.storage.schema import deployment, run_workers


@dataclass(frozen=True)
class RunWorker:
    """The process that executes a run.

    Attributes
    ----------
    process : ProcessIdentity
    heartbeat_at : datetime
        When it was last known to live.
    heartbeat_age : timedelta
        How long ago that is, by the clock that all processes share.
    ended : bool
        Whether it has ended or was told to.
    """

    process: ProcessIdentity
    heartbeat_at: dt.datetime
    heartbeat_age: dt.timedelta
    ended: bool


def register_run(connection: sa.Connection, run_id: str, process: ProcessIdentity | None = None) -> int:
    """Give a run its number, unless it has one, and note the process that executes it.

    Parameters
    ----------
    connection : Connection
        The caller's transaction. Others that number or fence wait until it ends.
    run_id : str
    process : ProcessIdentity, optional
        None if nobody watches it: what a program of its own writes with the functions of this package.

    Returns
    -------
    int
        The run's number.
    """
    _wait_for_writers(connection)
    table = run_workers
    number = connection.execute(sa.select(table.c.number).where(table.c.run_id == run_id)).scalar()
    if number is None:
        number = connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.number), 0))).scalar_one()
        number += 1
        connection.execute(sa.insert(table).values(run_id=run_id, number=number))
    if process is not None:
        fields = asdict(process)
        fields["process_start"] = fields.pop("start")
        connection.execute(
            sa.update(table).where(table.c.run_id == run_id).values(**fields, heartbeat_at=_now(connection))
        )
    return number


def beat(engine: sa.Engine, run_id: str) -> bool:
    """Note that a run's process lives; return False if the run has been ended and must write no more.

    Raises
    ------
    StorageError
        If the database does not take it.
    """
    table = run_workers
    try:
        with engine.begin() as connection:
            changed = connection.execute(
                sa.update(table)
                .where(table.c.run_id == run_id, table.c.ended_at.is_(None))
                .values(heartbeat_at=_now(connection))
            )
            return changed.rowcount > 0
    except exc.SQLAlchemyError as error:
        raise StorageError(
            f"The heartbeat of the run {run_id} was not written to {describe(engine)} ({error}); if that "
            "goes on for minutes, the run counts as dead: put right what this names."
        ) from error


def end_run(connection: sa.Connection, run_id: str) -> None:
    """Let a run write nothing from now on; one that was never seen gets its number by that."""
    register_run(connection, run_id)
    table = run_workers
    connection.execute(
        sa.update(table)
        .where(table.c.run_id == run_id, table.c.ended_at.is_(None))
        .values(ended_at=_now(connection))
    )


def find_worker(connection: sa.Connection, run_id: str) -> RunWorker | None:
    """Return the process of a run, or None if none was ever noted."""
    table = run_workers
    row = connection.execute(sa.select(table).where(table.c.run_id == run_id)).mappings().one_or_none()
    if row is None or row["heartbeat_at"] is None:
        return None
    process = ProcessIdentity(row["host"], row["boot"], row["pid"], row["process_start"])
    beaten = row["heartbeat_at"]
    return RunWorker(process, beaten, _now(connection) - beaten, row["ended_at"] is not None)


def forget_runs(connection: sa.Connection, run_ids: Sequence[str]) -> None:
    """Delete the rows of runs that have ended long ago; every run that comes counts as newer than they."""
    connection.execute(sa.delete(run_workers).where(run_workers.c.run_id.in_(run_ids)))


def fence_run(connection: sa.Connection, run_id: str) -> None:
    """Refuse a run that may not write any more, and keep other writers out until the transaction ends.

    Raises
    ------
    OutdatedRun
        If the run was declared dead or told to end.
    """
    _number_of_writer(connection, run_id)


def fence_days(
    connection: sa.Connection,
    run_id: str,
    column: sa.Column,
    days: Sequence[dt.date],
    *conditions: sa.ColumnElement[bool],
) -> None:
    """Refuse a run that would replace rows of a newer one, as `fence_run` does and before any is deleted.

    Parameters
    ----------
    column : Column
        The table's column of days.
    days : sequence of date
        Days whose rows are about to be replaced, those for which the conditions hold.

    Raises
    ------
    OutdatedRun
        If a run that began later has written one of the rows, or the run may not write any more.
    """
    table = column.table
    # The lock comes first: the rows are read as the last writer left them.
    number = _number_of_writer(connection, run_id)
    statement = sa.select(column, table.c.run_id).distinct().where(table.c.run_id != run_id, *conditions)
    found = {row["run_id"]: row[column.name] for row in select_days(connection, statement, column, days)}
    _refuse_newer(
        connection, run_id, number, {other: f"{table.name} of {day}" for other, day in found.items()}
    )


def fence_rows(connection: sa.Connection, run_id: str, written_by: Mapping[str, str]) -> None:
    """Refuse a run that would replace rows of a newer one, when the caller has read them in this transaction.

    Parameters
    ----------
    written_by : mapping of str to str
        What is about to be replaced, for the message, by the run that wrote it.

    Raises
    ------
    OutdatedRun
        As `fence_days`.
    """
    _refuse_newer(connection, run_id, _number_of_writer(connection, run_id), written_by)


def _number_of_writer(connection: sa.Connection, run_id: str) -> int:
    number = register_run(connection, run_id)
    ended = connection.execute(
        sa.select(run_workers.c.ended_at).where(run_workers.c.run_id == run_id)
    ).scalar_one()
    if ended is not None:
        raise OutdatedRun(
            f"The run {run_id} was ended at {ended:%Y-%m-%d %H:%M} UTC and may write nothing since; start "
            "another one."
        )
    return number


def _refuse_newer(connection: sa.Connection, run_id: str, number: int, written_by: Mapping[str, str]) -> None:
    table = run_workers
    others: Collection[str] = sorted(set(written_by) - {run_id})
    newer = connection.execute(
        sa.select(table.c.run_id)
        .where(table.c.run_id.in_(others), table.c.number > number)
        .order_by(table.c.number.desc())
        .limit(1)
    ).scalar()
    if newer is not None:
        raise OutdatedRun(
            f"{written_by[newer]} was written by the run {newer}, which began after {run_id}: what the older "
            "one would write is outdated; start another one."
        )


def _wait_for_writers(connection: sa.Connection) -> None:
    """Hold the one lock of all writers: on SQLite every transaction does so from its start."""
    connection.execute(sa.select(deployment.c.universe).with_for_update())


def _now(connection: sa.Connection) -> dt.datetime:
    """Return the time by the clock that all processes which share the database have in common."""
    if not is_mysql(connection):
        return dt.datetime.now(dt.UTC)
    return connection.execute(sa.select(sa.func.utc_timestamp(6))).scalar_one().replace(tzinfo=dt.UTC)
