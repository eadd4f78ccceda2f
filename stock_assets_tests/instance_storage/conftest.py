"""A private MariaDB server for the tests that need one."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stock_assets_tests.servers import MariaDbServer, mariadb_server, why_no_mariadb

_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDbServer]:
    """A private MariaDB server for the whole session."""
    reason = why_no_mariadb()
    if reason is not None:
        pytest.skip(reason)
    # Not below pytest's folder: the path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="mariadb-") as folder, mariadb_server(Path(folder)) as server:
        yield server


@pytest.fixture(scope="module")
def homes() -> Iterator[Path]:
    """A folder for the state folders of instances: in memory where that exists, for thousands of commits."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)
