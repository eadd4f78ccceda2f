"""A process that is killed while it writes a batch leaves what a killed stock storage could have left."""

import multiprocessing
import os
import signal
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log import SqlEventLogStorage

from stock_assets.instance_storage.mysql import BatchedMySQLEventLogStorage
from stock_assets.instance_storage.sqlite import BatchedSqliteEventLogStorage
from stock_assets_tests.instance_storage import events
from stock_assets_tests.instance_storage.statements import before_each_commit, before_each_statement
from stock_assets_tests.instance_storage.stored_rows import Rows, stored_rows
from stock_assets_tests.servers import MariaDbServer

FIRST = [events.planned("a", "2022-01-03"), events.planned("b", "2022-01-03")]
BATCH = [
    events.materialization("a", "2022-01-03", {"dagster/data_version": "1"}),
    events.materialization("b", "2022-01-03", {"dagster/data_version": "2"}),
    events.planned_check("b", "finite"),
]
RUN_FILE = f"{events.RUN_ID}.db"


def _open(place: str) -> SqlEventLogStorage:
    return (
        BatchedMySQLEventLogStorage(place)
        if place.startswith("mysql")
        else BatchedSqliteEventLogStorage(place)
    )


def _write_and_die(place: str, at: str, position: int) -> None:
    log = _open(place)
    count = 0

    def die(*_: object) -> None:
        nonlocal count
        if count == position:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    before = {"statement": before_each_statement, "commit": before_each_commit}[at]
    with before(die):
        log.store_event_batch(BATCH)


def _rows_after_death(place: str, at: str, position: int) -> tuple[Rows, Rows, bool]:
    """Return the rows before and after a batch whose writer is killed, and whether it was."""
    log = _open(place)
    log.store_event_batch(FIRST)
    before = stored_rows(log)
    writer = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(place, at, position))
    writer.start()
    writer.join()
    return before, stored_rows(log), writer.exitcode == -signal.SIGKILL


@pytest.mark.parametrize(("at", "position"), [("statement", 1), ("statement", 4), ("commit", 0)])
def test_sqlite_killed_before_the_first_commit_has_nothing_of_the_batch(
    homes: Path, at: str, position: int
) -> None:
    with tempfile.TemporaryDirectory(dir=homes) as folder:
        before, after, killed = _rows_after_death(folder, at, position)
        assert killed
        assert after == before


def test_sqlite_killed_between_the_commits_has_the_batch_in_the_log_of_the_run_only(homes: Path) -> None:
    with tempfile.TemporaryDirectory(dir=homes) as folder:
        before, after, killed = _rows_after_death(folder, "commit", 1)
        assert killed
        assert {name: rows for name, rows in after.items() if name != RUN_FILE} == {
            name: rows for name, rows in before.items() if name != RUN_FILE
        }
        assert len(after[RUN_FILE]) == len(FIRST) + len(BATCH)
        # The next process goes on, and its rows are whole.
        _open(folder).store_event_batch(BATCH)
        assert len(stored_rows(_open(folder))["asset_event_tags"]) == 2


@pytest.mark.needs_binary
@pytest.mark.parametrize(("at", "position"), [("statement", 3), ("commit", 2)])
def test_mysql_killed_before_the_commit_has_nothing_of_the_batch(
    mariadb: MariaDbServer, at: str, position: int
) -> None:
    before, after, killed = _rows_after_death(mariadb.create_database("dagster_crash"), at, position)
    assert killed
    assert after == before


def test_the_files_of_a_killed_writer_are_not_damaged(homes: Path) -> None:
    with tempfile.TemporaryDirectory(dir=homes) as folder:
        _rows_after_death(folder, "commit", 1)
        for file in Path(folder).glob("*.db"):
            engine = sa.create_engine(f"sqlite:///{file}", poolclass=sa.NullPool)
            with engine.connect() as connection:
                assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
                assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
