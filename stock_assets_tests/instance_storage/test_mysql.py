"""Batches on a real MariaDB server: ids, packets, lost connections, deadlocks, restarts."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import dagster as dg
import mysql.connector
import pytest
import sqlalchemy as sa
from dagster import DagsterRun
from dagster_mysql import MySQLEventLogStorage
from mysql.connector import errorcode
from sqlalchemy.exc import DBAPIError

from stock_assets.instance_storage import mysql_connections
from stock_assets.instance_storage.mysql import BatchedMySQLEventLogStorage, statements
from stock_assets.instance_storage.mysql_connections import PatientMySQLRunStorage
from stock_assets_tests.instance_storage import events
from stock_assets_tests.instance_storage.statements import before_each_commit, before_each_statement
from stock_assets_tests.instance_storage.stored_rows import stored_rows
from stock_assets_tests.servers import MariaDbServer

pytestmark = pytest.mark.needs_binary

BATCH = [
    events.planned("a", "2022-01-03"),
    events.materialization("a", "2022-01-03", {"dagster/data_version": "1"}),
    events.materialization("b", "2022-01-03", {"dagster/data_version": "2"}),
    events.planned_check("b", "finite"),
]


@pytest.fixture(scope="module")
def logs(mariadb: MariaDbServer) -> tuple[BatchedMySQLEventLogStorage, MySQLEventLogStorage]:
    return (
        BatchedMySQLEventLogStorage(mariadb.create_database("dagster_batches")),
        MySQLEventLogStorage(mariadb.create_database("dagster_stock")),
    )


@pytest.fixture
def log(logs: tuple[BatchedMySQLEventLogStorage, MySQLEventLogStorage]) -> BatchedMySQLEventLogStorage:
    empty(logs[0])
    return logs[0]


@pytest.fixture
def stock(logs: tuple[BatchedMySQLEventLogStorage, MySQLEventLogStorage]) -> MySQLEventLogStorage:
    empty(logs[1])
    return logs[1]


def empty(log: MySQLEventLogStorage) -> None:
    """Remove all events, so that ids begin at 1 again."""
    with log.index_connection() as connection:
        for table in stored_rows(log):
            connection.execute(sa.text(f"TRUNCATE TABLE {table}"))


@contextmanager
def server_setting(log: BatchedMySQLEventLogStorage, name: str, value: int) -> Iterator[None]:
    """Change a setting of the server for the connections that are made within the block."""
    engine = sa.create_engine(log.mysql_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        before = connection.execute(sa.text(f"SELECT @@GLOBAL.{name}")).scalar_one()
        connection.execute(sa.text(f"SET GLOBAL {name} = {value}"))
        try:
            yield
        finally:
            connection.execute(sa.text(f"SET GLOBAL {name} = {before}"))


def kill(connection: sa.Connection) -> None:
    """End a connection at the server, as a restart or an impatient server does."""
    victim = connection.connection.dbapi_connection
    engine = sa.create_engine(connection.engine.url, poolclass=sa.NullPool)
    with engine.connect() as other:
        other.exec_driver_sql(f"KILL {victim.connection_id}")


def store_in_stock(stock: MySQLEventLogStorage, batch: list[dg.EventLogEntry]) -> None:
    for event in batch:
        stock.store_event(event)


@pytest.mark.parametrize("increment", [1, 3])
def test_ids_are_those_that_the_server_gave(
    log: BatchedMySQLEventLogStorage, stock: MySQLEventLogStorage, increment: int
) -> None:
    with server_setting(log, "auto_increment_increment", increment):
        log.store_event_batch(BATCH)
        log.store_event_batch(BATCH[:3])
        store_in_stock(stock, BATCH + BATCH[:3])
    assert stored_rows(log) == stored_rows(stock)
    ids = [row["id"] for row in stored_rows(log)["event_logs"]]
    assert ids == [1 + increment * position for position in range(7)]


def test_a_batch_larger_than_a_packet_goes_in_several_statements(
    log: BatchedMySQLEventLogStorage, stock: MySQLEventLogStorage
) -> None:
    large = [events.materialization("a", '"' * 3000 + str(day)) for day in range(40)]
    inserts: list[str] = []

    def note(_: sa.Connection, statement: str) -> None:
        if statement.startswith("INSERT INTO event_logs"):
            inserts.append(statement)

    with server_setting(log, "max_allowed_packet", 65_536), before_each_statement(note):
        log.store_event_batch(large)
    assert 1 < len(inserts) < 40
    store_in_stock(stock, large)
    assert stored_rows(log) == stored_rows(stock)


def test_the_tags_of_a_batch_fit_into_small_packets(log: BatchedMySQLEventLogStorage) -> None:
    asset, tags = "a" * 200, {"dagster/data_version": "1" * 64}
    batch = [events.materialization(asset, str(number), tags) for number in range(400)]
    with server_setting(log, "max_allowed_packet", 65_536):
        log.store_event_batch(batch)
    assert len(stored_rows(log)["asset_event_tags"]) == len(batch)


def test_statements_keep_the_order_and_an_event_that_alone_is_too_long() -> None:
    rows = [{"event": "x" * size} for size in (3, 3, 4, 20, 1)]
    chunks = list(statements(rows, 10))
    assert [[len(row["event"]) for row in chunk] for chunk in chunks] == [[3, 3, 4], [20], [1]]


@pytest.mark.parametrize("position", range(9))
def test_a_connection_lost_at_any_statement_costs_a_retry(
    log: BatchedMySQLEventLogStorage, stock: MySQLEventLogStorage, position: int
) -> None:
    seen = 0

    def kill_once(connection: sa.Connection, _: str) -> None:
        nonlocal seen
        if seen == position:
            seen += 1
            kill(connection)
        else:
            seen += connection.engine.pool is log._engine.pool

    with before_each_statement(kill_once):
        log.store_event_batch(BATCH)
    assert seen > position, "the batch has fewer statements"
    store_in_stock(stock, BATCH)
    assert _without_ids(stored_rows(log)) == _without_ids(stored_rows(stock))


@pytest.mark.parametrize(
    ("position", "event"),
    [(position, BATCH[1]) for position in range(3)] + [(position, BATCH[3]) for position in range(2)],
)
def test_a_connection_lost_at_any_statement_of_an_event_costs_a_retry(
    log: BatchedMySQLEventLogStorage, stock: MySQLEventLogStorage, position: int, event: dg.EventLogEntry
) -> None:
    seen = 0

    def kill_once(connection: sa.Connection, _: str) -> None:
        nonlocal seen
        if seen == position:
            seen += 1
            kill(connection)
        else:
            seen += connection.engine.pool is log._engine.pool

    log.store_event(BATCH[0])  # so that what Dagster asks once of its tables has been asked
    with before_each_statement(kill_once):
        log.store_event(event)
    assert seen > position, "the event has fewer statements"
    store_in_stock(stock, [BATCH[0], event])
    assert _without_ids(stored_rows(log)) == _without_ids(stored_rows(stock))


def test_an_event_whose_commit_was_not_answered_is_not_stored_twice(log: BatchedMySQLEventLogStorage) -> None:
    def commit_and_lose_the_answer(connection: sa.Connection) -> None:
        connection.connection.commit()
        raise DBAPIError("COMMIT", None, mysql.connector.Error(errno=errorcode.CR_SERVER_LOST))

    with at_the_first_commit_of_a_batch(commit_and_lose_the_answer):
        log.store_event(BATCH[1])
    assert [len(stored_rows(log)[name]) for name in ("event_logs", "asset_keys", "asset_event_tags")] == [
        1,
        1,
        1,
    ]


def test_a_runs_status_is_noted_though_the_commit_was_not_answered(log: BatchedMySQLEventLogStorage) -> None:
    runs = PatientMySQLRunStorage(log.mysql_url)
    run = dg.DagsterRun(job_name="daily", status=dg.DagsterRunStatus.STARTED)
    runs.add_run(run)
    lost: list[bool] = []

    def lose(connection: sa.Connection) -> None:
        if not lost:
            lost.append(True)
            kill(connection)

    with before_each_commit(lose):
        runs.handle_run_event(run.run_id, events.run_success())
    (stored,) = runs.get_runs(dg.RunsFilter(run_ids=[run.run_id]))
    runs.delete_run(run.run_id)
    assert lost and stored.status is dg.DagsterRunStatus.SUCCESS


@contextmanager
def at_the_first_commit_of_a_batch(act: Callable[[sa.Connection], None]) -> Iterator[None]:
    """Call ``act`` before the first commit of a transaction that wrote events."""
    writers: list[sa.Connection] = []
    acted: list[bool] = []

    def note(connection: sa.Connection, statement: str) -> None:
        if statement.startswith("INSERT INTO event_logs"):
            writers.append(connection)

    def at_commit(connection: sa.Connection) -> None:
        if connection in writers and not acted:
            acted.append(True)
            act(connection)

    with before_each_statement(note), before_each_commit(at_commit):
        yield
    assert acted


def test_a_connection_lost_before_the_commit_costs_a_retry(log: BatchedMySQLEventLogStorage) -> None:
    with at_the_first_commit_of_a_batch(kill):
        log.store_event_batch(BATCH)
    assert len(stored_rows(log)["event_logs"]) == len(BATCH)


def test_a_connection_lost_after_the_commit_stores_nothing_twice(log: BatchedMySQLEventLogStorage) -> None:
    def commit_and_lose_the_answer(connection: sa.Connection) -> None:
        connection.connection.commit()
        raise DBAPIError("COMMIT", None, mysql.connector.Error(errno=errorcode.CR_SERVER_LOST))

    with at_the_first_commit_of_a_batch(commit_and_lose_the_answer):
        log.store_event_batch(BATCH)
    assert len(stored_rows(log)["event_logs"]) == len(BATCH)


def test_a_connection_lost_at_the_first_statement_of_a_transaction_is_made_again(
    log: BatchedMySQLEventLogStorage,
) -> None:
    runs = PatientMySQLRunStorage(log.mysql_url)
    for use in (lambda: log.store_event(events.step_start()), runs.get_runs_count):
        killed: list[sa.Connection] = []

        def kill_once(connection: sa.Connection, _: str, killed: list[sa.Connection] = killed) -> None:
            if not killed:
                killed.append(connection)
                kill(connection)

        with before_each_statement(kill_once):
            use()
        assert killed
    assert len(stored_rows(log)["event_logs"]) == 1


@pytest.mark.parametrize("act", ["add_run", "add_run_tags", "set_cursor_values", "get_runs"])
@pytest.mark.parametrize("at", ["statement", "commit"])
def test_what_a_run_storage_is_told_or_asked_outlasts_a_lost_connection(
    mariadb: MariaDbServer, act: str, at: str
) -> None:
    runs = PatientMySQLRunStorage(mariadb.create_database("dagster_runs"))
    run, tags = DagsterRun("daily", run_id=events.RUN_ID, tags={"a": "1"}), {"b": "2", "c": "3"}
    if act != "add_run":
        runs.add_run(run)
    work = {
        "add_run": lambda: runs.add_run(run),
        "add_run_tags": lambda: runs.add_run_tags(run.run_id, tags),
        "set_cursor_values": lambda: runs.set_cursor_values(tags),
        "get_runs": runs.get_runs,
    }[act]
    lost = 0

    def lose(connection: sa.Connection, statement: str = "") -> None:
        nonlocal lost
        if lost == 0 and not statement.startswith(("SELECT runs.run_body", "UPDATE", "INSERT INTO runs ")):
            lost += 1
            if at == "statement":
                kill(connection)
            else:
                connection.connection.commit()
                raise DBAPIError("COMMIT", None, mysql.connector.Error(errno=errorcode.CR_SERVER_LOST))

    with before_each_statement(lose) if at == "statement" else before_each_commit(lose):
        work()
    (stored,) = runs.get_runs()
    assert stored.tags == {"a": "1", **(tags if act == "add_run_tags" else {})}
    assert runs.get_cursor_values({"b", "c"}) == (tags if act == "set_cursor_values" else {})


def test_a_batch_that_the_server_gives_up_in_a_deadlock_is_written_again(
    log: BatchedMySQLEventLogStorage,
) -> None:
    log.store_event_batch([events.planned("a"), events.planned("b")])
    touch = "UPDATE asset_keys SET asset_details = 'touched' WHERE asset_key = '[\"{}\"]'"
    rivals = sa.create_engine(log.mysql_url, poolclass=sa.NullPool)
    batch = [events.materialization("a"), events.materialization("b")]
    with rivals.begin() as rival:
        # The server gives up the transaction that changed less.
        many = ", ".join(f"('many', '{number}')" for number in range(500))
        rival.exec_driver_sql(
            f"INSERT INTO dynamic_partitions (partitions_def_name, `partition`) VALUES {many}"
        )
        rival.exec_driver_sql(touch.format("b"))
        writer = threading.Thread(target=log.store_event_batch, args=(batch,))
        writer.start()
        _wait_for_a_waiting_transaction(rivals)
        rival.exec_driver_sql(touch.format("a"))
    writer.join()
    stored = stored_rows(log)
    assert len(stored["event_logs"]) == 4
    assert all(row["asset_details"] == "touched" for row in stored["asset_keys"])
    assert all(row["last_materialization"] for row in stored["asset_keys"])


def _wait_for_a_waiting_transaction(engine: sa.Engine) -> None:
    query = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
    for _ in range(40):
        time.sleep(0.3)  # the server answers from a cache when it is asked within a tenth of a second
        with engine.connect() as connection:
            if connection.exec_driver_sql(query).scalar_one():
                return
    pytest.fail("no transaction waits for the rival's lock")


def test_batches_written_at_once_lose_nothing_by_deadlocks(log: BatchedMySQLEventLogStorage) -> None:
    keys = [f"asset_{number}" for number in range(12)]
    failed: list[BaseException] = []

    def write(order: list[str]) -> None:
        writer = BatchedMySQLEventLogStorage(log.mysql_url)
        try:
            for number in range(8):
                writer.store_event_batch([events.materialization(key, str(number)) for key in order])
        except DBAPIError as error:
            failed.append(error)

    writers = [threading.Thread(target=write, args=(keys,)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not failed
    rows = stored_rows(log)
    assert len(rows["event_logs"]) == 3 * 8 * 12
    for key in keys:
        last = max(row["id"] for row in rows["event_logs"] if row["asset_key"] == f'["{key}"]')
        (kept,) = (row for row in rows["asset_keys"] if row["asset_key"] == f'["{key}"]')
        assert f'"storage_id": {last}' in str(kept["last_materialization"])


def test_a_restart_of_the_server_is_waited_for(
    log: BatchedMySQLEventLogStorage, mariadb: MariaDbServer
) -> None:
    runs = PatientMySQLRunStorage(log.mysql_url)
    counted: list[int] = []

    def use_the_storage() -> None:
        log.store_event(BATCH[0])
        counted.append(runs.get_runs_count())

    mariadb.stop()
    waiting = threading.Thread(target=use_the_storage)
    waiting.start()
    time.sleep(2)
    assert waiting.is_alive()
    mariadb.start()
    waiting.join()
    assert counted == [0]
    assert len(stored_rows(log)["event_logs"]) == 1


def test_a_wrong_password_is_not_waited_for(mariadb: MariaDbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = sa.create_engine(mariadb.url("dagster_batches", password="wrong"))

    def wait(_: float) -> None:
        pytest.fail("it waited")

    monkeypatch.setattr(mysql_connections, "time", SimpleNamespace(sleep=wait, monotonic=time.monotonic))
    with pytest.raises(DBAPIError), mysql_connections.patiently(engine.connect):
        pass


def test_a_connection_that_the_server_dropped_breaks_no_page(log: BatchedMySQLEventLogStorage) -> None:
    with server_setting(log, "wait_timeout", 1):
        log.optimize_for_webserver(statement_timeout=0, pool_recycle=3600, max_overflow=5)
        assert log.get_maximum_record_id() is None
        time.sleep(2.5)
        assert log.get_maximum_record_id() is None


def _without_ids(rows: dict[str, list[dict[str, object]]]) -> dict[str, list[dict[str, object]]]:
    """Drop ids, which a transaction that was rolled back uses up, and texts that hold one."""
    ids = {"id", "event_id", "last_materialization", "evaluation_event_storage_id"}
    return {
        name: [{key: value for key, value in row.items() if key not in ids} for row in found]
        for name, found in rows.items()
    }
