"""Which runs count as dead, by the hearts of their processes."""

import datetime as dt
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml
from dagster._core.launcher import WorkerStatus

from stock_assets.instance_storage import RunLauncher
from stock_assets.instance_storage.run_launcher import FRESH, STOPPED
from stock_assets.processes import ProcessIdentity, boot_name
from stock_assets.settings import DATABASE_URL_VARIABLE
from stock_assets.storage.engine import create_engine
from stock_assets.storage.migrate import upgrade
from stock_assets.storage.run_workers import beat, find_worker, register_run
from stock_assets.storage.schema import run_workers

SECOND = dt.timedelta(seconds=1)


@dg.op
def nothing() -> None:
    """Never runs."""


@dg.job
def empty() -> None:
    nothing()


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sa.Engine:
    url = f"sqlite:///{tmp_path / 'stock_assets.db'}"
    monkeypatch.setenv(DATABASE_URL_VARIABLE, url)
    engine = create_engine(url)
    upgrade(engine, "sample")
    return engine


@pytest.fixture
def instance(tmp_path: Path, engine: sa.Engine) -> Iterator[dg.DagsterInstance]:
    named = {"module": "stock_assets.instance_storage", "class": "RunLauncher"}
    settings = {"run_launcher": named, "telemetry": {"enabled": False}}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings))
    with dg.DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


@pytest.fixture
def launcher(instance: dg.DagsterInstance) -> RunLauncher:
    assert isinstance(instance.run_launcher, RunLauncher)
    assert instance.run_launcher.supports_check_run_worker_health
    return instance.run_launcher


@pytest.fixture
def run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    run = instance.create_run_for_job(empty)
    instance.report_dagster_event(
        dg.DagsterEvent(dg.DagsterEventType.PIPELINE_START.value, job_name="empty"), run.run_id
    )
    started = instance.get_run_by_id(run.run_id)
    assert started is not None and started.status is dg.DagsterRunStatus.STARTED
    return started


def beaten(engine: sa.Engine, run: dg.DagsterRun, process: ProcessIdentity, age: dt.timedelta) -> None:
    with engine.begin() as connection:
        register_run(connection, run.run_id, process)
        connection.execute(sa.update(run_workers).values(heartbeat_at=dt.datetime.now(dt.UTC) - age))


def ended(engine: sa.Engine, run: dg.DagsterRun) -> bool:
    with engine.begin() as connection:
        worker = find_worker(connection, run.run_id)
    return worker is not None and worker.ended


def gone() -> ProcessIdentity:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return ProcessIdentity(socket.gethostname(), boot_name(), process.pid, "1")


OWN = ProcessIdentity.own()
ELSEWHERE = replace(OWN, host="elsewhere", boot="another", pid=1, start="1")


@pytest.mark.parametrize("process", [OWN, ELSEWHERE])
@pytest.mark.parametrize("age", [SECOND, FRESH + SECOND, STOPPED - 10 * SECOND])
def test_a_heart_that_beat_within_two_minutes_beats(
    launcher: RunLauncher, engine: sa.Engine, run: dg.DagsterRun, process: ProcessIdentity, age: dt.timedelta
) -> None:
    beaten(engine, run, process, age)
    for _ in range(3):
        assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    assert not ended(engine, run)


@pytest.mark.parametrize(
    "process", [gone(), replace(OWN, boot="the boot before"), replace(OWN, start="of another process")]
)
def test_a_process_of_this_host_that_is_gone_is_dead(
    launcher: RunLauncher, engine: sa.Engine, run: dg.DagsterRun, process: ProcessIdentity
) -> None:
    beaten(engine, run, process, FRESH - 5 * SECOND)
    # It may be another host's, of the same name.
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    beaten(engine, run, process, FRESH + SECOND)
    health = launcher.check_run_worker_health(run)
    assert health.status is WorkerStatus.FAILED
    assert f"the process {process.pid} on {socket.gethostname()} is gone" in str(health.msg)
    assert ended(engine, run) and not beat(engine, run.run_id)


def test_a_heart_that_beat_in_the_future_keeps_no_dead_process_alive(
    launcher: RunLauncher, engine: sa.Engine, run: dg.DagsterRun
) -> None:
    """The clock was ahead when it beat, and was set back when the machine was started again."""
    beaten(engine, run, OWN, dt.timedelta(hours=-9))
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    beaten(engine, run, replace(OWN, boot="the boot before"), dt.timedelta(hours=-9))
    assert launcher.check_run_worker_health(run).status is WorkerStatus.FAILED


@pytest.mark.parametrize("process", [OWN, ELSEWHERE])
def test_a_heart_that_stopped_is_looked_at_twice(
    launcher: RunLauncher, engine: sa.Engine, run: dg.DagsterRun, process: ProcessIdentity
) -> None:
    beaten(engine, run, process, STOPPED + SECOND)
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    # The machine had slept: it beats again, and stops again.
    beaten(engine, run, process, STOPPED + 5 * SECOND)
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    assert not ended(engine, run)
    health = launcher.check_run_worker_health(run)
    assert health.status is WorkerStatus.FAILED
    assert f"on {process.host} has not been heard of for 125 seconds" in str(health.msg)
    assert ended(engine, run)


def test_a_run_that_nobody_executes_is_dead_after_two_minutes(
    launcher: RunLauncher, engine: sa.Engine, run: dg.DagsterRun, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    with sa.create_engine(f"sqlite:///{tmp_path / 'history' / 'runs.db'}").begin() as connection:
        connection.execute(sa.text("UPDATE runs SET start_time = start_time - 121"))
    health = launcher.check_run_worker_health(run)
    assert health.status is WorkerStatus.FAILED and "The run has no process" in str(health.msg)
    assert not beat(engine, run.run_id), "should it wake up after all, it must write nothing"


def test_a_run_that_is_told_to_end_writes_nothing_and_is_not_started_again(
    launcher: RunLauncher, engine: sa.Engine, run: dg.DagsterRun, instance: dg.DagsterInstance
) -> None:
    beaten(engine, run, OWN, SECOND)
    assert not launcher.terminate(run.run_id), "there is no code server to tell it"
    assert ended(engine, run)
    told = instance.get_run_by_id(run.run_id)
    assert told is not None and told.tags["dagster/max_retries"] == "0"
    assert told.status is dg.DagsterRunStatus.CANCELING
    instance.report_run_canceled(told)
    assert not launcher.terminate(run.run_id)
    assert os.getpid() == OWN.pid
