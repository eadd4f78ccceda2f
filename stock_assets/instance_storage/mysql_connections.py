"""Connections to a MySQL server that restarts, or that drops connections nobody uses."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from typing import Any, TypeVar
from weakref import WeakSet

import mysql.connector
import sqlalchemy as sa
from dagster import DagsterEvent, DagsterRun
from dagster._core.storage.sql import SqlAlchemyQuery
from dagster_mysql import MySQLRunStorage, MySQLScheduleStorage
from dagster_mysql.utils import DagsterMySQLException, mysql_isolation_level
from mysql.connector import errorcode
from mysql.connector.abstracts import MySQLConnectionAbstract, MySQLCursorAbstract
from mysql.connector.types import MySQLConvertibleType
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.exc import DBAPIError

from stock_assets.storage.lost_connections import is_away

_LOGGER = logging.getLogger(__name__)
_R = TypeVar("_R")

#: How long a server may be away, such as for a restart, before what needs it fails.
PATIENCE_SECONDS = 60
_PAUSE_SECONDS = 2
# Connections that have begun a transaction and sent nothing of it.
_NOTHING_SENT: WeakSet[Connection] = WeakSet()
# In seconds. The longest silence in a statement is far above the slowest query over a large event log.
_TIMEOUTS = {"connection_timeout": 10, "read_timeout": 300, "write_timeout": 300}


class PatientMySQLStorage:
    """Mixin for Dagster's MySQL storages: connections with timeouts, tried before they are used again.

    Stock connections wait for ever for a server that does not answer any more, and one that the web server
    keeps open breaks a page when the server has dropped it meanwhile. A timeout in the URL goes before.
    """

    mysql_url: str
    _engine: Engine

    def use_own_connections(self) -> None:
        """Connect with timeouts from now on; no connection stays open."""
        self._engine = _engine(self.mysql_url, poolclass=sa.NullPool)

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        """Keep one connection open between requests."""
        self._engine = _engine(
            self.mysql_url,
            pool_size=1,
            pool_recycle=pool_recycle,
            max_overflow=max_overflow,
            pool_pre_ping=True,
        )


class PatientMySQLRunStorage(PatientMySQLStorage, MySQLRunStorage):
    """Dagster's MySQL storage of runs that waits for a server that is away."""

    def __init__(self, mysql_url: str) -> None:
        MySQLRunStorage.__init__(self, mysql_url)
        self.use_own_connections()

    def connect(self, run_id: str | None = None) -> AbstractContextManager[Connection]:
        """Give a connection with an open transaction."""
        return patiently(super().connect)

    def handle_run_event(
        self, run_id: str, event: DagsterEvent, update_timestamp: datetime | None = None
    ) -> None:
        """Note the status that an event gives a run; once more, which changes nothing, if it was lost."""
        note = super().handle_run_event
        once_more_if_lost(lambda: note(run_id, event, update_timestamp))

    def add_run(self, dagster_run: DagsterRun) -> DagsterRun:
        """Add a run; once more if it was lost, unless it is there after all."""
        add = super().add_run
        try:
            return add(dagster_run)
        except DBAPIError as error:
            if not is_lost(error):
                raise
            # A connection that is lost while it commits does not tell whether it did.
            return dagster_run if self.has_run(dagster_run.run_id) else add(dagster_run)

    def add_run_tags(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        """Give a run tags; once more, which changes nothing, if they were lost."""
        add = super().add_run_tags
        once_more_if_lost(lambda: add(run_id, new_tags))

    def set_cursor_values(self, pairs: Mapping[str, str]) -> None:
        """Keep values by their keys; once more, which changes nothing, if they were lost."""
        keep = super().set_cursor_values
        once_more_if_lost(lambda: keep(pairs))

    def fetchall(self, query: SqlAlchemyQuery) -> Sequence[Any]:
        """Read all rows; once more if they were lost on the way."""
        fetch = super().fetchall
        return once_more_if_lost(lambda: fetch(query))

    def fetchone(self, query: SqlAlchemyQuery) -> Any | None:
        """Read a row; once more if it was lost on the way."""
        fetch = super().fetchone
        return once_more_if_lost(lambda: fetch(query))


class PatientMySQLScheduleStorage(PatientMySQLStorage, MySQLScheduleStorage):
    """Dagster's MySQL storage of schedules and sensors that waits for a server that is away."""

    def __init__(self, mysql_url: str) -> None:
        MySQLScheduleStorage.__init__(self, mysql_url)
        self.use_own_connections()

    def connect(self) -> AbstractContextManager[Connection]:
        """Give a connection with an open transaction."""
        return patiently(super().connect)


@contextmanager
def patiently(connect: Callable[[], AbstractContextManager[Connection]]) -> Iterator[Connection]:
    """Give what ``connect`` gives, asking again while the server is away, at most a minute long.

    Only the connecting is repeated: nothing has been sent by then, so nothing can be done twice.
    """
    with ExitStack() as stack:
        yield again_while_away(lambda: stack.enter_context(connect()))


def again_while_away(work: Callable[[], _R]) -> _R:
    """Return what ``work`` returns, asking again while the server is away, at most a minute long.

    What it does may be done twice, since it can be lost anywhere.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return work()
        except (DBAPIError, DagsterMySQLException) as error:
            if not is_server_away(error) or time.monotonic() > deadline:
                raise
            _LOGGER.warning("MySQL does not answer (%s); asking for up to %d s.", error, PATIENCE_SECONDS)
        time.sleep(_PAUSE_SECONDS)


def once_more_if_lost(work: Callable[[], _R]) -> _R:
    """Return what ``work`` returns, once more if its transaction was lost: doing it twice must be as once."""
    try:
        return work()
    except DBAPIError as error:
        if not is_lost(error):
            raise
        return work()


def is_lost(error: BaseException) -> bool:
    """Tell whether a transaction may be gone with its connection, or is gone for a deadlock."""
    return is_server_away(error) or is_deadlock(error)


def is_server_away(error: BaseException) -> bool:
    """Tell whether an error, or what it was raised for, says that the server does not answer."""
    return any(is_away(cause) for cause in _driver_errors(error))


def is_deadlock(error: BaseException) -> bool:
    """Tell whether the server rolled a transaction back because another one waited for it."""
    return any(cause.errno == errorcode.ER_LOCK_DEADLOCK for cause in _driver_errors(error))


def _driver_errors(error: BaseException | None) -> Iterator[mysql.connector.Error]:
    while error is not None:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, mysql.connector.Error):
            yield cause
        error = error.__cause__


def _engine(mysql_url: str, **pool: object) -> Engine:
    chosen = sa.make_url(mysql_url).query
    timeouts = {name: seconds for name, seconds in _TIMEOUTS.items() if name not in chosen}
    engine = sa.create_engine(
        mysql_url, isolation_level=mysql_isolation_level(), connect_args=timeouts, **pool
    )
    event.listen(engine, "begin", _note_begin)
    event.listen(engine, "do_execute", _execute)
    return engine


def _note_begin(connection: Connection) -> None:
    _NOTHING_SENT.add(connection)


def _execute(
    cursor: MySQLCursorAbstract,
    statement: str,
    parameters: Sequence[MySQLConvertibleType] | dict[str, MySQLConvertibleType],
    context: DefaultExecutionContext,
) -> bool:
    """Execute a statement; if the connection is lost at a transaction's first one, connect and repeat it.

    That is safe because a transaction that is lost before its commit never happened. A later statement
    cannot be repeated without those before it: its error goes to whoever began the transaction.
    """
    connection = context.root_connection
    is_first = connection in _NOTHING_SENT
    _NOTHING_SENT.discard(connection)
    try:
        cursor.execute(statement, parameters)
    except mysql.connector.Error as error:
        if not is_first or not is_server_away(error):
            raise
        _connect_again(connection)
        cursor.execute(statement, parameters)
    return True


def _connect_again(connection: Connection) -> None:
    lost = connection.connection.dbapi_connection
    if not isinstance(lost, MySQLConnectionAbstract):
        raise TypeError(f"a connection of mysql-connector is expected, not a {type(lost).__name__}")
    _LOGGER.warning("Lost the connection to MySQL at the start of a transaction; connecting again.")
    lost.reconnect(attempts=PATIENCE_SECONDS, delay=1)
    connection.dialect.set_isolation_level(lost, mysql_isolation_level())
