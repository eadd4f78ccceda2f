"""A server that restarts or drops connections costs a wait or a repetition."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, exc

from stock_assets.errors import StorageError
from stock_assets.storage import lost_connections
from stock_assets.storage.engine import create_engine, read_transaction
from stock_assets.storage.lost_connections import again_if_lost
from stock_assets.storage.migrate import require_current, upgrade
from stock_assets.storage.schema import days
from stock_assets_tests.servers import PASSWORD, MariaDbServer
from stock_assets_tests.storage.builders import NOON, rows_of, weekdays

pytestmark = pytest.mark.needs_binary

DAYS = weekdays(4)


@pytest.fixture
def engine(mariadb: MariaDbServer) -> Iterator[sa.Engine]:
    engine = create_engine(mariadb.create_database("lost"))
    upgrade(engine, "sample")
    yield engine
    engine.dispose()


def waiting(day: object, reason: str = "") -> dict[str, object]:
    return {"date": day, "state": "waiting", "reason": reason, "computed_at": NOON, "run_id": "run"}


@contextmanager
def killed_at(engine: sa.Engine, position: int) -> Iterator[list[str]]:
    """End the connection of one statement at the server, just before it; give what was sent until then."""
    sent: list[str] = []

    def kill(connection: sa.Connection, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)
        if len(sent) == position + 1:
            number = connection.connection.dbapi_connection.connection_id
            with sa.create_engine(engine.url, poolclass=sa.NullPool).connect() as other:
                other.exec_driver_sql(f"KILL {number}")

    event.listen(engine, "before_cursor_execute", kill)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", kill)


@pytest.mark.parametrize("position", range(4))
def test_a_connection_lost_at_any_statement_costs_a_repetition(engine: sa.Engine, position: int) -> None:
    calls = []

    @again_if_lost
    def write() -> int:
        calls.append(len(calls))
        with read_transaction(engine) as connection:
            connection.execute(sa.select(days)).all()
        with engine.begin() as connection:
            connection.execute(sa.delete(days))
            for day in DAYS[:2]:
                connection.execute(sa.insert(days), waiting(day))
        return 7

    with killed_at(engine, position) as sent:
        assert write() == 7
    assert calls == [0, 1]
    assert len(sent) == position + 1 + 4
    assert [row[0] for row in rows_of(engine, days)] == DAYS[:2]


def test_what_is_lost_again_and_again_fails(engine: sa.Engine) -> None:
    calls = []

    @again_if_lost
    def write() -> None:
        calls.append(len(calls))
        with killed_at(engine, 0), engine.begin() as connection:
            connection.execute(sa.insert(days), waiting(DAYS[0]))

    with pytest.raises(exc.DBAPIError):
        write()
    assert len(calls) == 3


def test_other_errors_are_not_repeated(engine: sa.Engine) -> None:
    calls = []

    @again_if_lost
    def write() -> None:
        calls.append(len(calls))
        with engine.begin() as connection:
            for _ in range(2):
                connection.execute(sa.insert(days), waiting(DAYS[0]))

    with pytest.raises(exc.IntegrityError):
        write()
    assert calls == [0]


def test_what_is_logged_holds_no_row(engine: sa.Engine, caplog: pytest.LogCaptureFixture) -> None:
    @again_if_lost
    def write() -> None:
        with engine.begin() as connection:
            connection.execute(sa.insert(days), waiting(DAYS[0], "not for a log"))

    with caplog.at_level(logging.WARNING), killed_at(engine, 0):
        write()
    assert "A transaction was lost" in caplog.text
    assert "not for a log" not in caplog.text and "s3cret" not in caplog.text


def test_a_deadlock_is_repeated(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for day in DAYS[:2]:
            connection.execute(sa.insert(days), waiting(day))
    both_hold = threading.Barrier(2, timeout=20)
    failed: list[BaseException] = []

    def update(order: list[object]) -> None:
        first = True

        @again_if_lost
        def write() -> None:
            nonlocal first
            with engine.begin() as connection:
                for position, day in enumerate(order):
                    connection.execute(sa.update(days).where(days.c.date == day).values(reason="touched"))
                    if first and position == 0:
                        first = False
                        both_hold.wait()

        try:
            write()
        except exc.DBAPIError as error:
            failed.append(error)

    writers = [threading.Thread(target=update, args=(order,)) for order in (DAYS[:2], DAYS[1::-1])]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not failed
    assert {row[2] for row in rows_of(engine, days)} == {"touched"}


@pytest.mark.parametrize("patient", [False, True])
def test_a_restart_of_the_server_is_waited_for(mariadb: MariaDbServer, patient: bool) -> None:
    url = mariadb.create_database("restarted")
    engine = create_engine(url, patient=patient)
    if not patient:
        with engine.connect():
            pass  # this engine knows that the server is there
    answered: list[int] = []

    def ask() -> None:
        with engine.begin() as connection:
            answered.append(connection.exec_driver_sql("SELECT 1").scalar_one())

    mariadb.stop()
    try:
        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(1.5)
        assert asking.is_alive()
    finally:
        mariadb.start()
    asking.join()
    assert answered == [1]
    engine.dispose()


def refuse_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_connections, "_PAUSE_SECONDS", -1)  # which sleeping refuses


def test_a_server_that_never_answered_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_to_wait(monkeypatch)
    engine = create_engine("mysql+mysqlconnector://somebody:hunter2@127.0.0.1:1/stock_assets")
    with pytest.raises(StorageError, match="cannot be opened"), engine.connect():
        pass


def test_a_wrong_password_is_not_waited_for(mariadb: MariaDbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_to_wait(monkeypatch)
    engine = create_engine(mariadb.url("lost", password="wrong" + PASSWORD), patient=True)
    with pytest.raises(StorageError, match="cannot be opened"), engine.connect():
        pass


def test_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_connections, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(lost_connections, "_PAUSE_SECONDS", 0.02)
    engine = create_engine("mysql+mysqlconnector://somebody:hunter2@127.0.0.1:1/stock_assets", patient=True)
    with pytest.raises(StorageError, match="cannot be opened") as raised, engine.connect():
        pass
    assert "hunter2" not in str(raised.value)


def test_a_connection_lost_while_it_is_prepared_costs_a_repetition(engine: sa.Engine) -> None:
    killed: list[int] = []

    def kill_once(connection: Any, _record: object) -> None:
        if not killed:
            killed.append(connection.connection_id)
            with sa.create_engine(engine.url, poolclass=sa.NullPool).connect() as other:
                other.exec_driver_sql(f"KILL {killed[0]}")
            connection.cmd_query("SELECT 1")

    engine.dispose()
    event.listen(engine, "connect", kill_once)
    require_current(engine, "sample")
    assert killed


@pytest.mark.parametrize("position", range(3))
def test_whether_the_tables_are_current_is_asked_again(engine: sa.Engine, position: int) -> None:
    with killed_at(engine, position) as sent:
        require_current(engine, "sample")
    assert len(sent) > position
