"""The command line as processes of its own, in a folder of its own."""

import fcntl
import os
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TextIO

import pytest
import sqlalchemy as sa

from stock_assets.settings import DATABASE_URL_VARIABLE
from stock_assets_tests import databases, made_up
from stock_assets_tests.worlds import UNIVERSE, World, environment

PATIENCE_SECONDS = 240
#: Columns that say when and by which run a row was written, and nothing of what it says.
VOLATILE = ("computed_at", "run_id", "known_at", "found_at", "completed_at")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="which processes live is read from /proc"
)


@dataclass(frozen=True)
class Ended:
    """A command that has ended: its exit status and what it printed."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err

    def fails_with_one_sentence(self) -> str:
        """Return the sentence on standard error, the only thing there; the status tells a failure."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        assert self.status == 1 and len(lines) == 1 and lines[0].endswith("."), self
        return lines[0]


@dataclass
class Started:
    """A command that runs; its output is read as it comes."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._readers = [
            threading.Thread(target=_collect, args=(stream, lines), daemon=True)
            for stream, lines in ((self.process.stdout, self.lines), (self.process.stderr, self.errors))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_for(self, happened: Callable[[], bool], what: str) -> None:
        """Wait until something has happened while the command runs."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"no {what}; it printed {''.join(self.lines + self.errors)}")
            time.sleep(0.002)

    def wait_for_line(self, text: str) -> None:
        """Wait until a line with this text has been printed."""
        self.wait_for(lambda: any(text in line for line in self.lines), f"line with {text!r}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command alone."""
        self.process.send_signal(number)

    def interrupt(self) -> None:
        """Do what Ctrl-C in a terminal does: signal it and everything that it has started."""
        os.killpg(self.pid, signal.SIGINT)

    def end(self, timeout: float = PATIENCE_SECONDS) -> Ended:
        """Wait for its end, or end it with everything that it has started."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            raise
        for reader in self._readers:
            reader.join(timeout)
        return Ended(status, "".join(self.lines), "".join(self.errors))


@dataclass(frozen=True)
class Workplace:
    """The made-up universe in a folder, as an operator has it: nothing but files and the command line."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def install(cls, folder: Path) -> "Workplace":
        """Write the configuration and the prices; nothing has been prepared then."""
        made_up.install(folder)
        place = cls(folder)
        shutil.copytree(folder / "calendars", place.state / "calendars")
        databases.create_database(folder)
        return place

    def copy(self, folder: Path) -> "Workplace":
        """Copy everything into a folder that does not exist yet."""
        shutil.copytree(self.folder, folder)
        databases.copy_database(self.folder, folder)
        return Workplace(folder)

    @property
    def configuration(self) -> Path:
        """The folder of the universe's configuration files."""
        return self.folder / "configs" / UNIVERSE

    @property
    def state(self) -> Path:
        """The universe's state folder."""
        return self.folder / "state" / UNIVERSE

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in (DATABASE_URL_VARIABLE, "DAGSTER_HOME")
        }
        return {**kept, **environment(self.folder), "COLUMNS": "80", **self.variables}

    def with_variables(self, **variables: str) -> "Workplace":
        """The same folder in another environment."""
        return Workplace(self.folder, {**self.variables, **variables})

    def start(self, *arguments: str) -> Started:
        """Start ``stock-assets`` as a terminal does: a process group of its own."""
        return Started(
            subprocess.Popen(
                [sys.executable, "-m", "stock_assets.cli", *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )

    def run(self, *arguments: str) -> Ended:
        """Run ``stock-assets`` to its end."""
        return self.start(*arguments).end()

    def run_in_terminal(self, *arguments: str) -> str:
        """Run ``stock-assets`` in a terminal of 80 columns, and return all that it drew, without colours."""
        terminal, inside = pty.openpty()
        command = [sys.executable, "-m", "stock_assets.cli", *arguments]
        environment = {**self.environment, "TERM": "xterm"}
        with subprocess.Popen(command, env=environment, stdin=inside, stdout=inside, stderr=inside):
            os.close(inside)
            drawn = b""
            with suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as screen:
                while part := screen.read(65536):
                    drawn += part
        return _ESCAPES.sub("", drawn.decode(errors="replace"))

    @cached_property
    def world(self) -> World:
        """What is in the tables."""
        return World.open(self.folder)

    def contents(self) -> dict[str, list[str]]:
        """All rows of all tables, without the columns that differ from run to run."""
        return self.world.contents(without=VOLATILE)

    def count(self, table: str) -> int:
        """The rows of a table, 0 before it exists."""
        try:
            return self.query(f"SELECT count(*) FROM {table}")[0][0]
        except (sqlite3.OperationalError, sa.exc.ProgrammingError):
            return 0

    def query(self, statement: str, database: str = "stock_assets.db") -> list[tuple]:
        """Ask one of the state folder's databases without opening it for writing; on MariaDB there is one."""
        url = databases.database_url(self.folder)
        if url is not None:
            return _ask(url, statement)
        path = self.state / database
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(statement).fetchall()

    def dagster_runs(self) -> list[tuple[str, str]]:
        """Job and status of every run that Dagster knows, in their order."""
        return self.query("SELECT pipeline_name, status FROM runs ORDER BY id", "history/runs.db")

    def processes(self) -> dict[int, str]:
        """The processes that run for this folder, by id: every child inherits the environment."""
        mark = str(self.folder).encode()
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                    found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:  # ended meanwhile
                continue
        return {pid: command for pid, command in found.items() if pid != os.getpid()}

    def wait_until_deserted(self, seconds: float = 30) -> None:
        """Wait until no process runs for this folder, or end those that do and complain."""
        deadline = time.monotonic() + seconds
        while left := self.processes():
            if time.monotonic() > deadline:
                for pid in left:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                raise AssertionError(f"still there: {left}")
            time.sleep(0.1)


def _ask(url: str, statement: str) -> list[tuple]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


def _collect(stream: TextIO, lines: list[str]) -> None:
    for line in stream:
        lines.append(line)  # noqa: PERF402 -- others look at the list meanwhile


def finished_workplace(shared: Path) -> tuple[Workplace, Ended]:
    """Bring a universe up to date from nothing, once for all processes of a test session.

    Parameters
    ----------
    shared : Path
        A folder that the processes share.

    Returns
    -------
    tuple of Workplace and Ended
        What must only be read or copied, and what the command printed.
    """
    folder, done = shared / "finished", shared / "finished.out"
    with (shared / "finished.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            ended = Workplace.install(folder).run("run")
            if ended.status:
                raise RuntimeError(ended.said)
            done.write_text(ended.out, encoding="utf-8")
    return Workplace(folder), Ended(0, done.read_text(encoding="utf-8"), "")
