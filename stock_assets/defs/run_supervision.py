"""A thread in the process of every run: it says that the run lives, and ends it when it must not go on."""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from stock_assets.pipeline.deployment import current_deployment
from stock_assets.processes import Memory, ProcessIdentity, memory_of

if TYPE_CHECKING:
    import sqlalchemy as sa

_BEAT_SECONDS = 10
_MEMORY_SECONDS = 1
#: How long a run that was ended may take to end by itself before its processes are killed.
GRACE_SECONDS = 20

_LOGGER = logging.getLogger(__name__)


class RunSupervision:
    """Notes that a run's process lives, and what the processes of its steps hold of the memory.

    Parameters
    ----------
    instance : DagsterInstance
    engine : Engine
        The project's database.
    run_id : str
    """

    def __init__(self, instance: dg.DagsterInstance, engine: "sa.Engine", run_id: str) -> None:
        self._instance, self._engine, self._run_id = instance, engine, run_id
        self._steps: dict[str, int] = {}
        self._memory: dict[int, Memory] = {}
        self._ended_since: float | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="run supervision", daemon=True)

    @classmethod
    @contextmanager
    def of(cls, instance: dg.DagsterInstance, run_id: str) -> "Iterator[RunSupervision]":
        """Watch over a run for the duration of the block, and let it write nothing after that."""
        from stock_assets.storage.engine import create_engine
        from stock_assets.storage.lost_connections import again_if_lost
        from stock_assets.storage.run_workers import end_run, register_run

        # Whoever has started the run has reached the server.
        engine = create_engine(current_deployment().settings.database_url, patient=True)

        @again_if_lost
        def note_begin() -> None:
            with engine.begin() as connection:
                register_run(connection, run_id, ProcessIdentity.own())

        @again_if_lost
        def note_end() -> None:
            with engine.begin() as connection:
                end_run(connection, run_id)

        note_begin()
        supervision = cls(instance, engine, run_id)
        supervision._thread.start()
        try:
            yield supervision
        finally:
            supervision._done.set()
            supervision._thread.join()
            note_end()
            engine.dispose()

    def note(self, event: dg.DagsterEvent) -> None:
        """Learn from a step's first event which process it is."""
        if event.event_type is dg.DagsterEventType.STEP_WORKER_STARTED and event.step_key:
            pid = event.engine_event_data.metadata.get("pid")
            if pid is not None:
                self._steps[event.step_key] = int(str(pid.value))
        elif event.step_key and (event.is_step_success or event.is_step_failure):
            self._steps.pop(event.step_key, None)

    def last_memory(self, pid: int) -> Memory | None:
        """Return what the process of a step was last seen to hold."""
        return self._memory.get(pid)

    def _watch(self) -> None:
        next_beat = time.monotonic() + _BEAT_SECONDS
        while not self._done.wait(_MEMORY_SECONDS):
            for pid in list(self._steps.values()):
                memory = memory_of(pid)
                if memory is not None:
                    self._memory[pid] = memory
            if time.monotonic() >= next_beat:
                self._beat()
                next_beat = time.monotonic() + _BEAT_SECONDS

    def _beat(self) -> None:
        from stock_assets.errors import StorageError
        from stock_assets.storage.run_workers import beat

        try:
            alive = beat(self._engine, self._run_id)
        except StorageError as error:
            # The next beat may succeed; a database that stays away lets the run count as dead elsewhere.
            _LOGGER.warning("%s", error)
            return
        if alive:
            return
        self._ended_since = self._ended_since or time.monotonic()
        if time.monotonic() - self._ended_since >= GRACE_SECONDS:
            self._end()

    def _end(self) -> None:
        """Kill the steps' processes and this one: code inside a library answers to nothing else."""
        try:
            self._say_why()
        except Exception:
            # It must end all the same: nobody else would end it, and run monitoring says what became of it.
            _LOGGER.exception("Why the run %s is killed could not be said.", self._run_id)
        for pid in [*self._steps.values(), os.getpid()]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def _say_why(self) -> None:
        run = self._instance.get_run_by_id(self._run_id)
        if run is not None and run.status is dg.DagsterRunStatus.CANCELING:
            self._instance.report_run_canceled(
                run, f"It had not ended {GRACE_SECONDS} seconds after it was told to, and was killed."
            )
