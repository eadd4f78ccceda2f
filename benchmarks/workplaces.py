"""A deployment in a folder of its own, and its commands in processes of their own."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import IO, Any

import dagster as dg

from stock_assets.settings import (
    CONFIG_DIR_VARIABLE,
    DATABASE_URL_VARIABLE,
    PROJECT_ROOT,
    STATE_DIR_VARIABLE,
    UNIVERSE_VARIABLE,
)

_HOME = "DAGSTER_HOME"


@dataclass(frozen=True)
class RunTimes:
    """When a run of Dagster did what, in seconds since 1970.

    Attributes
    ----------
    began : float
        Its first event: the first of those that say what it is going to materialize.
    ended : float
        Its last one.
    materializations : int
        How many partitions of assets it materialized.
    """

    began: float
    ended: float
    materializations: int

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


@dataclass(frozen=True)
class Workplace:
    """A universe with a state folder of its own.

    Attributes
    ----------
    folder : Path
        Where its state lies.
    universe : str
    config_dir : Path
        Folder of the universe's folder.
    database_url : str or None
        Another database than SQLite in the state folder.
    """

    folder: Path
    universe: str
    config_dir: Path
    database_url: str | None = None

    @property
    def state(self) -> Path:
        """The universe's state folder."""
        return self.folder / "state" / self.universe

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes."""
        own = {
            UNIVERSE_VARIABLE: self.universe,
            CONFIG_DIR_VARIABLE: str(self.config_dir),
            STATE_DIR_VARIABLE: str(self.folder / "state"),
            _HOME: str(self.state),
        }
        if self.database_url is not None:
            own[DATABASE_URL_VARIABLE] = self.database_url
        kept = {name: value for name, value in os.environ.items() if name != DATABASE_URL_VARIABLE}
        return {**kept, **own}

    def copy(self, folder: Path) -> "Workplace":
        """Copy its state into a folder that does not exist yet."""
        shutil.copytree(self.folder, folder)
        return replace(self, folder=folder)

    def start(self, *words: str, output: int | IO[str] = subprocess.PIPE) -> subprocess.Popen[str]:
        """Start ``python WORDS`` here; ``output`` takes all that it prints."""
        return subprocess.Popen(
            [sys.executable, *words],
            env=self.environment,
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str) -> str:
        """Run ``python WORDS`` here and return what it printed.

        Raises
        ------
        RuntimeError
            If it failed, with what it printed.
        """
        process = self.start(*words)
        printed, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"`python {' '.join(words)}` failed:\n{printed}")
        return printed

    def seconds(self, *words: str) -> float:
        """Return how long ``python WORDS`` takes here, as a whole process."""
        began = time.perf_counter()
        self.run(*words)
        return time.perf_counter() - began

    def stock_assets(self, *words: str) -> None:
        """Run a command of the command line."""
        self.run("-m", "stock_assets.cli", *words)

    def backfill(self, first: date, last: date) -> RunTimes:
        """Materialize all daily assets of days of one year by the command line."""
        self.stock_assets("backfill", "--from", str(first), "--to", str(last))
        return self.last_run()

    def task(self, name: str, *words: str) -> Any:
        """Run one of ``benchmarks.tasks`` and return what it says in its last line."""
        return json.loads(self.run("-m", "benchmarks.tasks", name, *words).splitlines()[-1])

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Open its instance of Dagster in this process."""
        with _variables(self.environment), dg.DagsterInstance.get() as instance:
            yield instance

    def last_run(self) -> RunTimes:
        """Return the times of the last run, which must have succeeded.

        Raises
        ------
        RuntimeError
            If there is none, or it did not.
        """
        with self.instance() as instance:
            records = instance.get_run_records(limit=1)
            if not records or records[0].dagster_run.status is not dg.DagsterRunStatus.SUCCESS:
                raise RuntimeError(f"the last run in {self.folder} is {records or 'missing'}")
            (record,) = records
            run_id = record.dagster_run.run_id
            first = instance.get_records_for_run(run_id, limit=1, ascending=True).records[0]
            stored = instance.get_records_for_run(
                run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
            ).records
            if record.end_time is None:
                raise RuntimeError(f"the run {run_id} has no end")
            return RunTimes(first.event_log_entry.timestamp, record.end_time, len(stored))


@contextmanager
def _variables(environment: Mapping[str, str]) -> Iterator[None]:
    """Have this environment in the block and the one before after it."""
    kept = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)
