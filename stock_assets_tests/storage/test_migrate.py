import datetime as dt
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event

from stock_assets.errors import StorageError
from stock_assets.storage import migrate
from stock_assets.storage.engine import create_engine
from stock_assets.storage.migrate import VERSION_TABLE, require_current, upgrade
from stock_assets.storage.schema import days, deployment, metadata
from stock_assets_tests.servers import MariaDbServer, dropping_idle_connections
from stock_assets_tests.storage.builders import MONDAY, NOON, rows_of
from stock_assets_tests.storage.processes import PythonProcess

UPGRADE = """
import sys
import time
from stock_assets.storage.engine import create_engine
from stock_assets.storage.migrate import upgrade
engine = create_engine(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
upgrade(engine, sys.argv[2])
"""


@pytest.fixture
def empty(database_url: str) -> Iterator[sa.Engine]:
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


def differences(engine: sa.Engine, wanted: sa.MetaData) -> list[Any]:
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), wanted))


def catalogue(engine: sa.Engine) -> dict[str, Any]:
    """What the database itself says of every table: columns, types, collations, comments, keys."""
    found: dict[str, Any] = {}
    with engine.connect() as connection:
        for name in metadata.tables:
            if engine.dialect.name == "sqlite":
                found[name] = [
                    [tuple(row) for row in connection.exec_driver_sql(f"PRAGMA {pragma}({name})")]
                    for pragma in ("table_info", "index_list")
                ]
                continue
            columns = connection.exec_driver_sql(f"SHOW FULL COLUMNS FROM `{name}`")
            indexes = connection.exec_driver_sql(
                "SELECT index_name, column_name, seq_in_index FROM information_schema.statistics "
                f"WHERE table_schema = DATABASE() AND table_name = '{name}' ORDER BY 1, 3"
            )
            table = connection.exec_driver_sql(
                "SELECT engine, table_collation, table_comment FROM information_schema.tables "
                f"WHERE table_schema = DATABASE() AND table_name = '{name}'"
            )
            found[name] = [[tuple(row) for row in rows] for rows in (columns, indexes, table)]
    return found


def test_the_migrated_tables_are_those_of_the_schema(database: sa.Engine) -> None:
    assert differences(database, metadata) == []


@pytest.mark.parametrize("change", ["column", "type", "null", "index", "table"])
def test_a_schema_without_its_migration_is_noticed(database: sa.Engine, change: str) -> None:
    wanted = sa.MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.tables.values():
        table.to_metadata(wanted)
    table = wanted.tables["days"]
    if change == "column":
        table.append_column(sa.Column("more", sa.Double()))
    elif change == "type":
        table.c.state.type = sa.Double()
    elif change == "null":
        table.c.reason.nullable = False
    elif change == "index":
        sa.Index(None, table.c.state)
    else:
        sa.Table("more", wanted, sa.Column("id", sa.Integer, primary_key=True))
    assert len(differences(database, wanted)) == 1


def test_the_catalogue_is_the_same_by_migration_and_by_schema(database: sa.Engine) -> None:
    migrated = catalogue(database)
    with database.begin() as connection:
        metadata.drop_all(connection)
        metadata.create_all(connection)
    assert catalogue(database) == migrated


def test_importing_dagster_first_changes_no_table(database: sa.Engine, database_url: str) -> None:
    plain = catalogue(database)
    with database.begin() as connection:
        metadata.drop_all(connection)
        connection.exec_driver_sql(f"DROP TABLE {VERSION_TABLE}")
    url = database_url
    code = "import dagster, dagster_mysql\n" + UPGRADE
    subprocess.run([sys.executable, "-c", code, url, "sample"], check=True, input="\n", text=True)
    assert catalogue(database) == plain


@pytest.mark.needs_binary
def test_mysql_stores_doubles_microseconds_and_utf8mb4(mariadb: MariaDbServer) -> None:
    engine = create_engine(mariadb.create_database("types"))
    upgrade(engine, "sample")
    columns, _, tables = catalogue(engine)["price_bars"]
    assert tables[0][:2] == ("InnoDB", "utf8mb4_bin")
    types = {row[0]: row[1] for row in columns}
    assert (types["close"], types["known_at"], types["session"]) == ("double", "datetime(6)", "date")
    assert all(row[8] for row in columns)  # every column says what it means
    engine.dispose()


def test_a_second_upgrade_changes_nothing(database: sa.Engine) -> None:
    row = {"date": MONDAY, "state": "waiting", "computed_at": NOON, "run_id": "run"}
    with database.begin() as connection:
        connection.execute(sa.insert(days), row)
    before = [rows_of(database, table) for table in (days, deployment)]
    upgrade(database, "sample")
    assert [rows_of(database, table) for table in (days, deployment)] == before
    require_current(database, "sample")


def test_three_processes_upgrade_at_once(database_url: str) -> None:
    processes = [PythonProcess(UPGRADE, database_url, "sample") for _ in range(3)]
    for process in processes:
        process.wait_until_ready()
    for process in processes:
        process.go_on()
    assert [process.finish() for process in processes] == [(0, "")] * 3
    engine = create_engine(database_url)
    require_current(engine, "sample")
    assert len(rows_of(engine, deployment)) == 1
    with engine.connect() as connection:
        assert connection.exec_driver_sql(f"SELECT COUNT(*) FROM {VERSION_TABLE}").scalar() == 1
    engine.dispose()


def test_of_two_universes_at_once_one_gets_the_database(database_url: str) -> None:
    processes = [PythonProcess(UPGRADE, database_url, name) for name in ("kospi", "sample")]
    for process in processes:
        process.wait_until_ready()
    for process in processes:
        process.go_on()
    finished = [process.finish() for process in processes]
    assert sorted(code for code, _ in finished) == [0, 1]
    assert sum("give each universe a database of its own" in said for _, said in finished) == 1


@pytest.mark.parametrize("check", [upgrade, require_current])
def test_another_universes_database_is_refused(database: sa.Engine, check: Any) -> None:
    before = rows_of(database, deployment)
    with pytest.raises(StorageError, match="serves the universe 'sample', not 'global13'") as raised:
        check(database, "global13")
    assert "s3cret" not in str(raised.value)
    assert rows_of(database, deployment) == before


def test_an_empty_database_names_the_command(empty: sa.Engine) -> None:
    with pytest.raises(StorageError, match=r"has no tables yet.*run `stock-assets init`") as raised:
        require_current(empty, "sample")
    assert "s3cret" not in str(raised.value)
    assert sa.inspect(empty).get_table_names() == []


@pytest.mark.parametrize("check", [upgrade, require_current])
def test_the_tables_of_a_newer_package_are_refused(database: sa.Engine, check: Any) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(StorageError, match="version 9999, and this package knows only 0001"):
        check(database, "sample")


def test_an_upgrade_that_breaks_off_can_be_done_again(empty: sa.Engine) -> None:
    def break_off(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "ix_findings_trading_day" in statement:
            raise RuntimeError("killed")

    event.listen(empty, "before_cursor_execute", break_off)
    with pytest.raises(RuntimeError, match="killed"):
        upgrade(empty, "sample")
    event.remove(empty, "before_cursor_execute", break_off)
    # MySQL cannot undo what was created; SQLite can.
    left = [name for name in sa.inspect(empty).get_table_names() if name != VERSION_TABLE]
    assert left == (
        [] if empty.dialect.name == "sqlite" else ["days", "deployment", "findings", "price_bars"]
    )
    upgrade(empty, "sample")
    assert differences(empty, metadata) == []
    require_current(empty, "sample")


def test_dagsters_own_version_is_left_alone(empty: sa.Engine) -> None:
    with empty.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('29b539ebc72a')")
    upgrade(empty, "sample")
    with empty.connect() as connection:
        assert (
            connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "29b539ebc72a"
        )


def test_waiting_for_another_migration_has_an_end(empty: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "_LOCK_SECONDS", 0)
    with (
        migrate._only_migration(empty),
        pytest.raises(StorageError, match="Another process has been migrating") as raised,
    ):
        upgrade(empty, "sample")
    assert "s3cret" not in str(raised.value)
    upgrade(empty, "sample")


def test_the_universe_is_noted_with_the_time(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    before = dt.datetime.now(dt.UTC)
    upgrade(engine, "sample")
    ((key, universe, created_at),) = rows_of(engine, deployment)
    assert (key, universe) == (1, "sample")
    assert before <= created_at <= dt.datetime.now(dt.UTC)
    engine.dispose()


@pytest.mark.needs_binary
def test_a_server_that_drops_idle_connections_does_not_take_the_lock(mariadb: MariaDbServer) -> None:
    engine = create_engine(mariadb.create_database("idle"))
    with dropping_idle_connections(mariadb), migrate._only_migration(engine):
        time.sleep(2.5)
        with engine.connect() as connection:
            free = "SELECT is_free_lock(concat('stock_assets_', left(sha2(database(), 256), 32)))"
            assert connection.exec_driver_sql(free).scalar() == 0
    engine.dispose()


@pytest.mark.needs_binary
def test_a_statement_that_the_server_refuses_is_one_sentence(mariadb: MariaDbServer) -> None:
    url = mariadb.create_database("poor")
    owner = create_engine(url)
    with owner.begin() as connection:
        for statement in (
            "CREATE OR REPLACE USER 'poor'@'127.0.0.1' IDENTIFIED BY 's3cret'",
            "GRANT SELECT, INSERT, CREATE ON poor.* TO 'poor'@'127.0.0.1'",
        ):
            connection.exec_driver_sql(statement)
    engine = create_engine(f"mysql+mysqlconnector://poor:s3cret@127.0.0.1:{mariadb.port}/poor")
    with pytest.raises(StorageError, match=r"INDEX command denied .*stock-assets init.* again\.$") as raised:
        upgrade(engine, "sample")
    assert "s3cret" not in str(raised.value)
    upgrade(owner, "sample")
    owner.dispose()


@pytest.mark.needs_binary
def test_a_connection_that_is_lost_during_a_migration_costs_a_repetition(mariadb: MariaDbServer) -> None:
    url = mariadb.create_database("lost")
    engine, other = create_engine(url), create_engine(url)
    killed: list[int] = []

    def kill_once(connection: sa.Connection, _cursor: object, statement: str, *_: object) -> None:
        if "TABLE IF NOT EXISTS findings" in statement and not killed:
            killed.append(connection.connection.dbapi_connection.connection_id)
            with other.connect() as killer:
                killer.exec_driver_sql(f"KILL {killed[0]}")

    event.listen(engine, "before_cursor_execute", kill_once)
    upgrade(engine, "sample")
    assert killed
    assert differences(engine, metadata) == []
    engine.dispose()
    other.dispose()
