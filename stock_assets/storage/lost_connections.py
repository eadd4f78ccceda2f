"""A MySQL server that restarts, or drops a connection: it is waited for, and what was lost is done again."""

import logging
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import sqlalchemy as sa
import tenacity
from mysql.connector import errorcode
from sqlalchemy import event, exc

from stock_assets.errors import StorageError

_log = logging.getLogger(__name__)

#: How long a server that has answered before may be away, such as for a restart.
PATIENCE_SECONDS = 60
_PAUSE_SECONDS = 1
_ATTEMPTS = 3

_AWAY = frozenset(
    {
        errorcode.CR_CONNECTION_ERROR,
        errorcode.CR_CONN_HOST_ERROR,
        errorcode.CR_SERVER_GONE_ERROR,
        errorcode.CR_SERVER_LOST,
        errorcode.CR_SERVER_LOST_EXTENDED,
        errorcode.ER_CON_COUNT_ERROR,
        errorcode.ER_SERVER_SHUTDOWN,
        1927,  # MariaDB's own, for a connection that somebody has killed
        4031,  # MySQL's, for one that nobody used for too long
    }
)
_NEVER_MADE = frozenset({errorcode.CR_CONNECTION_ERROR, errorcode.CR_CONN_HOST_ERROR})
# What the driver says, without a number, when it finds out before it sends anything.
_CLOSED = ("MySQL Connection not available", "Connection to MySQL is not available")

_P = ParamSpec("_P")
_R = TypeVar("_R")


def again_if_lost(work: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorate a function that may be called again from its beginning when a transaction in it was lost.

    A connection that is lost while it commits does not tell whether it did. So the function's writes must
    give the same when they are done twice, as those of a partition's rows do.
    """
    return tenacity.retry(
        retry=tenacity.retry_if_exception(_is_lost),
        stop=tenacity.stop_after_attempt(_ATTEMPTS),
        before_sleep=_say_what_was_lost,
        reraise=True,
    )(work)


def wait_for_server(engine: sa.Engine, *, from_the_start: bool) -> None:
    """Let an engine's new connections wait for a server that is away.

    Parameters
    ----------
    engine : Engine
        Of a MySQL or MariaDB database.
    from_the_start : bool
        Whether the first connection waits too. Whoever may have mistyped a host wants to hear of it at once.
    """
    waits = from_the_start

    def connect(
        dialect: sa.Dialect, _record: object, arguments: tuple[object, ...], options: dict[str, object]
    ) -> object:
        nonlocal waits
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                connection = dialect.connect(*arguments, **options)
                waits = True
                return connection
            except Exception as error:
                if not (waits and is_away(error)) or time.monotonic() > deadline:
                    raise
                _log.warning("MySQL does not answer (%s); asking for up to %d s.", error, PATIENCE_SECONDS)
            time.sleep(_PAUSE_SECONDS)

    event.listen(engine, "do_connect", connect)


def _say_what_was_lost(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    # The whole error repeats the statement with all its rows.
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    _log.warning("A transaction was lost (%s); doing again what it belonged to.", cause)


def _is_lost(error: BaseException) -> bool:
    if isinstance(error, StorageError):
        # A connection that was lost while it was being made is told in a sentence. One that was never made
        # has been waited for, if it was to be.
        return is_away(error.__cause__) and getattr(error.__cause__, "errno", None) not in _NEVER_MADE
    if not isinstance(error, exc.DBAPIError):
        return False
    cause = error.orig
    deadlock = getattr(cause, "errno", None) == errorcode.ER_LOCK_DEADLOCK
    return error.connection_invalidated or is_away(cause) or deadlock


def is_away(error: BaseException | None) -> bool:
    """Return whether an error of the driver says that the server does not answer, or no longer."""
    return getattr(error, "errno", None) in _AWAY or any(text in str(error) for text in _CLOSED)
