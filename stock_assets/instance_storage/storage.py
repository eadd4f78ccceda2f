"""The storage class that ``dagster.yaml`` names."""

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import dagster
from dagster import DagsterRun, DagsterRunStatus, Field, RunsFilter, StringSource
from dagster._config.config_schema import UserConfigSchema
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log import EventLogStorage
from dagster._core.storage.runs import RunStorage
from dagster._core.storage.schedules import ScheduleStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from stock_assets.errors import ConfigurationError
from stock_assets.instance_storage.database import InstanceDatabase
from stock_assets.instance_storage.locks import schema_lock
from stock_assets.instance_storage.versions import is_tested, tested_range
from stock_assets.settings import DATABASE_URL_VARIABLE

DAGSTER_HOME_VARIABLE = "DAGSTER_HOME"
#: A run that a worker has, or may have at any moment.
UNFINISHED = (
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
)


class InstanceStorage(DagsterStorage, ConfigurableClass):
    """Dagster's runs, event log and schedules in the database that ``STOCK_ASSETS_DATABASE_URL`` names.

    Unset, or an SQLite URL: Dagster's own SQLite files in the state folder. ``mysql+mysqlconnector://…``:
    that database, by dagster-mysql. All storages are Dagster's own but the event log, which writes batches
    in one transaction each. With a version of Dagster that this was not tested with, the event log is
    Dagster's own too, and a warning says so.

    Parameters
    ----------
    database : InstanceDatabase
        Where the tables are. Missing tables are created.
    inst_data : ConfigurableClassData, optional
        How ``dagster.yaml`` named this class; Dagster passes it on to other processes.
    """

    def __init__(self, database: InstanceDatabase, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._storages = _open(database)
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """How ``dagster.yaml`` named this class."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Return the keys of ``config:`` in ``dagster.yaml``: ``base_dir``, by default ``$DAGSTER_HOME``."""
        return {"base_dir": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, str]
    ) -> "InstanceStorage":
        """Open the storage as ``dagster.yaml`` and the environment say.

        Raises
        ------
        ConfigurationError
            If neither ``base_dir`` nor ``DAGSTER_HOME`` is set, or the database URL cannot be used.
        """
        base_dir = config_value.get("base_dir") or os.environ.get(DAGSTER_HOME_VARIABLE)
        if not base_dir:
            raise ConfigurationError(
                f"{DAGSTER_HOME_VARIABLE} is not set, so there is no folder for Dagster's files: set it to "
                "the universe's state folder, or give base_dir in dagster.yaml under storage, custom, config."
            )
        state_dir = Path(base_dir).expanduser()
        return cls(InstanceDatabase.choose(state_dir, os.environ.get(DATABASE_URL_VARIABLE)), inst_data)

    @property
    def event_log_storage(self) -> EventLogStorage:
        """The event log."""
        return self._storages.event_log

    @property
    def run_storage(self) -> RunStorage:
        """Runs, backfills, daemons' heartbeats and cursors."""
        return self._storages.runs

    @property
    def schedule_storage(self) -> ScheduleStorage:
        """Schedules, sensors and their ticks."""
        return self._storages.schedules


@dataclass(frozen=True)
class Storages:
    """The three parts of Dagster's storage."""

    runs: RunStorage
    event_log: EventLogStorage
    schedules: ScheduleStorage


def open_storages(database: InstanceDatabase) -> Storages:
    """Open Dagster's storages, and create their tables if they are missing.

    The caller holds the `schema_lock`.
    """
    if is_tested(dagster.__version__):
        return _open_tested(database)
    warnings.warn(
        f"Dagster {dagster.__version__} is outside the tested range ({tested_range()}): events are written "
        "by Dagster's own storage, one at a time and many times slower. Install a tested version, or run the "
        "tests of stock_assets.instance_storage with this one and extend the range in versions.py.",
        stacklevel=2,
    )
    return _open_stock(database)


def _open(database: InstanceDatabase) -> Storages:
    """Open the storages while nobody makes tables; again if a server goes away meanwhile, as it may restart.

    Dagster opens them in every process, and counts a step whose process cannot as the end of the run.
    """

    def open_locked() -> Storages:
        with schema_lock(database):
            return open_storages(database)

    if database.mysql_url is None:
        return open_locked()
    from stock_assets.instance_storage.mysql_connections import again_while_away

    return again_while_away(open_locked)


def unfinished_runs(state_dir: Path) -> list[DagsterRun]:
    """Return the runs in the SQLite files of a state folder that may still write, if there are such files."""
    database = InstanceDatabase(state_dir)
    if not (state_dir / "history" / "runs.db").is_file():
        return []
    with schema_lock(database):
        runs = _open_stock(database).runs
    return list(runs.get_runs(RunsFilter(statuses=list(UNFINISHED))))


# Imported where they are used: dagster-mysql only if MySQL is chosen, and what builds on the inside of
# Dagster's storages only with a version that is known to have it.


def _open_tested(database: InstanceDatabase) -> Storages:
    if database.mysql_url is None:
        from stock_assets.instance_storage.sqlite import BatchedSqliteEventLogStorage

        stock = _open_stock(database)
        event_log = BatchedSqliteEventLogStorage(str(database.state_dir / "history" / "runs"))
        return replace(stock, event_log=event_log)
    from stock_assets.instance_storage.mysql import BatchedMySQLEventLogStorage
    from stock_assets.instance_storage.mysql_connections import (
        PatientMySQLRunStorage,
        PatientMySQLScheduleStorage,
    )

    return Storages(
        PatientMySQLRunStorage(database.mysql_url),
        BatchedMySQLEventLogStorage(database.mysql_url),
        PatientMySQLScheduleStorage(database.mysql_url),
    )


def _open_stock(database: InstanceDatabase) -> Storages:
    if database.mysql_url is None:
        stock = DagsterSqliteStorage.from_local(str(database.state_dir))
    else:
        from dagster_mysql import DagsterMySQLStorage

        stock = DagsterMySQLStorage(database.mysql_url)
    return Storages(stock.run_storage, stock.event_log_storage, stock.schedule_storage)
