"""Private database servers for tests: started from the installed binaries, thrown away at the end."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import mysql.connector
from mysql.connector.abstracts import MySQLConnectionAbstract

INSTALL_MARIADB = "apt-get install mariadb-server"
USER = "stock_assets"
#: With characters that a URL must escape, so that no test passes with an easy password only.
PASSWORD = "s3cret p@ss/w:rd%"  # of a server that lives as long as the test session

_START_SECONDS = 60
_SERVER_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/opt/mariadb/bin")


def find_binary(*names: str) -> str | None:
    """Return the path of the first of these programs that is installed.

    The folders of daemons are searched too: an ordinary user's PATH often lacks them.
    """
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_SERVER_FOLDERS])
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def why_no_mariadb() -> str | None:
    """Return why a private MariaDB cannot be started here, or None if it can."""
    if find_binary("mariadbd", "mysqld") is None:
        return f"needs the program mariadbd or mysqld: {INSTALL_MARIADB}"
    if find_binary("mariadb-install-db") is None:
        return f"needs the program mariadb-install-db: {INSTALL_MARIADB}"
    return None


@dataclass
class MariaDbServer:
    """A MariaDB server of its own: data folder, socket and port on 127.0.0.1.

    Durability is off, since nothing outlives the tests. One account, ``USER`` with ``PASSWORD``,
    may do everything.

    Parameters
    ----------
    folder : Path
        Existing folder for the server's files.
    options : tuple of str
        Further options of the server, such as ``"--max-allowed-packet=64K"``.
    """

    folder: Path
    options: tuple[str, ...] = ()
    port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def install(self) -> None:
        """Create the server's own tables and the account."""
        arguments = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        installed = subprocess.run(
            [self._program("mariadb-install-db"), "--no-defaults", *self._common_options(), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        if installed.returncode:
            raise RuntimeError(f"mariadb-install-db failed: {installed.stdout}{installed.stderr}")
        self._init_file.write_text(
            f"CREATE USER IF NOT EXISTS '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO '{USER}'@'127.0.0.1' WITH GRANT OPTION;\n"
        )

    def start(self) -> None:
        """Start the server and wait until it answers; the port stays the same over restarts."""
        self.port = self.port or _free_port()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *_die_with_parent(),
                    self._program("mariadbd", "mysqld"),
                    "--no-defaults",
                    *self._common_options(),
                    f"--socket={self.folder / 's.sock'}",
                    f"--pid-file={self.folder / 'pid'}",
                    f"--port={self.port}",
                    "--bind-address=127.0.0.1",
                    f"--init-file={self._init_file}",
                    "--skip-name-resolve",
                    "--skip-log-bin",
                    "--performance-schema=OFF",
                    "--innodb-flush-log-at-trx-commit=0",
                    "--innodb-doublewrite=OFF",
                    "--innodb-buffer-pool-size=64M",
                    *self.options,
                ],
                stdout=log,
                stderr=log,
            )
        self._wait_until_it_answers(self._process)

    def stop(self) -> None:
        """Shut the server down; kill it if it does not obey."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End the server as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def url(self, database: str, *, password: str = PASSWORD) -> str:
        """Return the SQLAlchemy URL of one of the server's databases."""
        return f"mysql+mysqlconnector://{USER}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """Create an empty database in place of any of that name, and return its URL."""
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
        return self.url(name)

    def copy_database(self, source: str, target: str) -> None:
        """Make a database with the tables and rows of another one, in place of any of that name."""
        self.create_database(target)
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute("SET foreign_key_checks = 0")
            cursor.execute(f"SHOW TABLES FROM `{source}`")
            for (table,) in cursor.fetchall():
                cursor.execute(f"SHOW CREATE TABLE `{source}`.`{table}`")
                ((_, statement),) = cursor.fetchall()
                cursor.execute(f"USE `{target}`")
                cursor.execute(statement)
                cursor.execute(f"INSERT INTO `{table}` SELECT * FROM `{source}`.`{table}`")
            connection.commit()

    def drop_database(self, name: str) -> None:
        """Remove a database."""
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")

    def _connect(self) -> MySQLConnectionAbstract:
        connection = mysql.connector.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=PASSWORD,
            charset="utf8mb4",
            collation="utf8mb4_general_ci",
            connection_timeout=5,
        )
        if not isinstance(connection, MySQLConnectionAbstract):
            raise TypeError(f"mysql.connector gave a {type(connection).__name__}")
        return connection

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    @property
    def _init_file(self) -> Path:
        return self.folder / "init.sql"

    def _common_options(self) -> list[str]:
        # As root, and only then, the server wants to be told the account to run as.
        as_root = ["--user=root"] if os.geteuid() == 0 else []
        return [f"--datadir={self.folder / 'data'}", *as_root]

    def _program(self, *names: str) -> str:
        found = find_binary(*names)
        if found is None:
            raise FileNotFoundError(f"none of {', '.join(names)} is installed: {INSTALL_MARIADB}")
        return found

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self._connect().close()
                return
            except mysql.connector.Error as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    self.kill()
                    log = self._log.read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"MariaDB did not start ({error}); its log ends: {log}") from error
            time.sleep(0.05)


@contextmanager
def mariadb_server(folder: Path, *options: str) -> Iterator[MariaDbServer]:
    """Run a MariaDB server in ``folder`` for the duration of the block."""
    server = MariaDbServer(folder, options)
    server.install()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def dropping_idle_connections(server: MariaDbServer, seconds: int = 1) -> Iterator[None]:
    """Let a server drop connections that are made in the block once they have been silent for so long."""
    with server._connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@global.wait_timeout")
        ((usual,),) = cursor.fetchall()
        cursor.execute(f"SET GLOBAL wait_timeout = {seconds}")
        try:
            yield
        finally:
            cursor.execute(f"SET GLOBAL wait_timeout = {usual}")


def _die_with_parent() -> list[str]:
    """Return the words before a command that end it with this process, where Linux can.

    A test run that is killed then leaves no server behind.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
