"""One process at a time where Dagster's tables are created."""

import fcntl
import hashlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from stock_assets.errors import StorageError
from stock_assets.instance_storage.database import InstanceDatabase

LOCK_FILE = "dagster_schema.lock"
LOCK_SECONDS = 120
_POLL_SECONDS = 0.02


def schema_lock(
    database: InstanceDatabase, timeout_seconds: int = LOCK_SECONDS
) -> AbstractContextManager[None]:
    """Keep other processes from opening or changing Dagster's tables for the duration of the block.

    Dagster's storages create missing tables as they open, and two processes that do so at once can leave
    tables without indexes or two versions in ``alembic_version``, for good. A process that dies gives the
    lock up.

    Parameters
    ----------
    database : InstanceDatabase
        The database whose tables are to be left alone.
    timeout_seconds : int, optional
        How long to wait for another process.

    Raises
    ------
    StorageError
        If another process holds the lock for longer than that.
    """
    if database.mysql_url is None:
        return _file_lock(database.state_dir / LOCK_FILE, timeout_seconds)
    return _server_lock(database, timeout_seconds)


@contextmanager
def _file_lock(path: Path, timeout_seconds: int) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout_seconds
    with path.open("a") as file:
        while not _try_to_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise _busy(str(path), timeout_seconds)
            time.sleep(_POLL_SECONDS)
        yield  # closing the file gives the lock up


def _try_to_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _server_lock(database: InstanceDatabase, timeout_seconds: int) -> Iterator[None]:
    # Imported here, since they need dagster-mysql and its driver.
    from stock_assets.instance_storage.mysql_connections import is_server_away, patiently
    from stock_assets.storage.engine import keep_while_idle

    engine = database.mysql_engine()
    name = server_lock_name(engine)
    with patiently(engine.connect) as connection:
        # It says nothing while others do the work, and its end would give the lock up.
        keep_while_idle(connection)
        taken = connection.execute(
            text("SELECT GET_LOCK(:name, :seconds)"), {"name": name, "seconds": timeout_seconds}
        ).scalar()
        if taken != 1:
            raise _busy(f"the server's lock {name!r}", timeout_seconds)
        try:
            yield
        finally:
            try:
                connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})
            except DBAPIError as error:
                # The lock is gone with its connection: that alone is no reason to fail.
                if not is_server_away(error):
                    raise
                connection.invalidate()


def server_lock_name(engine: Engine) -> str:
    """Return the name of the lock of a MySQL database: names are the whole server's, and at most 64 long."""
    return "dagster_schema_" + hashlib.sha256((engine.url.database or "").encode()).hexdigest()[:32]


def _busy(what: str, seconds: int) -> StorageError:
    return StorageError(
        f"Another process has held {what} for {seconds} seconds to open or migrate Dagster's tables; wait "
        "until it ends, or end it if it hangs, then try again."
    )
