"""Run jobs of the code location in this process, with progress on the terminal.

The runs are Dagster's: they stand in the UI with their steps, logs and materializations. Their steps run
in processes of their own, so that a crash of one costs one instrument.
"""

import os
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING

import dagster as dg
from rich.console import Console

from stock_assets.cli.interruption import noted_signals
from stock_assets.cli.run_progress import LAUNCH_TAG, RunProgress, root_error, was_interrupted
from stock_assets.defs.jobs import DAILY_JOB, HISTORY_JOB, TRAINING_JOB
from stock_assets.errors import StockAssetsError
from stock_assets.instance_storage.run_launcher import STOPPED
from stock_assets.settings import Settings

if TYPE_CHECKING:
    from stock_assets.storage.run_workers import RunWorker

#: By this tag the page of a job finds its runs: Dagster's name for the definitions of a module, and the
#: location's name in workspace.yaml.
_REPOSITORY_TAG = {".dagster/repository": "__repository__@stock_assets"}
#: The daemon starts no run again that a command line has started: the same command goes on from there.
_NOT_RETRIED = {"dagster/max_retries": "0"}
_RANGE_START, _RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
_KEPT = "what was finished is kept, and the same command goes on from there."
_KILLED = "The command that started this run is gone; it was killed or lost its terminal."


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
    config : mapping of str to mapping
        Settings of assets, by asset.
    """

    title: str
    job: str
    first: str | None = None
    last: str | None = None
    assets: tuple[tuple[str, ...], ...] = ()
    in_process: bool = False
    config: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

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
    if spec.config:
        config["ops"] = {asset: {"config": dict(settings)} for asset, settings in spec.config.items()}
    if spec.in_process:
        config["execution"] = {"config": {"in_process": True}}
    result = None
    with noted_signals() as asked_to_end:
        try:
            # Of prices alone: they are one long step, and the others log much that says less.
            with RunProgress(instance, mark, spec.title, console, tells=spec.in_process), _stderr_to(log):
                result = dg.execute_job(
                    dg.reconstructable(_JOBS[spec.job]),
                    instance=instance,
                    run_config=config,
                    tags={LAUNCH_TAG: mark, **_NOT_RETRIED, **_REPOSITORY_TAG, **spec.tags},
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

    Only the holder of the runner's lock may call this: no other command line of this host has a run then.
    One of another host, with the same database, may have.
    """
    unfinished = [
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
    runs = [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=unfinished))
        if LAUNCH_TAG in run.tags and not _lives_elsewhere(run.run_id)
    ]
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
    return _definitions().resolve_job_def(name)


@cache
def _definitions() -> dg.Definitions:
    from stock_assets.definitions import defs

    return defs()


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


def _lives_elsewhere(run_id: str) -> bool:
    from stock_assets.storage.engine import create_engine, read_transaction
    from stock_assets.storage.lost_connections import again_if_lost
    from stock_assets.storage.run_workers import find_worker

    engine = create_engine(Settings.from_environment().database_url, patient=True)

    @again_if_lost
    def find() -> "RunWorker | None":
        with read_transaction(engine) as connection:
            return find_worker(connection, run_id)

    worker = find()
    return worker is not None and worker.process.host != gethostname() and worker.heartbeat_age < STOPPED


def _failure(instance: dg.DagsterInstance, run_id: str, title: str) -> str:
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    events = [record.event_log_entry.get_dagster_event() for record in records]
    if any(was_interrupted(event) for event in events):
        return f"{title} was interrupted; {_KEPT}"
    failures = [f"  {(event.step_key or '').replace('__', '/')}: {root_error(event)}" for event in events]
    return "\n".join([f"{title} failed in run {run_id}; {_KEPT}", *failures])
