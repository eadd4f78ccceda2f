"""Look at Dagster's tables without making or changing any."""

from typing import Literal

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from stock_assets.errors import StorageError
from stock_assets.instance_storage.database import InstanceDatabase
from stock_assets.instance_storage.initialization import require_server
from stock_assets.instance_storage.locks import schema_lock
from stock_assets.instance_storage.revisions import newest_revision, stored_revision
from stock_assets.instance_storage.tables import missing_parts, table_sets
from stock_assets.settings import Settings

_LOCK_SECONDS = 10

TablesState = Literal["absent", "outdated", "current"]


def inspect_tables(settings: Settings) -> TablesState:
    """Return whether Dagster's tables are there, and whether they are those of the installed Dagster.

    On MySQL, what the server must allow is tried with a table that is gone afterwards. On SQLite, nothing is
    created.

    Parameters
    ----------
    settings : Settings
        Names the state folder and the database.

    Returns
    -------
    TablesState
        ``outdated`` too if an interrupted initialisation has made a part of them: `initialize` mends that.

    Raises
    ------
    ConfigurationError
        If the database URL cannot be used.
    StorageError
        If the server cannot be reached, its character set or the account's privileges do not do, or the
        tables are damaged or newer than the installed Dagster; the message says what to do.
    """
    database = InstanceDatabase.choose(settings.state_dir, settings.database_url)
    try:
        parts = table_sets(database)
        if database.mysql_url is not None:
            # Whoever else tries its table, an initialisation that goes on, waits.
            with schema_lock(database, _LOCK_SECONDS):
                require_server(database, parts)
        revisions = [stored_revision(tables.engine) if tables.exists else None for tables in parts]
        if not any(revisions):
            return "absent"
        if any(revision != newest_revision() for revision in revisions):
            return "outdated"
        return "outdated" if any(missing_parts(tables) for tables in parts) else "current"
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise StorageError(
            f"Dagster's tables in {database.describe()} cannot be read ({cause}); put right what this names: "
            "the server, the account, STOCK_ASSETS_DATABASE_URL or the file."
        ) from error
