"""The daily assets: a backfill beside single days and beside a plain process, a new day, and memory."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from subprocess import Popen, TimeoutExpired

from benchmarks.figures import Figure, median_of
from benchmarks.memory import PeakMemory, can_be_measured, command_of, descendants, megabytes
from benchmarks.workplaces import Workplace
from stock_assets.settings import PROJECT_ROOT

#: What a backfill may take beyond the plain process, and a day from launch to the last row.
MOST_BEYOND_PLAIN_SECONDS = 15.0
MOST_DAILY_SECONDS = 20.0

_DAEMON_PATIENCE_SECONDS = 180.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.1

#: Gives a workplace the database that is measured, filled with what its state folder holds.
Database = Callable[[Workplace], Workplace]


@dataclass(frozen=True)
class Range:
    """What is computed: a range of trading days, then the one after it as a new day.

    Attributes
    ----------
    cutoff : date
        The cutoff that is trained; days before the range have prices.
    days : tuple of date
        The trading days of the range.
    next_day : date
    """

    cutoff: date
    days: tuple[date, ...]
    next_day: date

    @property
    def ends(self) -> tuple[str, str]:
        """Its first and last day."""
        return str(self.days[0]), str(self.days[-1])


def prepare(place: Workplace, days: Range) -> list[Figure]:
    """Load what precedes the range and train the cutoff, through Dagster; what the training takes."""
    place.stock_assets("init")
    known: list[str] = place.task("days", "1900-01-01", str(days.days[0]))
    place.task("prices", known[-2])
    with PeakMemory() as peak:
        place.stock_assets("train", "--cutoff", str(days.cutoff))
    run = place.last_run()
    figures = [Figure(f"training run, {run.materializations} networks", run.seconds, "s")]
    if can_be_measured():
        figures.append(Figure("training run: memory of its processes, at most", peak.megabytes, "MB"))
    return figures


def year(
    prepared: Workplace, folder: Path, days: Range, single_days: int, database: Database
) -> tuple[Workplace, list[Figure]]:
    """Measure the backfill of the range on one database, and return where it was made.

    Parameters
    ----------
    single_days : int
        How many days are run one by one, as a sample of all; 0 for none.
    database : callable
        As ``Database``.
    """
    count = len(days.days)
    plain = database(prepared.copy(folder / "plain")).seconds("-m", "benchmarks.tasks", "plain", *days.ends)
    place = database(prepared.copy(folder / "backfilled"))
    run = place.backfill(days.days[0], days.days[-1])
    title = f"backfill of {count} days"
    figures = [
        Figure(
            f"{title}: the run, {run.materializations} materializations",
            run.seconds,
            "s",
            "one plain process",
            plain,
            f"at most {MOST_BEYOND_PLAIN_SECONDS:.0f} s more",
            run.seconds <= plain + MOST_BEYOND_PLAIN_SECONDS,
        )
    ]
    if single_days:
        single = database(prepared.copy(folder / "single"))
        seconds: list[float] = single.task("each-day", str(days.days[0]), str(days.days[single_days - 1]))
        all_of_them = sum(seconds) / len(seconds) * count
        told = f"one run a day ({single_days} days × {count / single_days:.3g})"
        figures.append(Figure(f"{title}: the run", run.seconds, "s", told, all_of_them))
    return place, figures


def day(backfilled: Workplace, folder: Path, days: Range, times: int) -> list[Figure]:
    """Measure a new trading day by the command line, from the command's start to the end of its run."""

    def measure(number: int) -> float:
        place = backfilled.copy(folder / f"day-{number}") if times > 1 else backfilled
        began = time.time()
        return place.backfill(days.next_day, days.next_day).ended - began

    with PeakMemory() as peak:
        seconds = median_of(measure, times)
    figures = [
        Figure(
            "a new day by the command line, launch to last row",
            seconds,
            "s",
            bound=f"at most {MOST_DAILY_SECONDS:.0f} s",
            met=seconds <= MOST_DAILY_SECONDS,
        )
    ]
    if can_be_measured():
        figures.append(Figure("a new day: memory of its processes, at most", peak.megabytes, "MB"))
    return figures


def day_by_daemon(backfilled: Workplace, folder: Path, days: Range) -> list[Figure]:
    """Measure a new trading day that waits for the daemon, and the memory of its servers before that."""
    place = backfilled.copy(folder / "daemon")
    workspace = ["-w", str(PROJECT_ROOT / "workspace.yaml")]
    figures = []
    with (
        (place.folder / "daemon.log").open("w", encoding="utf-8") as log,
        _stopped_at_the_end(place.start("-m", "dagster._daemon", "run", *workspace, output=log)) as daemon,
    ):
        _wait_for_daemon(place, daemon)
        servers = descendants(daemon.pid)
        if can_be_measured():
            code = {pid for pid in servers if " grpc " in f"{command_of(pid)} "}
            figures.append(Figure("code server, idle: memory", megabytes(code), "MB"))
            figures.append(Figure("daemon and code server, idle: memory", megabytes(servers), "MB"))
        tags = json.dumps({"dagster/partition": str(days.next_day)})
        place.run("-m", "dagster", "job", "launch", *workspace, "-j", "daily", "--tags", tags)
        _wait_for_run(place, daemon)
        run = place.last_run()
    seconds = Figure(
        "a new day by the daemon, queued to last row",
        run.seconds,
        "s",
        bound=f"at most {MOST_DAILY_SECONDS:.0f} s",
        met=run.seconds <= MOST_DAILY_SECONDS,
    )
    return [seconds, *figures]


def _wait_for_daemon(place: Workplace, daemon: Popen[str]) -> None:
    """Wait until the daemon has loaded the code location and looks at the queue."""
    with place.instance() as instance:

        def lives() -> bool:
            # Every kind of daemon has a status, those that have never run too.
            status = instance.get_daemon_statuses().get("QUEUED_RUN_COORDINATOR")
            return status is not None and status.last_heartbeat is not None

        _wait(daemon, lives)


def _wait_for_run(place: Workplace, daemon: Popen[str]) -> None:
    with place.instance() as instance:
        _wait(daemon, lambda: instance.get_runs(limit=1)[0].is_finished)


def _wait(daemon: Popen[str], happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DAEMON_PATIENCE_SECONDS
    while not happened():
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the daemon has ended, or does nothing")
        time.sleep(_POLL_SECONDS)


@contextmanager
def _stopped_at_the_end(server: Popen[str]) -> Iterator[Popen[str]]:
    """Interrupt a server after the block, and end it with all that it started if it does not obey."""
    try:
        yield server
    finally:
        started = descendants(server.pid)
        server.send_signal(signal.SIGINT)
        try:
            server.wait(timeout=_STOP_SECONDS)
        except TimeoutExpired:
            for pid in started & descendants(server.pid):
                os.kill(pid, signal.SIGKILL)
