"""Where the tests' deployments keep their tables: in SQLite files of their folders, or in a private MariaDB.

``pytest --database mariadb`` starts one server for all processes of the session. Every folder with a
deployment then has a database of its own there, with the project's tables and Dagster's.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stock_assets_tests.servers import MariaDbServer, mariadb_server

#: Set for the processes of a session on MariaDB: the port of its server.
PORT_VARIABLE = "STOCK_ASSETS_TESTS_MARIADB_PORT"


def on_mariadb() -> bool:
    """Tell whether the session's deployments are on MariaDB."""
    return PORT_VARIABLE in os.environ


@contextmanager
def deployments_on_mariadb() -> Iterator[None]:
    """Run a server for all deployments that this process and its children make."""
    with (
        tempfile.TemporaryDirectory(prefix="mariadb-") as folder,
        # A pool a deployment keeps connections open, and there are hundreds of deployments.
        mariadb_server(Path(folder), "--max-connections=5000") as server,
    ):
        os.environ[PORT_VARIABLE] = str(server.port)
        try:
            yield
        finally:
            del os.environ[PORT_VARIABLE]


def database_url(folder: Path) -> str | None:
    """Return the URL of a deployment's database; None means SQLite, wherever the project itself puts it."""
    return _server().url(_name(folder)) if on_mariadb() else None


def create_database(folder: Path) -> None:
    """Make the empty database of a new deployment, where it needs one."""
    if on_mariadb():
        _server().create_database(_name(folder))


def copy_database(source: Path, target: Path) -> None:
    """Give a copied deployment the tables of the one that it was copied from, where files do not do so."""
    if on_mariadb():
        _server().copy_database(_name(source), _name(target))


def _server() -> MariaDbServer:
    """Return the session's server, which another process may have started."""
    return MariaDbServer(Path(), port=int(os.environ[PORT_VARIABLE]))


def _name(folder: Path) -> str:
    return "deployment_" + hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:24]
