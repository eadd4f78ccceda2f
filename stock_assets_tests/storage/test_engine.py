import datetime as dt
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from stock_assets.errors import StorageError
from stock_assets.storage.engine import create_engine, describe, read_transaction
from stock_assets.storage.schema import days
from stock_assets_tests.servers import PASSWORD, MariaDbServer
from stock_assets_tests.storage.builders import MONDAY, NOON, rows_of

ROW = {"date": MONDAY, "state": "waiting", "computed_at": NOON, "run_id": "run"}


def test_sqlite_is_set_up_for_several_processes(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'new' / 'folder' / 'a.db'}")
    with engine.begin() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "busy_timeout", "synchronous", "foreign_keys")
        }
    assert pragma == {"journal_mode": "wal", "busy_timeout": 30_000, "synchronous": 1, "foreign_keys": 1}


@pytest.mark.needs_binary
def test_mysql_speaks_utf8mb4_and_utc_and_is_strict(mariadb: MariaDbServer) -> None:
    engine = create_engine(mariadb.create_database("settings"))
    names = (
        "character_set_client",
        "character_set_connection",
        "character_set_results",
        "time_zone",
        "innodb_lock_wait_timeout",
    )
    with engine.begin() as connection:
        row = connection.exec_driver_sql("SELECT " + ", ".join(f"@@{name}" for name in names)).one()
        strict = connection.exec_driver_sql("SELECT @@sql_mode").scalar_one()
        level = connection.get_isolation_level()
    assert tuple(row) == ("utf8mb4", "utf8mb4", "utf8mb4", "+00:00", 30)
    assert "STRICT_ALL_TABLES" in strict
    assert level == "READ COMMITTED"
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://user:hunter2@host/db", "'postgresql'"),
        ("mysql+pymysql://user:hunter2@host/db", "'mysql\\+pymysql'"),
        ("mysql+mysqlconnector://user:hunter2@host", "names no database"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("mysql+mysqlconnector://user:hunter2@host:port/db", "cannot be read"),
        ("hunter2", "cannot be read"),
        # What follows an @ that is not escaped would be shown as the host or the database.
        ("mysql+mysqlconnector://user:x@hunter2@host/db", "cannot be read"),
        ("mysql+mysqlconnector://user:x@y/hunter2:z%@host:3306/db", "cannot be read"),
        ("mysql+mysqlconnector://host/db?user=user&password=hunter2", "cannot be read"),
    ],
)
def test_an_unusable_url_is_one_sentence_without_the_password(url: str, says: str) -> None:
    with pytest.raises(StorageError, match=says) as raised:
        create_engine(url)
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.needs_binary
def test_the_password_is_in_no_message_and_no_repr(mariadb: MariaDbServer) -> None:
    secret = "wrong" + PASSWORD
    engine = create_engine(mariadb.url("no_such_database", password=secret))
    with pytest.raises(StorageError, match="cannot be opened") as raised, engine.connect():
        pass
    shown = [str(raised.value), repr(raised.value), repr(engine), repr(engine.url), describe(engine)]
    assert all(secret not in text and "s3cret" not in text for text in shown)
    assert "stock_assets:***@127.0.0.1" in describe(engine)


def test_a_writer_that_reads_first_waits_for_another_writer(database: sa.Engine) -> None:
    counted = sa.select(sa.func.count()).select_from(days)
    has_read = threading.Event()

    def write_second() -> None:
        has_read.wait(10)
        with database.begin() as connection:
            connection.execute(counted)
            connection.execute(sa.insert(days), ROW | {"date": MONDAY + dt.timedelta(days=1)})

    second = threading.Thread(target=write_second)
    second.start()
    with database.begin() as connection:
        connection.execute(counted)
        has_read.set()
        second.join(0.3)
        connection.execute(sa.insert(days), ROW)
    second.join(20)
    assert [row[0] for row in rows_of(database, days)] == [MONDAY, MONDAY + dt.timedelta(days=1)]


def test_a_reader_sees_one_state_while_a_writer_commits(database: sa.Engine) -> None:
    counted = sa.select(sa.func.count()).select_from(days)
    with read_transaction(database) as reader:
        before = reader.execute(counted).scalar()
        with database.begin() as writer:
            writer.execute(sa.insert(days), ROW)
        assert reader.execute(counted).scalar() == before == 0
    with read_transaction(database) as reader:
        assert reader.execute(counted).scalar() == 1


def test_a_transaction_that_fails_leaves_nothing(database: sa.Engine) -> None:
    with pytest.raises(RuntimeError, match="boom"), database.begin() as connection:
        connection.execute(sa.insert(days), ROW)
        raise RuntimeError("boom")
    assert rows_of(database, days) == []


@pytest.mark.needs_binary
def test_a_connection_that_the_server_closed_is_replaced(mariadb: MariaDbServer) -> None:
    engine = create_engine(mariadb.create_database("dropped"))
    with engine.begin() as connection:
        number = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
    with engine.connect() as killer, engine.connect() as other:
        # The pool hands the first connection out again, so one of the two is another one.
        mine = killer.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
        victim = other.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
        assert number in (mine, victim)
        other.rollback()
        other.close()
        killer.exec_driver_sql(f"KILL {victim}")
    for _ in range(2):
        with engine.begin() as connection:
            assert connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one() != victim
    engine.dispose()
