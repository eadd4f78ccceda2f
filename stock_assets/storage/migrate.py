"""Bring a database to the tables of this version, and refuse one that is not.

The version is kept in a table of its own, since Dagster's storage may lie in the same database and keeps
its version in alembic's default one.
"""

import datetime as dt
import fcntl
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import exc

from stock_assets.errors import StorageError
from stock_assets.storage.engine import describe, is_mysql, keep_while_idle, read_transaction
from stock_assets.storage.lost_connections import again_if_lost
from stock_assets.storage.schema import deployment

VERSION_TABLE = "stock_assets_alembic_version"
INIT_COMMAND = "stock-assets init"

_LOCK_SECONDS = 120


def upgrade(engine: sa.Engine, universe: str) -> None:
    """Create or migrate the tables, and note whose database it is.

    Running it again changes nothing. Of several processes at once, one does the work and the others
    wait for it. On SQLite a kill leaves the database as it was; on MySQL, which cannot undo DDL, the
    next call goes on where it stopped.

    Raises
    ------
    StorageError
        If the database serves another universe, was migrated by a newer version of the package, is being
        migrated by another process for minutes, or refuses or loses a statement.
    """
    try:
        _upgrade(engine, universe)
    except exc.DBAPIError as error:
        raise StorageError(
            f"The tables in {describe(engine)} could not be made or migrated ({error.orig}); put right what "
            f"this names, then run `{INIT_COMMAND}` again."
        ) from error


@again_if_lost
def _upgrade(engine: sa.Engine, universe: str) -> None:
    with _only_migration(engine), engine.begin() as connection:
        _refuse_newer(connection)
        if sa.inspect(connection).has_table(deployment.name):
            _refuse_other_universe(connection, universe)
        command.upgrade(alembic_settings(connection), "head")
        if _stored_universe(connection) is None:
            row = {"id": 1, "universe": universe, "created_at": dt.datetime.now(dt.UTC)}
            connection.execute(sa.insert(deployment), row)


def has_tables(engine: sa.Engine) -> bool:
    """Return whether the database has tables of this package, of whatever version."""
    with read_transaction(engine) as connection:
        return _stored_version(connection) is not None


@again_if_lost
def require_current(engine: sa.Engine, universe: str) -> None:
    """Check that the tables are those of this version, and that they are the universe's.

    Raises
    ------
    StorageError
        If not; the message names the command to run.
    """
    with read_transaction(engine) as connection:
        _refuse_newer(connection)
        stored, current = _stored_version(connection), _scripts().get_current_head()
        if stored != current:
            state = f"has the tables of version {stored}" if stored else "has no tables yet"
            raise StorageError(
                f"The database {describe(engine)} {state}, and this package needs version {current}; "
                f"run `{INIT_COMMAND}`."
            )
        _refuse_other_universe(connection, universe)
        if _stored_universe(connection) is None:
            raise StorageError(
                f"The database {describe(engine)} does not name the universe that it serves; "
                f"run `{INIT_COMMAND}`."
            )


def alembic_settings(connection: sa.Connection | None = None) -> Config:
    """Return alembic's configuration of this package, over an open connection."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(alembic_settings())


def _stored_version(connection: sa.Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def _stored_universe(connection: sa.Connection) -> str | None:
    return connection.execute(sa.select(deployment.c.universe)).scalar()


def _refuse_newer(connection: sa.Connection) -> None:
    stored = _stored_version(connection)
    known = {script.revision for script in _scripts().walk_revisions()}
    if stored is not None and stored not in known:
        raise StorageError(
            f"The database {describe(connection.engine)} has the tables of version {stored}, and this "
            f"package knows only {', '.join(sorted(known))}; install the newer package that made them."
        )


def _refuse_other_universe(connection: sa.Connection, universe: str) -> None:
    stored = _stored_universe(connection)
    if stored is not None and stored != universe:
        raise StorageError(
            f"The database {describe(connection.engine)} serves the universe {stored!r}, not {universe!r}; "
            "give each universe a database of its own."
        )


@contextmanager
def _only_migration(engine: sa.Engine) -> Iterator[None]:
    if is_mysql(engine):
        with _server_lock(engine):
            yield
    else:
        with _file_lock(Path(f"{engine.url.database}.lock"), engine):
            yield


@contextmanager
def _file_lock(path: Path, engine: sa.Engine) -> Iterator[None]:
    """Hold an advisory lock on a file beside the database; a process that dies gives it up."""
    deadline = time.monotonic() + _LOCK_SECONDS
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise _busy(engine) from None
                time.sleep(0.05)
        yield


@contextmanager
def _server_lock(engine: sa.Engine) -> Iterator[None]:
    """Hold a named lock of the server; a connection that ends gives it up."""
    # Lock names are the whole server's and short.
    name = "stock_assets_" + hashlib.sha256((engine.url.database or "").encode()).hexdigest()[:32]
    with engine.connect() as connection:
        # It says nothing during the migration, and a server that dropped it would give the lock up.
        keep_while_idle(connection)
        if connection.execute(sa.select(sa.func.get_lock(name, _LOCK_SECONDS))).scalar() != 1:
            raise _busy(engine)
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.release_lock(name)))


def _busy(engine: sa.Engine) -> StorageError:
    return StorageError(
        f"Another process has been migrating the database {describe(engine)} for {_LOCK_SECONDS} seconds; "
        f"wait until it ends, then run `{INIT_COMMAND}` again."
    )
