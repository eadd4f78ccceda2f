"""The rows of Dagster's event log tables as they lie in the database."""

from pathlib import Path

import sqlalchemy as sa
from dagster._core.storage.event_log import (
    SqlEventLogStorage,
    SqlEventLogStorageMetadata,
    SqliteEventLogStorage,
)
from dagster_mysql import MySQLEventLogStorage

# Set by the database's clock, and a cache that reading fills.
_IGNORED = {"create_timestamp", "cached_status_data"}
_TABLES = ("event_logs", "asset_keys", "asset_event_tags", "asset_check_executions")

Rows = dict[str, list[dict[str, object]]]


def stored_rows(log: SqlEventLogStorage) -> Rows:
    """Return all rows, table by table, and on SQLite file by file: the index, then the runs."""
    if isinstance(log, SqliteEventLogStorage):
        folder = Path(log.path_for_shard("index")).parent
        rows = _rows_of(f"sqlite:///{folder / 'index.db'}", _TABLES)
        for file in sorted(folder.glob("*-*.db")):
            rows[file.name] = _rows_of(f"sqlite:///{file}", ("event_logs",))["event_logs"]
        return rows
    assert isinstance(log, MySQLEventLogStorage)
    rows = _rows_of(log.mysql_url, _TABLES)
    # An upsert that finds its row uses up an id all the same, so ids of assets tell their order only.
    for position, row in enumerate(rows["asset_keys"]):
        row["id"] = position
    return rows


def _rows_of(url: str, tables: tuple[str, ...]) -> Rows:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    rows: Rows = {}
    with engine.connect() as connection:
        for name in tables:
            table = SqlEventLogStorageMetadata.tables[name]
            columns = [column for column in table.columns if column.name not in _IGNORED]
            found = connection.execute(sa.select(*columns).order_by(table.c.id)).mappings()
            rows[name] = [dict(row) for row in found]
    return rows
