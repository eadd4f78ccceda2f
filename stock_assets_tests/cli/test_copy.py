"""``stock-assets copy``: the tables of a finished universe move from SQLite to a server."""

import fcntl
import re
import signal

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.runs import SqliteRunStorage

from stock_assets.storage.copying import COPIED_TABLES
from stock_assets.storage.engine import create_engine, read_transaction
from stock_assets_tests.commands import Workplace
from stock_assets_tests.servers import PASSWORD, MariaDbServer

pytestmark = pytest.mark.usefixtures("sqlite_alone")

URL = "STOCK_ASSETS_DATABASE_URL"


def rows(url: str) -> dict[str, list[str]]:
    """All rows of all copied tables, as texts that differ if one bit of them does."""
    engine = create_engine(url)
    with read_transaction(engine) as connection:
        found = {
            table.name: [
                repr(tuple(row)) for row in connection.execute(sa.select(table).order_by(*table.primary_key))
            ]
            for table in COPIED_TABLES
        }
    engine.dispose()
    return found


@pytest.mark.needs_binary
def test_a_universe_moves_and_there_is_nothing_left_to_do(
    finished: Workplace, mariadb: MariaDbServer
) -> None:
    url = mariadb.create_database("moved")
    moved = finished.with_variables(**{URL: url})
    broken_off = moved.start("copy")
    broken_off.wait_for(lambda: _is_there(url), "row in the target")
    broken_off.signal(signal.SIGKILL)
    broken_off.end()

    ended = moved.run("copy")
    assert ended.status == 0, ended
    before = rows(f"sqlite:///{finished.state / 'stock_assets.db'}")
    assert rows(url) == before
    shown = dict(re.findall(r"^(\w+) +(\d+) +\d+ +[0-9a-f]{12} *$", ended.out, re.MULTILINE))
    assert shown == {name: str(len(found)) for name, found in before.items()}
    assert f"Model artefacts stay in {finished.state / 'artifacts'}" in ended.out
    assert "Dagster's history of runs begins anew" in ended.out
    assert PASSWORD not in ended.said and "s3cret" not in ended.said

    assert "made_up is up to date: there is nothing to do." in moved.run("run").out
    assert rows(url) == before


def _is_there(url: str) -> bool:
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            return bool(connection.exec_driver_sql("SELECT count(*) FROM price_bars").scalar())
    except sa.exc.ProgrammingError:
        return False  # the table is not made yet
    finally:
        engine.dispose()


@pytest.fixture
def elsewhere(finished: Workplace) -> Workplace:
    """Another SQLite file as the target, for what is refused before any row is copied."""
    return finished.with_variables(**{URL: f"sqlite:///{finished.folder / 'elsewhere.db'}"})


def test_without_another_database_nothing_is_copied(finished: Workplace) -> None:
    sentence = finished.run("copy").fails_with_one_sentence()
    assert "STOCK_ASSETS_DATABASE_URL names no other database than" in sentence


def test_without_a_file_there_is_nothing_to_copy(workplace: Workplace) -> None:
    place = workplace.with_variables(**{URL: f"sqlite:///{workplace.folder / 'elsewhere.db'}"})
    assert "There is nothing to copy" in place.run("copy").fails_with_one_sentence()
    assert not (workplace.state / "stock_assets.db").exists()


def test_while_the_command_line_runs_nothing_is_copied(elsewhere: Workplace) -> None:
    with (elsewhere.state / "run.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "Another process is bringing made_up" in elsewhere.run("copy").fails_with_one_sentence()


def test_while_the_ui_has_a_run_nothing_is_copied(elsewhere: Workplace) -> None:
    runs = SqliteRunStorage.from_local(str(elsewhere.state / "history"))
    run = dg.DagsterRun(
        job_name="daily", run_id=dg.DagsterRun("x").run_id, status=dg.DagsterRunStatus.STARTED
    )
    runs.add_run(run)
    sentence = elsewhere.run("copy").fails_with_one_sentence()
    assert f"The run {run.run_id} of daily is STARTED" in sentence
    assert not (elsewhere.folder / "elsewhere.db").exists()
    runs.delete_run(run.run_id)
    assert elsewhere.run("copy").status == 0
