"""The progress of one run on the terminal, and what its steps failed of."""

import threading
import time

import dagster as dg
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from stock_assets.errors import StockAssetsError

# Tags with the prefix .dagster/ are not shown in the UI.
LAUNCH_TAG = ".dagster/stock_assets_launch"
_POLL_SECONDS = 0.3
_OWN_ERRORS = f"{StockAssetsError.__module__}."
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


class RunProgress:
    """Follows the events of a run from a thread and shows them.

    The run is found by its mark, since its id is known only when it has ended.

    Parameters
    ----------
    tells : bool
        Whether to show the newest message that the run has logged: its whole log is read then, not its steps'
        beginnings and ends alone.
    """

    def __init__(
        self, instance: dg.DagsterInstance, mark: str, title: str, console: Console, *, tells: bool = False
    ) -> None:
        self._instance, self._mark, self._title, self._console = instance, mark, title, console
        self._events = None if tells else _STEP_EVENTS
        self._told = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="run progress", daemon=True)

    def __enter__(self) -> "RunProgress":
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
                    connection = self._instance.get_records_for_run(run_id, cursor, self._events)
                    cursor = connection.cursor
                    for record in connection.records:
                        done += self._show(record.event_log_entry, running)
                    progress.update(task, completed=done, description=self._description(running))
                if ending:
                    return

    def _started_run(self) -> dg.DagsterRun | None:
        """Return the run once it has started, and so has a log to read.

        Reading the log of a run that is being created would create its file beside the run itself.
        """
        runs = self._instance.get_runs(dg.RunsFilter(tags={LAUNCH_TAG: self._mark}), limit=1)
        return runs[0] if runs and runs[0].status not in _NOT_STARTED else None

    def _description(self, running: dict[str, float]) -> str:
        what = escape(self._told) or ", ".join(step.replace("__", "/") for step in running)
        return f"{self._title}: {what}" if what else self._title

    def _show(self, entry: dg.EventLogEntry, running: dict[str, float]) -> int:
        """Show what an event says, and return how many steps have ended with it."""
        if not entry.is_dagster_event:
            self._told = entry.user_message
            return 0
        event = entry.get_dagster_event()
        if event.event_type not in _STEP_EVENTS:
            return 0
        step = event.step_key or ""
        if event.event_type == dg.DagsterEventType.STEP_START:
            running[step] = entry.timestamp
            return 0
        seconds = entry.timestamp - running.pop(step, entry.timestamp)
        mark, colour = "done", "green"
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            mark, colour = ("stopped", "yellow") if was_interrupted(event) else ("failed", "red")
        name = step.replace("__", "/")
        total = time.monotonic() - self._started
        self._console.print(
            f"    [{colour}]{mark}[/] {name:<36} {seconds:5.1f} s   [dim]{total:5.0f} s in all[/]"
        )
        return 1


def was_interrupted(event: dg.DagsterEvent) -> bool:
    """Return whether a step failed because the run was asked to end."""
    return dg.DagsterExecutionInterruptedError.__name__ in root_error(event)


def root_error(event: dg.DagsterEvent) -> str:
    """Return what a step failed of, on one line: this package's own sentence, or else the innermost error."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None and not error.message.startswith(_OWN_ERRORS):
        error = error.cause
    text = " ".join(error.message.split()) if error is not None else "no error was recorded"
    return text.partition(": ")[2] if text.startswith(_OWN_ERRORS) else text
