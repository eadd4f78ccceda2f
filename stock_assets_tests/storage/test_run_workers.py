"""Of two runs the newer one's rows stay, and a run that was ended writes nothing."""

import datetime as dt
import time
from collections.abc import Callable

import pandas as pd
import pytest
import sqlalchemy as sa

from stock_assets.errors import OutdatedRun, StorageError
from stock_assets.processes import ProcessIdentity
from stock_assets.storage.days import write_days
from stock_assets.storage.engine import is_mysql, read_transaction
from stock_assets.storage.findings import replace_findings
from stock_assets.storage.models import ModelRecord, register_model
from stock_assets.storage.outcomes import write_outcomes
from stock_assets.storage.predictions import replace_predictions
from stock_assets.storage.prices import append_bars
from stock_assets.storage.run_workers import beat, end_run, find_worker, forget_runs, register_run
from stock_assets.storage.schema import metadata, run_workers
from stock_assets.storage.weights import replace_weights
from stock_assets_tests.storage.builders import NOON, bars, finding, predictions, weekdays, weights
from stock_assets_tests.storage.processes import PythonProcess

DAYS = weekdays(4)
PROCESS = ProcessIdentity("here", "this boot", 42, "then")

Write = Callable[[sa.Connection, str, list[dt.date]], object]


def write_predictions(connection: sa.Connection, run_id: str, days: list[dt.date]) -> None:
    rows = predictions(days, [0.1])
    names = sorted(set(rows["instrument"]))
    replace_predictions(connection, days, rows, instruments=names, computed_at=NOON, run_id=run_id)


def write_alpha(connection: sa.Connection, run_id: str, days: list[dt.date]) -> None:
    replace_weights(connection, "alpha", days, weights(days, [1.0]), computed_at=NOON, run_id=run_id)


def write_states(connection: sa.Connection, run_id: str, days: list[dt.date]) -> None:
    states = pd.DataFrame({"date": days, "state": "complete", "reason": None})
    write_days(connection, states, computed_at=NOON, run_id=run_id)


def write_done(connection: sa.Connection, run_id: str, days: list[dt.date], asset: str = "a") -> None:
    rows = pd.DataFrame({"date": days, "asset": asset, "status": "published", "rows": 4})
    write_outcomes(connection, rows, computed_at=NOON, run_id=run_id)


def write_findings(connection: sa.Connection, run_id: str, days: list[dt.date]) -> None:
    found = pd.DataFrame([finding("kor", day) for day in days])
    replace_findings(connection, days, found, instruments=["kor"], run_id=run_id, found_at=NOON)


WRITES = [write_predictions, write_alpha, write_states, write_done, write_findings]


@pytest.fixture
def two_runs(database: sa.Engine) -> sa.Engine:
    """A database to which the run ``older`` came before the run ``newer``."""
    with database.begin() as connection:
        assert register_run(connection, "older") < register_run(connection, "newer")
    return database


def rows_of(engine: sa.Engine) -> list[list[sa.Row]]:
    with read_transaction(engine) as connection:
        return [list(connection.execute(sa.select(table))) for table in metadata.sorted_tables]


@pytest.mark.parametrize("write", WRITES)
def test_an_older_run_replaces_nothing_of_a_newer_one(two_runs: sa.Engine, write: Write) -> None:
    with two_runs.begin() as connection:
        write(connection, "older", DAYS[:2])
        write(connection, "newer", DAYS[1:3])
        write(connection, "newer", DAYS[1:3])
    before = rows_of(two_runs)
    for days in (DAYS[1:2], DAYS):
        with pytest.raises(OutdatedRun, match="was written by the run newer, which began after older"):
            with two_runs.begin() as connection:
                write(connection, "older", days)
    assert rows_of(two_runs) == before
    with two_runs.begin() as connection:
        # The other days are its own, and a run that nobody has seen yet is the newest.
        write(connection, "older", [DAYS[0], DAYS[3]])
        write(connection, "newest", DAYS)
    with pytest.raises(OutdatedRun), two_runs.begin() as connection:
        write(connection, "newer", DAYS[1:3])


def test_other_assets_of_the_day_are_nobodys_business(two_runs: sa.Engine) -> None:
    with two_runs.begin() as connection:
        write_done(connection, "newer", DAYS, "a")
        write_done(connection, "older", DAYS, "b")
        replace_weights(connection, "alpha", DAYS, weights(DAYS, [1.0]), computed_at=NOON, run_id="newer")
        replace_weights(
            connection, "sharpe_net", DAYS, weights(DAYS, [1.0]), computed_at=NOON, run_id="older"
        )
        findings = pd.DataFrame([finding("kor", DAYS[0])])
        others = pd.DataFrame([finding("us", DAYS[0])])
        for run_id, found, name in (("newer", findings, "kor"), ("older", others, "us")):
            replace_findings(connection, DAYS, found, instruments=[name], run_id=run_id, found_at=NOON)


def test_an_older_run_corrects_no_bar_of_a_newer_one(two_runs: sa.Engine) -> None:
    with two_runs.begin() as connection:
        append_bars(connection, bars("kor", [1.0, 2.0]), run_id="older", known_at=NOON)
        append_bars(connection, bars("kor", [1.0, 3.0]), run_id="newer", known_at=NOON)
        # The first bar is still its own.
        assert len(append_bars(connection, bars("kor", [1.5]), run_id="older", known_at=NOON).revised) == 1
    with pytest.raises(OutdatedRun, match="The bar of kor on "), two_runs.begin() as connection:
        append_bars(connection, bars("kor", [1.5, 2.0]), run_id="older", known_at=NOON)


@pytest.mark.parametrize("write", WRITES)
def test_a_run_that_was_ended_writes_nothing(two_runs: sa.Engine, write: Write) -> None:
    with two_runs.begin() as connection:
        end_run(connection, "newer")
        end_run(connection, "never seen")
    before = rows_of(two_runs)
    for run_id in ("newer", "never seen"):
        with (
            pytest.raises(OutdatedRun, match=f"The run {run_id} was ended at "),
            two_runs.begin() as connection,
        ):
            write(connection, run_id, DAYS)
    assert rows_of(two_runs) == before
    with two_runs.begin() as connection:
        write(connection, "older", DAYS)


def test_a_run_that_was_ended_adds_neither_bars_nor_models(two_runs: sa.Engine) -> None:
    with two_runs.begin() as connection:
        end_run(connection, "older")
    model = ModelRecord("m", "stage1", "kor", DAYS[0], {}, "a.pt", "0" * 64, {}, NOON, "older")
    with pytest.raises(OutdatedRun), two_runs.begin() as connection:
        register_model(connection, model)
    with pytest.raises(OutdatedRun), two_runs.begin() as connection:
        append_bars(connection, bars("kor", [1.0]), run_id="older", known_at=NOON)


def test_a_run_keeps_its_number_and_pruned_ones_are_older_than_all(database: sa.Engine) -> None:
    with database.begin() as connection:
        first = register_run(connection, "first")
        assert register_run(connection, "second") == first + 1
        assert register_run(connection, "first", PROCESS) == first
        write_done(connection, "second", DAYS)
        forget_runs(connection, ["second"])
        assert connection.execute(sa.select(run_workers.c.run_id)).scalars().all() == ["first"]
        write_done(connection, "first", DAYS)


def test_a_heart_beats_until_the_run_is_ended(database: sa.Engine) -> None:
    with database.begin() as connection:
        assert find_worker(connection, "a run") is None
        register_run(connection, "a run")
        assert find_worker(connection, "a run") is None
        register_run(connection, "a run", PROCESS)
        registered = find_worker(connection, "a run")
    assert registered is not None and registered.process == PROCESS and not registered.ended
    assert abs(registered.heartbeat_age) < dt.timedelta(minutes=1)
    assert beat(database, "a run")
    with database.begin() as connection:
        beaten = find_worker(connection, "a run")
        assert beaten is not None and beaten.heartbeat_at > registered.heartbeat_at
        end_run(connection, "a run")
    assert not beat(database, "a run")
    assert not beat(database, "another run")
    with database.begin() as connection:
        worker = find_worker(connection, "a run")
    assert worker is not None and worker.ended and worker.heartbeat_at == beaten.heartbeat_at


def test_a_heartbeat_that_cannot_be_written_says_so(database: sa.Engine) -> None:
    with database.begin() as connection:
        connection.execute(sa.text("DROP TABLE run_workers"))
    with pytest.raises(StorageError, match="The heartbeat of the run a run was not written"):
        beat(database, "a run")


ORPHAN = """
import sys
from stock_assets.storage.engine import create_engine
from stock_assets_tests.storage.test_run_workers import DAYS, write_predictions
from stock_assets.storage.run_workers import register_run

engine = create_engine(sys.argv[1])
with engine.begin() as connection:
    register_run(connection, sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
with engine.begin() as connection:
    write_predictions(connection, sys.argv[2], DAYS)
"""


def test_a_process_that_wakes_up_late_is_refused(database: sa.Engine) -> None:
    url = database.url.render_as_string(hide_password=False)
    orphan = PythonProcess(ORPHAN, url, "older")
    orphan.wait_until_ready()
    newer = PythonProcess(ORPHAN, url, "newer")
    newer.wait_until_ready()
    newer.go_on()
    assert newer.finish() == (0, "")
    before = rows_of(database)
    orphan.go_on()
    status, said = orphan.finish()
    assert status == 1 and said.splitlines()[-1].startswith("stock_assets.errors.OutdatedRun: ")
    assert rows_of(database) == before


def test_a_writer_waits_until_the_newer_run_has_written(database_url: str, two_runs: sa.Engine) -> None:
    late = PythonProcess(ORPHAN, database_url, "older")
    late.wait_until_ready()
    with two_runs.begin() as newer:
        write_predictions(newer, "newer", DAYS)
        late.go_on()
        wait_until_somebody_waits(two_runs)
    status, said = late.finish()
    assert status == 1 and "OutdatedRun" in said


def wait_until_somebody_waits(engine: sa.Engine) -> None:
    """Wait until a statement has to; on SQLite a transaction waits before its first one."""
    if not is_mysql(engine):
        return
    waiting = "SELECT count(*) FROM information_schema.processlist WHERE command = 'Query' AND time_ms > 200"
    with engine.connect() as connection:
        while not connection.exec_driver_sql(waiting).scalar_one():
            connection.rollback()
            time.sleep(0.02)
