"""Which storage an instance gets, in every process that opens it."""

import multiprocessing
import os
import time
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster_mysql import MySQLRunStorage, MySQLScheduleStorage

from stock_assets.errors import ConfigurationError, StorageError
from stock_assets.instance_storage import (
    InstanceStorage,
    initialization,
    initialize,
    locks,
    mysql_connections,
    storage,
    versions,
)
from stock_assets.instance_storage.batches import BATCH_SIZE, BATCH_SIZE_VARIABLE, BatchedEventLogStorage
from stock_assets.instance_storage.database import InstanceDatabase
from stock_assets.instance_storage.mysql import BatchedMySQLEventLogStorage
from stock_assets.instance_storage.sqlite import BatchedSqliteEventLogStorage
from stock_assets.settings import DATABASE_URL_VARIABLE, Settings
from stock_assets_tests.instance_storage import events, jobs
from stock_assets_tests.instance_storage.instances import batched_instance, write_settings
from stock_assets_tests.servers import MariaDbServer, dropping_idle_connections


@pytest.mark.parametrize("url", [None, "", "sqlite:////somewhere/stock_assets.db", "sqlite+pysqlite:///x.db"])
def test_sqlite_is_chosen_in_the_state_folder(url: str | None, tmp_path: Path) -> None:
    assert InstanceDatabase.choose(tmp_path, url) == InstanceDatabase(tmp_path, None)


def test_mysql_is_chosen_by_its_url_which_no_text_shows(tmp_path: Path) -> None:
    url = "mysql+mysqlconnector://quant:s3cret@db:3306/stock_assets"
    database = InstanceDatabase.choose(tmp_path, url)
    assert database.mysql_url == url
    assert "s3cret" not in repr(database) + database.describe()
    assert "db:3306/stock_assets" in database.describe()


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("mysql+pymysql://quant:s3cret@db/x", "'mysql\\+pymysql'"),
        ("postgresql://quant:s3cret@db/x", "'postgresql'"),
        ("mysql+mysqlconnector:quant:s3cret@db", "cannot be read"),
        ("mysql+mysqlconnector://quant:s3cret@db:port/x", "cannot be read"),
    ],
)
def test_another_url_is_refused_without_showing_its_password(url: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=named) as refused:
        InstanceDatabase.choose(tmp_path, url)
    assert DATABASE_URL_VARIABLE in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_without_a_url_the_files_are_those_of_stock_dagster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with batched_instance(tmp_path, None, monkeypatch) as instance:
        assert type(instance.event_log_storage) is BatchedSqliteEventLogStorage
        assert type(instance.run_storage) is SqliteRunStorage
        assert type(instance.schedule_storage) is SqliteScheduleStorage
        jobs.Run("history").execute(instance, jobs.run_id(0))
    found = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.db")}
    assert found == {
        "history/runs.db",
        "history/runs/index.db",
        f"history/runs/{jobs.run_id(0)}.db",
        "schedules/schedules.db",
    }
    write_settings(tmp_path, None)
    with dg.DagsterInstance.get() as stock:
        assert type(stock.event_log_storage) is SqliteEventLogStorage
        assert stock.get_run_by_id(jobs.run_id(0)) is not None
        assert stock.get_latest_materialization_event(dg.AssetKey("price_history")) is not None


@pytest.mark.needs_binary
def test_one_url_moves_all_three_storages_to_mysql(
    mariadb: MariaDbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = mariadb.create_database("dagster_storage")
    with batched_instance(tmp_path, url, monkeypatch) as instance:
        assert isinstance(instance.event_log_storage, BatchedMySQLEventLogStorage)
        assert isinstance(instance.run_storage, MySQLRunStorage)
        assert isinstance(instance.schedule_storage, MySQLScheduleStorage)
        jobs.Run("history").execute(instance, jobs.run_id(0))
        assert instance.get_runs_count() == 1
    assert not list(tmp_path.rglob("*.db"))


def test_an_instance_without_dagster_home_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with pytest.raises(ConfigurationError, match="DAGSTER_HOME is not set"):
        InstanceStorage.from_config_value(None, {})


def test_the_folder_can_be_named_in_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.delenv(DATABASE_URL_VARIABLE, raising=False)
    InstanceStorage.from_config_value(None, {"base_dir": str(tmp_path / "here")})
    assert (tmp_path / "here/history/runs.db").exists()
    assert not (tmp_path / "elsewhere").exists()


def test_opening_the_storage_turns_batches_on_unless_a_size_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with batched_instance(tmp_path, None, monkeypatch):
        assert os.environ[BATCH_SIZE_VARIABLE] == str(BATCH_SIZE)
    with batched_instance(tmp_path, None, monkeypatch, batch_size=3):
        assert os.environ[BATCH_SIZE_VARIABLE] == "3"


def test_a_step_in_a_process_of_its_own_writes_batches(homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with batched_instance(homes / "processes", None, monkeypatch) as instance:
        monkeypatch.delenv(BATCH_SIZE_VARIABLE)  # the step must find it out by itself
        result = dg.execute_job(
            dg.reconstructable(jobs.environment_job),
            instance,
            tags=jobs.days("2022-01-03", "2022-01-05"),
            run_config={"execution": {"config": {"start_method": {"spawn": {}}}}},
        )
        assert result.success
        records = instance.fetch_materializations(dg.AssetKey("environment"), limit=10).records
        assert [record.partition_key for record in records] == ["2022-01-05", "2022-01-04", "2022-01-03"]
        metadata = records[0].asset_materialization.metadata
        assert metadata["storage"].value == "BatchedSqliteEventLogStorage"
        assert metadata["batch_size"].value == str(BATCH_SIZE)


def test_a_batch_that_fails_is_stored_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    with batched_instance(tmp_path, None, monkeypatch) as instance:
        monkeypatch.setattr(instance.event_log_storage, "write_batch", fail)
        jobs.Run("days", tags=jobs.days("2022-01-03", "2022-01-05")).execute(instance, jobs.run_id(0))
        assert len(instance.get_materialized_partitions(dg.AssetKey("alpha"))) == 3
        assert len(instance.fetch_materializations(dg.AssetKey("alpha"), limit=10).records) == 3


@pytest.mark.parametrize(
    ("version", "tested"),
    [
        ("1.13.27", True),
        ("1.13.26", False),
        ("1.13.28", False),
        ("1.14.0", False),
        ("1.13.27rc1", False),
        ("1!0+dev", False),
    ],
)
def test_only_versions_in_the_range_are_tested(version: str, tested: bool) -> None:
    assert versions.is_tested(version) is tested


def test_the_installed_version_is_in_the_range() -> None:
    assert versions.is_tested(dg.__version__), "these tests ran with it: extend the range if they pass"


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("mariadb", marks=pytest.mark.needs_binary)])
def test_another_version_of_dagster_uses_the_stock_storage_and_warns(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    url = None
    if kind == "mariadb":
        server: MariaDbServer = request.getfixturevalue("mariadb")
        url = server.create_database("dagster_storage")
    monkeypatch.setattr("dagster.__version__", "1.99.0")
    with pytest.warns(UserWarning, match=r"1\.99\.0 is outside the tested range \(1\.13\.27\)"):
        instance = batched_instance(tmp_path, url, monkeypatch)
    assert not isinstance(instance.event_log_storage, BatchedEventLogStorage)
    assert BATCH_SIZE_VARIABLE not in os.environ
    instance.event_log_storage.store_event_batch([events.planned("a"), events.planned("b")])
    assert instance.all_asset_keys() == [dg.AssetKey("a"), dg.AssetKey("b")]
    instance.dispose()


def _open(home: str) -> None:
    InstanceStorage(InstanceDatabase(Path(home)))


def test_processes_that_open_an_empty_store_at_once_make_it_whole(homes: Path) -> None:
    home = homes / "race"
    context = multiprocessing.get_context("spawn")
    openers = [context.Process(target=_open, args=(str(home),)) for _ in range(2)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
        assert opener.exitcode == 0
    storage = InstanceStorage(InstanceDatabase(home))
    for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
        version = part.alembic_version()
        assert version is not None
        assert version[0] == version[1]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("mariadb", marks=pytest.mark.needs_binary)])
def test_a_lock_that_is_held_too_long_is_an_error(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = None
    if kind == "mariadb":
        server: MariaDbServer = request.getfixturevalue("mariadb")
        url = server.create_database("dagster_race")
    database = InstanceDatabase(tmp_path, url)
    with locks.schema_lock(database):
        with pytest.raises(StorageError, match="Another process has held"), locks.schema_lock(database, 1):
            pass
    with locks.schema_lock(database, 1):
        pass


@pytest.mark.needs_binary
def test_a_server_that_drops_idle_connections_does_not_take_the_lock(
    mariadb: MariaDbServer, tmp_path: Path
) -> None:
    database = InstanceDatabase(tmp_path, mariadb.create_database("dagster_idle"))
    with dropping_idle_connections(mariadb), locks.schema_lock(database):
        time.sleep(2.5)
        with pytest.raises(StorageError, match="Another process has held"), locks.schema_lock(database, 0):
            pass


@pytest.mark.needs_binary
def test_a_server_that_ends_during_the_block_is_the_blocks_own_business(
    mariadb: MariaDbServer, tmp_path: Path
) -> None:
    database = InstanceDatabase(tmp_path, mariadb.create_database("dagster_idle"))
    with locks.schema_lock(database):
        mariadb.stop()
        mariadb.start()


@pytest.mark.needs_binary
@pytest.mark.parametrize("opening", ["InstanceStorage", "initialize"])
def test_a_server_that_restarts_while_a_process_opens_it_is_waited_for(
    mariadb: MariaDbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opening: str
) -> None:
    url = mariadb.create_database("dagster_opened")
    module = {"InstanceStorage": storage, "initialize": initialization}[opening]
    crashes: list[InstanceDatabase] = []

    def crash_once(database: InstanceDatabase) -> storage.Storages:
        if not crashes:
            crashes.append(database)
            mariadb.kill()
        return open_storages(database)

    open_storages = storage.open_storages
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: mariadb.start())
    monkeypatch.setattr(mysql_connections, "time", clock)
    monkeypatch.setattr(module, "open_storages", crash_once)
    if opening == "InstanceStorage":
        assert InstanceStorage(InstanceDatabase(tmp_path, url)).run_storage.get_runs_count() == 0
    else:
        initialize(Settings("sample", tmp_path / "configs", tmp_path, url))
    assert crashes
