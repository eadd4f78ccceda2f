"""What Dagster's tables must look like, and what a database lacks of that."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dagster._core.storage.event_log import SqlEventLogStorageMetadata
from dagster._core.storage.runs.schema import RunStorageSqlMetadata
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata
from sqlalchemy import Index, MetaData, NullPool, Table, create_engine, inspect
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.reflection import Inspector

from stock_assets.instance_storage.database import InstanceDatabase
from stock_assets.instance_storage.revisions import VERSION_TABLE


@dataclass(frozen=True)
class TableSet:
    """The tables of one of Dagster's storages and the database that holds them."""

    metadata: MetaData
    engine: Engine

    @property
    def exists(self) -> bool:
        """Whether there is a database to connect to: connecting to an SQLite file would create it."""
        return self.engine.dialect.name != "sqlite" or Path(self.engine.url.database or "").exists()


def table_sets(database: InstanceDatabase) -> list[TableSet]:
    """Return the tables of runs, event log and schedules: three SQLite files or one MySQL database."""
    if database.mysql_url is not None:
        engine = database.mysql_engine()
        return [TableSet(metadata, engine) for metadata in _files(database.state_dir)]
    return [
        TableSet(metadata, create_engine(f"sqlite:///{path}", poolclass=NullPool))
        for metadata, path in _files(database.state_dir).items()
    ]


def _files(state_dir: Path) -> dict[MetaData, Path]:
    history = state_dir / "history"
    return {
        RunStorageSqlMetadata: history / "runs.db",
        SqlEventLogStorageMetadata: history / "runs" / "index.db",
        ScheduleStorageSqlMetadata: state_dir / "schedules" / "schedules.db",
    }


def missing_parts(tables: TableSet) -> list[str]:
    """Return what the database lacks: tables, columns, indexes, uniqueness, in words for a message."""
    inspector = inspect(tables.engine)
    present = set(inspector.get_table_names())
    missing = [f"table {name}" for name in (*tables.metadata.tables, VERSION_TABLE) if name not in present]
    for name, table in tables.metadata.tables.items():
        if name in present:
            missing.extend(_missing_columns(inspector, table))
            missing.extend(f"index {index.name} on {name}" for index in _missing_indexes(inspector, table))
            missing.extend(_missing_uniqueness(inspector, table))
    return missing


def create_missing(tables: TableSet, connection: Connection) -> None:
    """Create the tables and indexes that an interrupted or powerless earlier creation left out."""
    tables.metadata.create_all(connection)
    inspector = inspect(connection)
    for table in tables.metadata.tables.values():
        for index in _missing_indexes(inspector, table):
            index.create(connection)


def _missing_columns(inspector: Inspector, table: Table) -> Iterator[str]:
    present = {column["name"] for column in inspector.get_columns(table.name)}
    yield from (
        f"column {table.name}.{column.name}" for column in table.columns if column.name not in present
    )


def _missing_indexes(inspector: Inspector, table: Table) -> list[Index]:
    present = {index["name"] for index in inspector.get_indexes(table.name)}
    return sorted((index for index in table.indexes if index.name not in present), key=lambda i: str(i.name))


def _missing_uniqueness(inspector: Inspector, table: Table) -> Iterator[str]:
    unique = [tuple(index["column_names"]) for index in inspector.get_indexes(table.name) if index["unique"]]
    unique += [tuple(found["column_names"]) for found in inspector.get_unique_constraints(table.name)]
    for column in table.columns:
        if column.unique and (column.name,) not in unique:
            yield f"uniqueness of {table.name}.{column.name}"
