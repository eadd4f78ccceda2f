"""``headlines`` and ``headline_collections``: what feeds held, and when it was looked for."""

import datetime as dt

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite

from stock_assets.storage.engine import is_mysql
from stock_assets.storage.rows import Record, read_frame, to_records
from stock_assets.storage.schema import headline_collections, headlines

#: Rows of one statement: half a megabyte at the longest titles and links.
_ROWS_PER_STATEMENT = 50


def add_headlines(connection: sa.Connection, items: pd.DataFrame, *, first_seen_at: dt.datetime) -> int:
    """Store the items that are not there yet, and leave the others as they are.

    Of two writers of the same item at the same time, one stores it.

    Parameters
    ----------
    connection : Connection
        The caller's transaction.
    items : DataFrame, shape (n_items, 6)
        ``hash``, ``instrument`` (may be missing), ``feed``, ``title``, ``link`` and ``published_at`` (may
        be missing).
    first_seen_at : datetime
        Now, with a time zone, and not before the items were read.

    Returns
    -------
    int
        How many were stored.

    Raises
    ------
    InvalidRow
        For a row that the table cannot hold, or a hash that occurs twice.
    """
    records = to_records(items, headlines, {"first_seen_at": first_seen_at})
    records.sort(key=lambda record: record["hash"])
    stored = 0
    for start in range(0, len(records), _ROWS_PER_STATEMENT):
        part = records[start : start + _ROWS_PER_STATEMENT]
        known = _stored_hashes(connection, part)
        connection.execute(_insert_if_absent(connection, headlines, part))
        stored += len(_stored_hashes(connection, part, first_seen_at) - known)
    return stored


def add_collections(connection: sa.Connection, collections: pd.DataFrame) -> None:
    """Store attempts to read feeds; one of the same feed at the same instant is stored already.

    Parameters
    ----------
    connection : Connection
        The caller's transaction.
    collections : DataFrame, shape (n_collections, 7)
        Columns of the table ``headline_collections``; ``error`` and ``run_id`` may be missing.

    Raises
    ------
    InvalidRow
        For a row that the table cannot hold.
    """
    records = to_records(collections, headline_collections)
    for start in range(0, len(records), _ROWS_PER_STATEMENT):
        part = records[start : start + _ROWS_PER_STATEMENT]
        connection.execute(_insert_if_absent(connection, headline_collections, part))


def read_headlines(connection: sa.Connection, after: dt.datetime, until: dt.datetime) -> pd.DataFrame:
    """Return the items first seen after one instant and not after another.

    Returns
    -------
    DataFrame, shape (n_items, 7)
        Columns of the table ``headlines``, in the order of ``first_seen_at`` and ``hash``.
    """
    return read_frame(connection, _between(sa.select(headlines), after, until))


def read_sightings(connection: sa.Connection, after: dt.datetime, until: dt.datetime) -> pd.DataFrame:
    """Return of the items that ``read_headlines`` returns no more than what they are counted by.

    Returns
    -------
    DataFrame, shape (n_items, 2)
        ``first_seen_at`` and ``instrument`` (missing if of none), in the same order.
    """
    columns = sa.select(headlines.c.first_seen_at, headlines.c.instrument)
    return read_frame(connection, _between(columns, after, until))


def read_collections(connection: sa.Connection, after: dt.datetime, until: dt.datetime) -> pd.DataFrame:
    """Return the attempts to read feeds after one instant and not after another.

    Returns
    -------
    DataFrame, shape (n_collections, 7)
        Columns of the table ``headline_collections``, in the order of its key.
    """
    table = headline_collections
    statement = (
        sa.select(table)
        .where(table.c.collected_at > after, table.c.collected_at <= until)
        .order_by(*table.primary_key)
    )
    return read_frame(connection, statement)


def _between(statement: sa.Select, after: dt.datetime, until: dt.datetime) -> sa.Select:
    seen = headlines.c.first_seen_at
    return statement.where(seen > after, seen <= until).order_by(seen, headlines.c.hash)


def _insert_if_absent(connection: sa.Connection, table: sa.Table, records: list[Record]) -> sa.Insert:
    """Return a statement that adds the rows whose key is not there and touches nothing else.

    MySQL's INSERT IGNORE would do so too, but lets other errors pass as well and stores what does not fit
    cut short.
    """
    key = [column.name for column in table.primary_key]
    if is_mysql(connection):
        return mysql.insert(table).values(records).on_duplicate_key_update({key[0]: table.c[key[0]]})
    return sqlite.insert(table).values(records).on_conflict_do_nothing(index_elements=key)


def _stored_hashes(
    connection: sa.Connection, records: list[Record], first_seen_at: dt.datetime | None = None
) -> set[str]:
    statement = sa.select(headlines.c.hash).where(
        headlines.c.hash.in_([record["hash"] for record in records])
    )
    if first_seen_at is not None:
        statement = statement.where(headlines.c.first_seen_at == first_seen_at)
    return set(connection.execute(statement).scalars())
