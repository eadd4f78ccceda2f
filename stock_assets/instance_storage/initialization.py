"""Make Dagster's tables, or bring them up to date, in one step before any of its processes starts."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, cast

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from stock_assets.errors import StorageError
from stock_assets.instance_storage.database import InstanceDatabase
from stock_assets.instance_storage.locks import schema_lock
from stock_assets.instance_storage.mysql_server import (
    require_character_set,
    require_character_set_of_tables,
    require_privileges,
    widen_columns,
)
from stock_assets.instance_storage.revisions import newest_revision, note_newest_revision, stored_revision
from stock_assets.instance_storage.storage import Storages, open_storages
from stock_assets.instance_storage.tables import TableSet, create_missing, missing_parts, table_sets
from stock_assets.settings import Settings

_LOGGER = logging.getLogger(__name__)


class _Upgradable(Protocol):
    """What each of Dagster's SQL storages has, and their common base class does not declare."""

    def upgrade(self) -> None: ...


def initialize(settings: Settings) -> None:
    """Create or migrate the tables of Dagster's own storage, and check that nothing is missing.

    Running it again changes nothing, and after a kill it goes on where that one stopped. Of several processes
    at once, one does the work and the others wait.

    Parameters
    ----------
    settings : Settings
        Names the state folder and the database.

    Raises
    ------
    ConfigurationError
        If the database URL cannot be used.
    StorageError
        If the server cannot be reached, its character set or the account's privileges do not do, the tables
        are damaged or newer than the installed Dagster, or something is missing after all; the message says
        what to do.
    """
    database = InstanceDatabase.choose(settings.state_dir, settings.database_url)
    with _explained(database):
        _locked(database, lambda: _initialize(database))


def check_server(settings: Settings) -> None:
    """Check that a MySQL server allows what `initialize` needs, before whoever calls makes tables of its own.

    Raises
    ------
    ConfigurationError, StorageError
        As `initialize`. On SQLite there is nothing to check.
    """
    database = InstanceDatabase.choose(settings.state_dir, settings.database_url)
    if database.mysql_url is not None:
        # Of several processes at once, one tries its table and the others wait.
        with _explained(database):
            _locked(database, lambda: require_server(database, table_sets(database)))


def _locked(database: InstanceDatabase, work: Callable[[], None]) -> None:
    """Do the work while nobody else does; again if the server goes away meanwhile, as it may restart."""

    def work_alone() -> None:
        with schema_lock(database):
            work()

    if database.mysql_url is None:
        work_alone()
    else:
        # Imported here, since it needs dagster-mysql.
        from stock_assets.instance_storage.mysql_connections import again_while_away

        again_while_away(work_alone)


@contextmanager
def _explained(database: InstanceDatabase) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise StorageError(
            f"Dagster's tables in {database.describe()} could not be made or migrated ({cause}); put right "
            "what this names, then run the initialisation again."
        ) from error


def _initialize(database: InstanceDatabase) -> None:
    parts = table_sets(database)
    for tables in parts:
        if tables.exists:
            stored_revision(tables.engine)
    if database.mysql_url is not None:
        require_server(database, parts)
    storages = open_storages(database)
    for tables, part in zip(parts, (storages.runs, storages.event_log, storages.schedules), strict=True):
        _bring_up_to_date(tables, cast(_Upgradable, part))
    _migrate_data(storages)
    if database.mysql_url is not None:
        with database.mysql_engine().begin() as connection:
            widen_columns(connection)
    missing = [lack for tables in parts for lack in missing_parts(tables)]
    if missing:
        raise StorageError(
            f"Dagster's tables in {database.describe()} lack {', '.join(missing)}, which could not be added: "
            "restore a backup, or, if Dagster's history of runs may be lost, remove its tables or files; "
            "then run the initialisation again."
        )


def require_server(database: InstanceDatabase, parts: list[TableSet]) -> None:
    """Check that a MySQL server lets Dagster's tables be made and keeps text of any language in them.

    Raises
    ------
    StorageError
        If not; the message says what to do.
    """
    tables = [name for part in parts for name in part.metadata.tables]
    with database.mysql_engine().begin() as connection:
        require_character_set(connection)
        require_character_set_of_tables(connection, tables)
        require_privileges(connection)


def _bring_up_to_date(tables: TableSet, storage: _Upgradable) -> None:
    revision = stored_revision(tables.engine)
    if revision is not None and revision != newest_revision():
        _LOGGER.info("Migrating the tables of %s from revision %s", type(storage).__name__, revision)
        storage.upgrade()
    with tables.engine.begin() as connection:
        create_missing(tables, connection)
        if revision is None:
            note_newest_revision(connection)


def _migrate_data(storages: Storages) -> None:
    """Fill columns that migrations added; what is done already is skipped."""
    storages.runs.migrate()
    storages.runs.optimize()
    storages.event_log.reindex_events()
    storages.event_log.reindex_assets()
    storages.schedules.migrate()
    storages.schedules.optimize()
