"""The run launcher that ``dagster.yaml`` names: Dagster's own, which knows whether a run still lives.

Dagster's default launcher cannot tell. A run whose process died together with its code server, as it does
when a machine is switched off, would count as started for ever and hold up all others.
"""

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from socket import gethostname
from typing import TYPE_CHECKING, Any

from dagster import DagsterRun
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.tags import MAX_RETRIES_TAG
from dagster._serdes import ConfigurableClassData

from stock_assets.settings import Settings

# The tables come with pandas, for which no webserver shall wait.
if TYPE_CHECKING:
    import sqlalchemy as sa

    from stock_assets.storage.run_workers import RunWorker

#: A heart that has beaten since then beats, whatever this host knows of the process: containers may share
#: the name of a host, and processes of another one cannot be seen.
FRESH = dt.timedelta(seconds=30)
#: A heart that has not beaten for so long has stopped.
STOPPED = dt.timedelta(minutes=2)


class RunLauncher(DefaultRunLauncher):
    """Dagster's default launcher with the health of runs, by the heartbeats in ``run_workers``."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self._suspects: dict[str, dt.datetime] = {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> "RunLauncher":
        """Make the launcher; it has no settings."""
        return cls(inst_data)

    @cached_property
    def _engine(self) -> "sa.Engine":
        from stock_assets.storage.engine import create_engine

        return create_engine(Settings.from_environment().database_url)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether run monitoring may ask for the health of runs."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Return whether a started run lives; one that does not may write nothing from then on."""
        from stock_assets.storage.run_workers import end_run, find_worker

        with self._engine.begin() as connection:
            worker = find_worker(connection, run.run_id)
            reason = self._why_dead(run, worker)
            if reason is None:
                return CheckRunHealthResult(WorkerStatus.RUNNING)
            end_run(connection, run.run_id)
        return CheckRunHealthResult(WorkerStatus.FAILED, reason)

    def terminate(self, run_id: str) -> bool:
        """Tell a run to end, and keep it from being started again; what it writes after that is refused.

        Its process ends within half a minute even if nothing in it listens.
        """
        from stock_assets.storage.run_workers import end_run

        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.add_run_tags(run_id, {MAX_RETRIES_TAG: "0"})
        with self._engine.begin() as connection:
            end_run(connection, run_id)
        try:
            return super().terminate(run_id)
        except DagsterUserCodeUnreachableError:
            self._instance.report_engine_event(
                "The code server that could tell the run to end is gone, and the run ends with it.",
                dagster_run=run,
                cls=type(self),
            )
            return True

    def _why_dead(self, run: DagsterRun, worker: "RunWorker | None") -> str | None:
        if worker is None:
            return self._why_never_alive(run)
        seconds, process = round(abs(worker.heartbeat_age).total_seconds()), worker.process
        where = f"the process {process.pid} on {process.host}"
        # One from the future is of a clock that was set back since, as after a start of the machine.
        if abs(worker.heartbeat_age) < FRESH:
            return None
        if process.host == gethostname() and process.has_gone():
            return f"The run has lost its process: {where} is gone, and was last seen {seconds} seconds ago."
        if worker.heartbeat_age < STOPPED:
            return None
        # A machine that slept wakes up with old heartbeats everywhere: the next look finds a newer one.
        if self._suspects.get(run.run_id) != worker.heartbeat_at:
            self._suspects[run.run_id] = worker.heartbeat_at
            return None
        return f"The run has lost its process: {where} has not been heard of for {seconds} seconds."

    def _why_never_alive(self, run: DagsterRun) -> str | None:
        record = self._instance.get_run_record_by_id(run.run_id)
        if record is None or record.start_time is None:
            return None
        seconds = dt.datetime.now(dt.UTC).timestamp() - record.start_time
        if seconds < STOPPED.total_seconds():
            return None
        return f"The run has no process: none has said in {seconds:.0f} seconds that it executes it."
