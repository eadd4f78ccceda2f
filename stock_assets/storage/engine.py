"""Engines: one URL chooses SQLite or MySQL/MariaDB, and both behave alike.

A block of ``engine.begin()`` is one write transaction, a block of `read_transaction` one snapshot for
reading. Writers of one universe wait for each other on both databases.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy import event

from stock_assets.errors import StorageError
from stock_assets.storage.database_url import read_url
from stock_assets.storage.lost_connections import wait_for_server

#: Seconds that a writer waits for another one, and that a connection may take to be made.
LOCK_WAIT_SECONDS = 30
_CONNECT_SECONDS = 10
#: Longest silence of a server in the middle of a statement; a reader of a whole history is far below it.
_READ_SECONDS = 300

#: Longer than any migration or copy takes.
_IDLE_SECONDS = 24 * 60 * 60

_MYSQL_DRIVER = "mysql+mysqlconnector"
_READ_ONLY = "stock_assets_read_only"


class _DbapiConnection(Protocol):
    def cursor(self) -> "_DbapiCursor": ...


class _DbapiCursor(Protocol):
    def execute(self, operation: str, /) -> object: ...

    def close(self) -> object: ...


def create_engine(url: str, *, patient: bool = False) -> sa.Engine:
    """Make the engine of a database.

    Parameters
    ----------
    url : str
        ``sqlite:///FILE`` or ``mysql+mysqlconnector://USER:PASSWORD@HOST:PORT/DATABASE``, the latter
        for MySQL and MariaDB. The folder of a SQLite file is created. Text of another character set
        than utf8mb4 is never spoken.
    patient : bool
        Whether the first connection waits for a server that is away, as all later ones do.

    Raises
    ------
    StorageError
        If the URL is none of the two. The message never holds the password, and no ``repr`` of the
        engine does.
    """
    parsed = _parse(url)
    if parsed.drivername == _MYSQL_DRIVER:
        engine = _mysql_engine(parsed)
        wait_for_server(engine, from_the_start=patient)
    else:
        engine = _sqlite_engine(parsed)
    event.listen(engine, "handle_error", _explain_failed_connection)
    return engine


@contextmanager
def read_transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Open a connection whose statements all see the database as it was at the first one.

    It neither waits for a writer nor holds one up, which a block of ``engine.begin()`` does on SQLite.
    """
    options = {"isolation_level": "REPEATABLE READ"} if is_mysql(engine) else {_READ_ONLY: True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def keep_while_idle(connection: sa.Connection) -> None:
    """Keep a server that drops idle connections from dropping this one, which waits while others work."""
    if is_mysql(connection):
        connection.exec_driver_sql(f"SET SESSION wait_timeout = {_IDLE_SECONDS}")


def is_mysql(bind: sa.Engine | sa.Connection) -> bool:
    """Return whether it is MySQL or MariaDB rather than SQLite."""
    return bind.dialect.name == "mysql"


def describe(engine: sa.Engine) -> str:
    """Return the database's URL with the password hidden, for messages."""
    return engine.url.render_as_string(hide_password=True)


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite database without making it, or None if the database is a server's.

    Raises
    ------
    StorageError
        If `create_engine` would not take the URL.
    """
    parsed = _parse(url)
    return None if parsed.drivername == _MYSQL_DRIVER else Path(parsed.database or "")


def _parse(url: str) -> sa.URL:
    parsed = read_url(url)
    if parsed is None:
        raise StorageError(
            "The database URL cannot be read; write sqlite:///FILE or "
            f"{_MYSQL_DRIVER}://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the password "
            "percent-encoded."
        )
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", _MYSQL_DRIVER):
        raise StorageError(
            f"The database URL starts with {parsed.drivername!r}; allowed are sqlite:///FILE and "
            f"{_MYSQL_DRIVER}://USER:PASSWORD@HOST:PORT/DATABASE."
        )
    if not parsed.database or parsed.database == ":memory:":
        raise StorageError(
            f"The database URL {parsed.render_as_string(hide_password=True)} names no "
            f"{'database' if parsed.drivername == _MYSQL_DRIVER else 'file'}; add it at the end."
        )
    return parsed


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    Path(url.database or "").resolve().parent.mkdir(parents=True, exist_ok=True)
    # The driver's own transactions begin only at the first INSERT, so that a read before it is not
    # part of them: it is told to begin none, and the event below begins them.
    engine = sa.create_engine(url, connect_args={"timeout": LOCK_WAIT_SECONDS, "isolation_level": None})

    def prepare(dbapi_connection: _DbapiConnection, _record: object) -> None:
        _run(
            dbapi_connection,
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=NORMAL",
            "PRAGMA foreign_keys=ON",
        )

    def begin(connection: sa.Connection) -> None:
        # A transaction that reads first and writes later fails at once, without waiting, if another
        # one wrote in between. Taking the write lock at the start makes it wait instead.
        read_only = connection.get_execution_options().get(_READ_ONLY, False)
        connection.exec_driver_sql("BEGIN DEFERRED" if read_only else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    return engine


def _mysql_engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url,
        # A statement after waiting for another writer must see what that one committed.
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={
            "charset": "utf8mb4",
            # The driver's default collation does not exist in MariaDB.
            "collation": "utf8mb4_general_ci",
            # The C extension is not built for every platform: the same code everywhere.
            "use_pure": True,
            "connection_timeout": _CONNECT_SECONDS,
            "read_timeout": _READ_SECONDS,
            "write_timeout": _READ_SECONDS,
        },
    )

    def prepare(dbapi_connection: _DbapiConnection, _record: object) -> None:
        _run(
            dbapi_connection,
            # Strict: a value that does not fit is an error, never a silently changed value.
            "SET SESSION sql_mode = 'TRADITIONAL', time_zone = '+00:00', "
            f"innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS}",
        )

    event.listen(engine, "connect", prepare)
    return engine


def _explain_failed_connection(context: sa.engine.ExceptionContext) -> None:
    """Raise one sentence where no connection could be made; other errors pass."""
    if context.connection is None and context.engine is not None and not context.is_pre_ping:
        raise StorageError(
            f"The database {describe(context.engine)} cannot be opened ({context.original_exception}); put "
            "right what this names: the server, the account or STOCK_ASSETS_DATABASE_URL."
        )


def _run(dbapi_connection: _DbapiConnection, *statements: str) -> None:
    cursor = dbapi_connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()
