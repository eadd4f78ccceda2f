"""Copy the rows of all tables from one database into another one, and prove that they are the same.

The copy can end anywhere: every batch is a transaction of its own, and what is there already is held against
the source, never written twice. So a second call goes on where the first one stopped, and gives the same.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import sqlalchemy as sa
from sqlalchemy import exc

from stock_assets.errors import StorageError
from stock_assets.storage.engine import describe, keep_while_idle, read_transaction
from stock_assets.storage.migrate import require_current
from stock_assets.storage.partitions import insert_rows
from stock_assets.storage.rows import describe_key
from stock_assets.storage.schema import deployment, metadata

#: Rows that are in memory at once, of each database.
BATCH_ROWS = 1000

#: All tables but the one row that says whose database it is, and when its own tables were made.
COPIED_TABLES = tuple(table for table in metadata.sorted_tables if table is not deployment)

#: Told the name of a table and how many of its rows the target has, and the source, after each batch.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class CopiedTable:
    """A table that both databases hold alike.

    Attributes
    ----------
    name : str
    rows : int
        Rows of the table.
    copied : int
        Those among them that the target did not have before.
    sha256 : str
        Digest of all rows in the order of their key, each value to its last bit, hexadecimal.
    """

    name: str
    rows: int
    copied: int
    sha256: str


def copy_tables(
    source: sa.Engine, target: sa.Engine, universe: str, progress: Progress = lambda *_: None
) -> tuple[CopiedTable, ...]:
    """Copy all rows that the target lacks, then read both databases whole and compare them.

    Both have the tables of this version. The source is read as it is at one moment. Model artefacts and
    Dagster's own tables are not copied.

    Parameters
    ----------
    source, target : Engine
    universe : str
        The universe that both serve.
    progress : callable, optional

    Returns
    -------
    tuple of CopiedTable
        Every table but ``deployment``.

    Raises
    ------
    StorageError
        If one of them serves another universe or has other tables, if the target holds a row that the source
        does not have (nothing has been written then), if the connection is lost, or if the tables differ
        after all.
    """
    for engine in (source, target):
        require_current(engine, universe)
    try:
        with read_transaction(source) as reading:
            for table in COPIED_TABLES:
                _refuse_other_rows(reading, target, table)
            copied = [_copy_table(reading, target, table, progress) for table in COPIED_TABLES]
            return tuple(
                _verified(reading, target, table, count)
                for table, count in zip(COPIED_TABLES, copied, strict=True)
            )
    except exc.DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise StorageError(
            f"The connection to {describe(target)} was lost ({error.orig}); what was copied is kept: run the "
            "same command again, and it goes on from there."
        ) from error


def _refuse_other_rows(reading: sa.Connection, target: sa.Engine, table: sa.Table) -> None:
    with read_transaction(target) as theirs:
        if next(_rows(theirs, table), None) is None:
            return
        for _ in _missing(_rows(reading, table), _rows(theirs, table), table, target):
            pass


def _copy_table(reading: sa.Connection, target: sa.Engine, table: sa.Table, progress: Progress) -> int:
    """Return the number of rows that were added."""
    total = reading.execute(_count(table)).scalar_one()
    with read_transaction(target) as theirs:
        # It says nothing while the last rows are written, which takes minutes.
        keep_while_idle(theirs)
        there = theirs.execute(_count(table)).scalar_one()
        missing = _missing(_rows(reading, table), _rows(theirs, table), table, target)
        added = 0
        progress(table.name, there, total)
        while batch := list(islice(missing, BATCH_ROWS)):
            with target.begin() as connection:
                insert_rows(connection, table, [dict(row) for row in batch])
            added += len(batch)
            progress(table.name, there + added, total)
    return added


def _missing(
    ours: Iterator[sa.RowMapping], theirs: Iterator[sa.RowMapping], table: sa.Table, target: sa.Engine
) -> Iterator[sa.RowMapping]:
    """Give the rows of the source that the target lacks.

    Raises
    ------
    StorageError
        As soon as both are read, for a row of the target that is none of the source's.
    """
    other = next(theirs, None)
    for row in ours:
        if other is not None and _text(row) == _text(other):
            other = next(theirs, None)
        else:
            yield row
    if other is not None:
        raise StorageError(
            f"The database {describe(target)} holds a row of {table.name} that is not copied from here, "
            f"{describe_key({**other}, table)}; copy into an empty database, or remove this one's tables."
        )


def _verified(reading: sa.Connection, target: sa.Engine, table: sa.Table, copied: int) -> CopiedTable:
    with read_transaction(target) as theirs:
        ours, copy = (_digest(_rows(connection, table)) for connection in (reading, theirs))
    if ours != copy:
        raise StorageError(
            f"{table.name} is not the same after copying: {ours[0]} rows with the digest {ours[1][:12]} "
            f"here, {copy[0]} with {copy[1][:12]} in {describe(target)}; do not use that database, "
            "and report this as an error of the package, unless something else has written to it meanwhile."
        )
    return CopiedTable(table.name, ours[0], copied, ours[1])


def _digest(rows: Iterator[sa.RowMapping]) -> tuple[int, str]:
    """Return the number of rows and the digest of all of them."""
    count, digest = 0, hashlib.sha256()
    for row in rows:
        digest.update(_text(row).encode())
        count += 1
    return count, digest.hexdigest()


def _text(row: sa.RowMapping) -> str:
    """Return a text that differs if one bit of the row does."""
    return repr(tuple(row.values()))


def _count(table: sa.Table) -> sa.Select:
    return sa.select(sa.func.count()).select_from(table)


def _rows(connection: sa.Connection, table: sa.Table) -> Iterator[sa.RowMapping]:
    """Give all rows in the order of the key, read in batches: the MySQL driver cannot stream."""
    key = list(table.primary_key)
    statement = sa.select(table).order_by(*key).limit(BATCH_ROWS)
    batch = connection.execute(statement).mappings().all()
    while batch:
        yield from batch
        last = batch[-1]
        batch = connection.execute(statement.where(_after(key, last))).mappings().all()


def _after(key: Sequence[sa.Column], last: sa.RowMapping) -> sa.ColumnElement[bool]:
    """Return the condition that a row's key comes after another row's.

    MariaDB finds no place in an index by (a, b) > (x, y); by the first column's bound it does.
    """
    steps = [
        sa.and_(*(before == last[before.name] for before in key[:place]), column > last[column.name])
        for place, column in enumerate(key)
    ]
    return sa.and_(key[0] >= last[key[0].name], sa.or_(*steps))
