"""The version of Dagster's tables, as its migrations note it in ``alembic_version``."""

from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from dagster._core.storage.sql import ALEMBIC_SCRIPTS_LOCATION
from sqlalchemy import inspect
from sqlalchemy.engine import Connection, Engine

from stock_assets.errors import StorageError

VERSION_TABLE = "alembic_version"


def stored_revision(engine: Engine) -> str | None:
    """Return the revision of the tables of a database, None if it notes none.

    Raises
    ------
    StorageError
        If it notes two, which several processes that made the tables at once leave behind, or one that the
        installed Dagster does not know.
    """
    where = engine.url.render_as_string(hide_password=True)
    with engine.connect() as connection:
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        heads = MigrationContext.configure(connection).get_current_heads()
    if len(heads) > 1:
        raise StorageError(
            f"Dagster's tables in {where} were made by several processes at once and note the versions "
            f"{', '.join(sorted(heads))}: restore a backup, or, if Dagster's history of runs may be "
            "lost, remove these tables or files; then run the initialisation again."
        )
    if heads and heads[0] not in _known_revisions():
        raise StorageError(
            f"Dagster's tables in {where} have the version {heads[0]}, which the installed Dagster does not "
            "know: install the newer version of Dagster that made them."
        )
    return heads[0] if heads else None


def newest_revision() -> str:
    """Return the revision of the tables that the installed Dagster makes."""
    return str(ScriptDirectory.from_config(_configuration()).get_current_head())


def note_newest_revision(connection: Connection) -> None:
    """Note that the tables are those that the installed Dagster makes."""
    configuration = _configuration()
    configuration.attributes["connection"] = connection
    command.stamp(configuration, "head")


@cache
def _known_revisions() -> frozenset[str]:
    scripts = ScriptDirectory.from_config(_configuration())
    return frozenset(script.revision for script in scripts.walk_revisions())


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", ALEMBIC_SCRIPTS_LOCATION)
    return configuration
