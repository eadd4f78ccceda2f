"""The instance of a universe, and the runs that a command line has left behind in it."""

import datetime as dt
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml

from stock_assets.cli.instance import INSTANCE_FILE, write_instance_file
from stock_assets.cli.launch import fail_abandoned_runs
from stock_assets.cli.run_progress import LAUNCH_TAG
from stock_assets.config.operations import Operations
from stock_assets.instance_storage import InstanceStorage, RunLauncher
from stock_assets.processes import ProcessIdentity
from stock_assets.settings import DATABASE_URL_VARIABLE, PROJECT_ROOT
from stock_assets.storage.engine import create_engine
from stock_assets.storage.migrate import upgrade
from stock_assets.storage.run_workers import register_run
from stock_assets.storage.schema import run_workers

LIMITS = Operations(concurrent_runs=3, run_time_limit=dt.timedelta(hours=1))


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance by the project's own settings, with the tables beside it."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv(DATABASE_URL_VARIABLE, f"sqlite:///{tmp_path / 'stock_assets.db'}")
    write_instance_file(tmp_path / INSTANCE_FILE, LIMITS)
    with dg.DagsterInstance.get() as opened:
        yield opened


def test_the_limits_of_the_universe_reach_dagster(instance: dg.DagsterInstance) -> None:
    assert isinstance(instance.run_launcher, RunLauncher)
    assert isinstance(instance.get_ref().storage, InstanceStorage)
    assert instance.run_monitoring_enabled and instance.run_launcher.supports_check_run_worker_health
    assert instance.run_monitoring_max_runtime_seconds == 3600
    assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 3
    assert instance.run_retries_enabled and instance.run_retries_max_retries == 2
    assert not instance.run_retries_retry_on_asset_or_op_failure
    assert not instance.telemetry_enabled
    # One sensor does not wait for another one, such as that which waits for Slack.
    assert instance.get_settings("sensors")["use_threads"]


def test_the_file_says_the_defaults_and_keeps_its_reasons(tmp_path: Path) -> None:
    source = (PROJECT_ROOT / INSTANCE_FILE).read_text(encoding="utf-8")
    write_instance_file(tmp_path / INSTANCE_FILE, Operations())
    assert (tmp_path / INSTANCE_FILE).read_text(encoding="utf-8") == source
    write_instance_file(tmp_path / INSTANCE_FILE, LIMITS)
    written = (tmp_path / INSTANCE_FILE).read_text(encoding="utf-8")
    assert written.count("#") == source.count("#")
    expected = yaml.safe_load(source)
    expected["concurrency"]["runs"]["max_concurrent_runs"] = 3
    expected["run_monitoring"]["max_runtime_seconds"] = 3600
    assert yaml.safe_load(written) == expected


@dg.job
def empty() -> None:
    """Without steps."""


def test_whoever_reads_the_file_while_it_is_written_reads_a_whole_one(tmp_path: Path) -> None:
    path, ended, halves = tmp_path / INSTANCE_FILE, threading.Event(), []
    write_instance_file(path, LIMITS)
    whole = path.read_text()

    def read() -> None:
        while not ended.is_set():
            if path.read_text() != whole:
                halves.append(path)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(300):
        write_instance_file(path, LIMITS)
    ended.set()
    reader.join()
    assert halves == []
    assert [file.name for file in tmp_path.iterdir()] == [INSTANCE_FILE]


def test_only_the_command_lines_of_this_host_are_known_to_be_gone(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'stock_assets.db'}")
    upgrade(engine, "sample")
    own = replace(ProcessIdentity.own(), host=socket.gethostname())
    elsewhere = replace(own, host="elsewhere")
    minutes = {"here": (own, 1), "there": (elsewhere, 1), "there, long ago": (elsewhere, 3), "nobody's": None}
    runs = {}
    for name, seen in minutes.items():
        run = instance.create_run_for_job(empty, tags={LAUNCH_TAG: name}, status=dg.DagsterRunStatus.STARTED)
        runs[run.run_id] = name
        if seen is not None:
            with engine.begin() as connection:
                register_run(connection, run.run_id, seen[0])
                connection.execute(
                    sa.update(run_workers)
                    .where(run_workers.c.run_id == run.run_id)
                    .values(heartbeat_at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=seen[1]))
                )
    by_daemon = instance.create_run_for_job(empty, status=dg.DagsterRunStatus.STARTED).run_id

    assert fail_abandoned_runs(instance) == 3

    left = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    assert {runs.get(run.run_id, run.run_id) for run in left} == {"there", by_daemon}
