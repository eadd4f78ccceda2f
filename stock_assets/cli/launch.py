"""Run jobs of the code location in this process, with progress on the terminal.

The runs are Dagster's: they stand in the UI with their steps, logs and materializations. Their steps run
in processes of their own, so that a crash of one costs one instrument.
"""

import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import dagster as dg
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from stock_assets.cli.interruption import noted_signals
from stock_assets.cli.step_processes import end_with_the_command
from stock_assets.defs.jobs import DAILY_JOB, HISTORY_JOB, TRAINING_JOB
from stock_assets.errors import StockAssetsError

# Tags with the prefix .dagster/ are not shown in the UI.
LAUNCH_TAG = ".dagster/stock_assets_launch"
#: By this tag the page of a job finds its runs: Dagster's name for the definitions of a module, and the
#: location's name in workspace.yaml.
_REPOSITORY_TAG = {".dagster/repository": "__repository__@stock_assets"}
_RANGE_START, _RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
_POLL_SECONDS = 0.3
_KEPT = "what was finished is kept, and the same command goes on from there."
_KILLED = "The command that started this run is gone; it was killed or lost its terminal."
_OWN_ERRORS = f"{StockAssetsError.__module__}."


class RunFailed(StockAssetsError):
    """A run that was started from the command line failed."""


@dataclass(frozen=True)
class Launch:
    """One run to start.

    Attributes
    ----------
    title : str
        What it does, for the terminal.
    job : str
        Name of the job.
    first, last : str or None
        Partition keys of the range, the same for a single one; None without partitions.
    assets : tuple of tuple of str
        Asset keys; empty for all of the job.
    in_process : bool
        Whether its steps are too light for processes of their own.
    """

    title: str
    job: str
    first: str | None = None
    last: str | None = None
    assets: tuple[tuple[str, ...], ...] = ()
    in_process: bool = False

    @property
    def tags(self) -> dict[str, str]:
        """The run's tags that say its partitions."""
        if self.first is None or self.last is None:
            return {}
        if self.first == self.last:
            return {"dagster/partition": self.first}
        return {_RANGE_START: self.first, _RANGE_END: self.last}


def keys_of(days: Sequence[date]) -> tuple[str, str]:
    """Return the first and the last partition key of consecutive days."""
    return days[0].isoformat(), days[-1].isoformat()


def launch(instance: dg.DagsterInstance, spec: Launch, console: Console, log: Path) -> None:
    """Run to the end, showing each step as it finishes.

    Parameters
    ----------
    log : Path
        Where the standard error of the run and of its steps is appended: Dagster's console log. What matters
        of it is in the event log too.

    Raises
    ------
    RunFailed
        With the steps that failed and their errors, in one sentence each; or if the command was asked to end
        meanwhile, even if the run was done before Dagster could act on that.
    """
    mark = uuid.uuid4().hex
    config: dict[str, object] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if spec.in_process:
        config["execution"] = {"config": {"in_process": True}}
    result = None
    with noted_signals() as asked_to_end:
        try:
            with _Watcher(instance, mark, spec.title, console), _stderr_to(log):
                result = dg.execute_job(
                    dg.reconstructable(_JOBS[spec.job]),
                    instance=instance,
                    run_config=config,
                    tags={LAUNCH_TAG: mark, **_REPOSITORY_TAG, **spec.tags},
                    asset_selection=[dg.AssetKey(list(key)) for key in spec.assets] or None,
                )
        except BaseException:
            if not asked_to_end():
                raise
        if asked_to_end():
            fail_abandoned_runs(instance, "The command that started this run was interrupted.")
            raise RunFailed(f"{spec.title} was interrupted; {_KEPT}")
    if result is not None and not result.success:
        raise RunFailed(_failure(instance, result.run_id, spec.title))


def fail_abandoned_runs(instance: dg.DagsterInstance, reason: str = _KILLED) -> int:
    """Mark runs as failed that a command line, such as one that was killed, left behind; return how many.

    Only the holder of the runner's lock may call this: no other command line has a run then.
    """
    unfinished = [
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
    runs = [run for run in instance.get_runs(dg.RunsFilter(statuses=unfinished)) if LAUNCH_TAG in run.tags]
    for run in runs:
        instance.report_run_failed(run, reason)
    return len(runs)


def history_job() -> dg.JobDefinition:
    """Return the job that loads the history, for processes that rebuild it."""
    return _job(HISTORY_JOB)


def daily_job() -> dg.JobDefinition:
    """Return the job of all daily assets, for processes that rebuild it."""
    return _job(DAILY_JOB)


def training_job() -> dg.JobDefinition:
    """Return the job of all training assets, for processes that rebuild it."""
    return _job(TRAINING_JOB)


_JOBS = {HISTORY_JOB: history_job, DAILY_JOB: daily_job, TRAINING_JOB: training_job}


def _job(name: str) -> dg.JobDefinition:
    end_with_the_command()
    return _definitions().resolve_job_def(name)


@cache
def _definitions() -> dg.Definitions:
    from stock_assets.definitions import defs

    return defs()


class _Watcher:
    """Follows the events of a run from a thread and shows them.

    The run is found by its mark, since its id is known only when it has ended.
    """

    def __init__(self, instance: dg.DagsterInstance, mark: str, title: str, console: Console) -> None:
        self._instance, self._mark, self._title, self._console = instance, mark, title, console
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="run progress", daemon=True)

    def __enter__(self) -> "_Watcher":
        self._started = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(self._title, total=None)
            run_id, cursor, done, running = None, None, 0, {}
            while True:
                ending = self._stop.wait(_POLL_SECONDS)
                if run_id is None:
                    run = self._started_run()
                    if run is not None:
                        run_id = run.run_id
                        progress.update(task, total=len(run.step_keys_to_execute or ()) or None)
                if run_id is not None:
                    connection = self._instance.get_records_for_run(run_id, cursor, _STEP_EVENTS)
                    cursor = connection.cursor
                    for record in connection.records:
                        done += self._show(record.event_log_entry, running)
                    progress.update(task, completed=done, description=_description(self._title, running))
                if ending:
                    return

    def _started_run(self) -> dg.DagsterRun | None:
        """Return the run once it has started, and so has a log to read.

        Reading the log of a run that is being created would create its file beside the run itself.
        """
        runs = self._instance.get_runs(dg.RunsFilter(tags={LAUNCH_TAG: self._mark}), limit=1)
        return runs[0] if runs and runs[0].status not in _NOT_STARTED else None

    def _show(self, entry: dg.EventLogEntry, running: dict[str, float]) -> int:
        event = entry.get_dagster_event()
        step = event.step_key or ""
        if event.event_type == dg.DagsterEventType.STEP_START:
            running[step] = entry.timestamp
            return 0
        seconds = entry.timestamp - running.pop(step, entry.timestamp)
        mark, colour = "done", "green"
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            mark, colour = ("stopped", "yellow") if _was_interrupted(event) else ("failed", "red")
        name = step.replace("__", "/")
        total = time.monotonic() - self._started
        self._console.print(
            f"    [{colour}]{mark}[/] {name:<36} {seconds:5.1f} s   [dim]{total:5.0f} s in all[/]"
        )
        return 1


@contextmanager
def _stderr_to(path: Path) -> Iterator[None]:
    """Send standard error of this process and its children to a file."""
    sys.stderr.flush()
    kept = os.dup(2)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


_NOT_STARTED = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
)
_STEP_EVENTS = {
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
}


def _description(title: str, running: dict[str, float]) -> str:
    steps = ", ".join(step.replace("__", "/") for step in running)
    return f"{title}: {steps}" if steps else title


def _failure(instance: dg.DagsterInstance, run_id: str, title: str) -> str:
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    events = [record.event_log_entry.get_dagster_event() for record in records]
    if any(_was_interrupted(event) for event in events):
        return f"{title} was interrupted; {_KEPT}"
    failures = [f"  {(event.step_key or '').replace('__', '/')}: {_root_error(event)}" for event in events]
    return "\n".join([f"{title} failed in run {run_id}; {_KEPT}", *failures])


def _was_interrupted(event: dg.DagsterEvent) -> bool:
    return dg.DagsterExecutionInterruptedError.__name__ in _root_error(event)


def _root_error(event: dg.DagsterEvent) -> str:
    """Return what a step failed of, on one line: this package's own sentence, or else the innermost error."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None and not error.message.startswith(_OWN_ERRORS):
        error = error.cause
    text = " ".join(error.message.split()) if error is not None else "no error was recorded"
    return text.partition(": ")[2] if text.startswith(_OWN_ERRORS) else text
