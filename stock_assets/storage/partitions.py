"""Bulk statements: rows in, and the rows of some days out, in a few statements for any number of days."""

import datetime as dt
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import pandas as pd
import sqlalchemy as sa

from stock_assets.errors import InvalidRow
from stock_assets.storage.engine import is_mysql
from stock_assets.storage.rows import Record, describe_key

#: Rows of one INSERT.
_ROWS_PER_INSERT = 500
#: A server counts in UTF-8 bytes, and a statement repeats a text with its quotes escaped.
_BYTES_PER_CHARACTER = 4
#: Characters of a value that is no text, with its comma: an instant with microseconds, a double in full.
_CHARACTERS_PER_VALUE = 30
_MAX_STATEMENT_CHARACTERS = 1_000_000
#: Days of one IN list: two years in one statement, far under SQLite's bound on variables.
_DAYS_PER_STATEMENT = 500

_Item = TypeVar("_Item")


def plain_dates(days: Iterable[dt.date | pd.Timestamp]) -> list[dt.date]:
    """Return the days as plain dates, each once and in order."""
    return sorted({pd.Timestamp(day).date() for day in days})


def insert_rows(connection: sa.Connection, table: sa.Table, records: Sequence[Record]) -> None:
    """Add rows in the order of their key, in statements that the server's packets can hold."""
    names = [column.name for column in table.primary_key]
    ordered = sorted(records, key=lambda record: [record[name] for name in names])
    for part in _statements(ordered, _statement_characters(connection)):
        connection.execute(sa.insert(table), part)


def delete_days(
    connection: sa.Connection, column: sa.Column, days: Sequence[dt.date], *conditions: sa.ColumnElement[bool]
) -> None:
    """Delete the rows of exactly these days for which the conditions hold."""
    for part in _parts(days, _DAYS_PER_STATEMENT):
        connection.execute(sa.delete(column.table).where(column.in_(part), *conditions))


def select_days(
    connection: sa.Connection, statement: sa.Select, column: sa.Column, days: Sequence[dt.date]
) -> list[sa.RowMapping]:
    """Return the rows of exactly these days that the statement selects."""
    return [
        row
        for part in _parts(days, _DAYS_PER_STATEMENT)
        for row in connection.execute(statement.where(column.in_(part))).mappings()
    ]


def refuse_others(
    records: Iterable[Record], column: sa.Column, written: Collection[dt.date] | Collection[str]
) -> None:
    """Raise ``InvalidRow`` if a row's value of ``column`` is none of those whose rows are replaced."""
    for record in records:
        if record[column.name] not in written:
            raise InvalidRow(
                f"{column.table.name} at {describe_key(record, column.table)}: {column.name} "
                f"{record[column.name]} is none of the {len(written)} that are written; pass it too."
            )


def _statement_characters(connection: sa.Connection) -> int:
    if not is_mysql(connection):
        return _MAX_STATEMENT_CHARACTERS
    packet = connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar_one()
    return min(int(packet) // _BYTES_PER_CHARACTER, _MAX_STATEMENT_CHARACTERS)


def _statements(records: Iterable[Record], max_characters: int) -> Iterator[list[Record]]:
    """Split rows into lists of at most so many characters together, or of one row alone that is longer."""
    part: list[Record] = []
    characters = 0
    for record in records:
        longer = sum(map(_characters, record.values()))
        if part and (characters + longer > max_characters or len(part) == _ROWS_PER_INSERT):
            yield part
            part, characters = [], 0
        part.append(record)
        characters += longer
    if part:
        yield part


def _characters(value: object) -> int:
    if isinstance(value, (str, bytes)):
        return len(value) + 4
    if isinstance(value, (Mapping, list, tuple)):
        return len(json.dumps(value, ensure_ascii=False)) + 4
    return _CHARACTERS_PER_VALUE


def _parts(items: Sequence[_Item], size: int) -> Iterator[list[_Item]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
