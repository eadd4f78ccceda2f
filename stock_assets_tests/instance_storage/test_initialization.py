"""One step makes Dagster's tables whole, or refuses and says what to do."""

import multiprocessing
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.sql import get_alembic_config, run_alembic_downgrade
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster_mysql import DagsterMySQLStorage

from stock_assets.errors import ConfigurationError, StorageError
from stock_assets.instance_storage import initialize, mysql_connections
from stock_assets.instance_storage.database import InstanceDatabase
from stock_assets.instance_storage.revisions import newest_revision
from stock_assets.instance_storage.tables import missing_parts, table_sets
from stock_assets.settings import Settings
from stock_assets_tests.instance_storage.instances import batched_instance
from stock_assets_tests.servers import MariaDbServer

KINDS = ["sqlite", pytest.param("mariadb", marks=pytest.mark.needs_binary)]


@pytest.fixture
def home(homes: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=homes) as folder:
        yield Path(folder)


@pytest.fixture(params=KINDS)
def settings(request: pytest.FixtureRequest, home: Path) -> Settings:
    """An empty state folder, and an empty database if it is not SQLite."""
    if request.param == "sqlite":
        return deployment(home)
    server: MariaDbServer = request.getfixturevalue("mariadb")
    return deployment(home, server.create_database("dagster_init"))


@pytest.fixture
def on_mysql(mariadb: MariaDbServer, home: Path) -> Settings:
    return deployment(home, mariadb.create_database("dagster_init"))


def deployment(home: Path, url: str = "sqlite:///stock_assets.db") -> Settings:
    return Settings("sample", home / "configs", home, url)


def lacks(settings: Settings) -> list[str]:
    database = InstanceDatabase.choose(settings.state_dir, settings.database_url)
    return [part for tables in table_sets(database) for part in missing_parts(tables)]


@contextmanager
def connection_to(settings: Settings, file: str) -> Iterator[sa.Connection]:
    """Connect to one of the SQLite files, or to the MySQL database that holds all tables."""
    is_mysql = settings.database_url.startswith("mysql")
    url = settings.database_url if is_mysql else f"sqlite:///{settings.state_dir / file}"
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        yield connection


def execute(settings: Settings, file: str, statement: str) -> None:
    with connection_to(settings, file) as connection:
        connection.execute(sa.text(statement))


def drop_index(settings: Settings, file: str, table: str, index: str) -> None:
    on_table = f" ON {table}" if settings.database_url.startswith("mysql") else ""
    execute(settings, file, f"DROP INDEX {index}{on_table}")


def test_all_tables_columns_and_indexes_are_made(settings: Settings) -> None:
    initialize(settings)
    assert lacks(settings) == []
    with connection_to(settings, "history/runs/index.db") as connection:
        inspector = sa.inspect(connection)
        assert {"event_logs", "asset_keys", "asset_event_tags", "alembic_version"} <= set(
            inspector.get_table_names()
        )
        assert "idx_events_by_asset_partition" in {
            index["name"] for index in inspector.get_indexes("event_logs")
        }


def test_running_it_again_changes_nothing(settings: Settings) -> None:
    initialize(settings)
    before = _all_definitions(settings)
    initialize(settings)
    assert _all_definitions(settings) == before


def _all_definitions(settings: Settings) -> list[object]:
    database = InstanceDatabase.choose(settings.state_dir, settings.database_url)
    found: list[object] = []
    for tables in table_sets(database):
        inspector = sa.inspect(tables.engine)
        for name in sorted(inspector.get_table_names()):
            columns = [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(name)]
            found.append((name, columns, inspector.get_indexes(name)))
        with tables.engine.connect() as connection:
            found.append(connection.execute(sa.text("SELECT * FROM alembic_version")).all())
            found.append(connection.execute(sa.text("SELECT * FROM secondary_indexes")).all())
    return found


def test_three_processes_at_once_make_one_whole_store(settings: Settings) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=initialize, args=(settings,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert lacks(settings) == []


def test_what_an_interrupted_creation_left_out_is_added(settings: Settings) -> None:
    initialize(settings)
    drop_index(settings, "history/runs.db", "kvs", "idx_kvs_keys_unique")
    drop_index(settings, "history/runs/index.db", "event_logs", "idx_events_by_asset")
    execute(settings, "schedules/schedules.db", "DROP TABLE instigators")
    execute(settings, "history/runs/index.db", "DELETE FROM secondary_indexes")
    assert lacks(settings) == [
        "index idx_kvs_keys_unique on kvs",
        "index idx_events_by_asset on event_logs",
        "table instigators",
    ]
    initialize(settings)
    assert lacks(settings) == []
    with connection_to(settings, "history/runs/index.db") as connection:
        marks = connection.execute(sa.text("SELECT name FROM secondary_indexes")).scalars().all()
    assert "asset_key_index_columns" in marks


def test_tables_without_a_version_get_one(settings: Settings) -> None:
    initialize(settings)
    execute(settings, "history/runs/index.db", "DROP TABLE alembic_version")
    initialize(settings)
    with connection_to(settings, "history/runs/index.db") as connection:
        stored = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all()
    assert stored == [newest_revision()]


def test_older_tables_are_migrated(home: Path) -> None:
    settings = deployment(home)
    initialize(settings)
    storage = DagsterSqliteStorage.from_local(str(home))
    dunder_file = str(
        Path(DagsterSqliteStorage.from_local.__code__.co_filename).parent / "event_log/sqlite/x.py"
    )
    with storage.event_log_storage.index_connection() as connection:
        run_alembic_downgrade(get_alembic_config(dunder_file), connection, "6b7fb194ff9c")
    assert "column concurrency_limits.using_default_limit" in lacks(settings)
    initialize(settings)
    assert lacks(settings) == []


def test_what_cannot_be_added_is_refused(settings: Settings) -> None:
    initialize(settings)
    execute(settings, "history/runs/index.db", "ALTER TABLE event_logs DROP COLUMN event")
    with pytest.raises(StorageError, match=r"lack column event_logs\.event, which could not be added"):
        initialize(settings)


def test_rows_that_forbid_an_index_are_named(settings: Settings) -> None:
    initialize(settings)
    drop_index(settings, "history/runs.db", "kvs", "idx_kvs_keys_unique")
    for _ in range(2):
        execute(settings, "history/runs.db", "INSERT INTO kvs (`key`, value) VALUES ('cursor', '1')")
    with pytest.raises(StorageError, match=r"(?i)could not be made or migrated .*(unique|duplicate)"):
        initialize(settings)


def test_two_versions_at_once_are_refused(home: Path) -> None:
    settings = deployment(home)
    initialize(settings)
    execute(settings, "history/runs.db", "INSERT INTO alembic_version VALUES ('7e2f3204cf8e')")
    with pytest.raises(StorageError, match=r"made by several processes at once .*7e2f3204cf8e"):
        initialize(settings)


def test_tables_of_a_newer_dagster_are_refused(home: Path) -> None:
    settings = deployment(home)
    initialize(settings)
    execute(settings, "history/runs.db", "UPDATE alembic_version SET version_num = 'ffffffffffff'")
    with pytest.raises(StorageError, match="version ffffffffffff, which the installed Dagster does not know"):
        initialize(settings)


def test_a_url_of_another_database_is_refused(home: Path) -> None:
    with pytest.raises(ConfigurationError, match="postgresql"):
        initialize(deployment(home, "postgresql://quant@db/x"))


@pytest.mark.needs_binary
def test_a_server_that_does_not_answer_is_named(
    mariadb: MariaDbServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mysql_connections, "PATIENCE_SECONDS", 0)
    url = mariadb.url("x").replace(str(mariadb.port), "1")
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:1/x could not be made or migrated") as refused:
        initialize(deployment(home, url))
    assert "s3cret" not in str(refused.value)


@pytest.mark.needs_binary
@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        ("SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, REFERENCES, DROP", "INDEX"),
        ("SELECT, INSERT, UPDATE, DELETE, DROP", "CREATE, INDEX, ALTER"),
        ("SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES", "DROP"),
        ("SELECT, INSERT, CREATE, ALTER, INDEX, REFERENCES, DROP", "UPDATE, DELETE"),
    ],
)
def test_an_account_without_a_privilege_is_refused_before_a_table_is_made(
    mariadb: MariaDbServer, on_mysql: Settings, granted: str, missing: str
) -> None:
    for statement in (
        "CREATE OR REPLACE USER 'poor'@'127.0.0.1' IDENTIFIED BY 'poor'",
        f"GRANT {granted} ON dagster_init.* TO 'poor'@'127.0.0.1'",
    ):
        execute(on_mysql, "", statement)
    poor = deployment(
        on_mysql.state_dir, f"mysql+mysqlconnector://poor:poor@127.0.0.1:{mariadb.port}/dagster_init"
    )
    with pytest.raises(StorageError, match=f"lacks the privilege {missing}.* on .*dagster_init.*GRANT ALL"):
        initialize(poor)
    with connection_to(on_mysql, "") as connection:
        assert sa.inspect(connection).get_table_names() == []
    execute(on_mysql, "", "GRANT ALL PRIVILEGES ON `dagster_init`.* TO 'poor'@'127.0.0.1'")
    initialize(poor)
    assert lacks(poor) == []


@pytest.mark.needs_binary
def test_tables_that_an_account_without_index_made_are_completed(
    mariadb: MariaDbServer, on_mysql: Settings
) -> None:
    for statement in (
        "CREATE OR REPLACE USER 'poor'@'127.0.0.1' IDENTIFIED BY 'poor'",
        "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON dagster_init.* TO 'poor'@'127.0.0.1'",
    ):
        execute(on_mysql, "", statement)
    DagsterMySQLStorage(f"mysql+mysqlconnector://poor:poor@127.0.0.1:{mariadb.port}/dagster_init")
    assert any(part.startswith("index") for part in lacks(on_mysql)), "stock Dagster said nothing"
    initialize(on_mysql)
    assert lacks(on_mysql) == []


@pytest.mark.needs_binary
def test_a_database_of_another_character_set_is_refused(on_mysql: Settings) -> None:
    execute(on_mysql, "", "ALTER DATABASE dagster_init CHARACTER SET latin1")
    with pytest.raises(StorageError, match=r"'latin1'.* ALTER DATABASE `dagster_init` CHARACTER SET utf8mb4"):
        initialize(on_mysql)
    with connection_to(on_mysql, "") as connection:
        assert sa.inspect(connection).get_table_names() == []


@pytest.mark.needs_binary
def test_tables_of_another_character_set_are_refused(on_mysql: Settings) -> None:
    execute(on_mysql, "", "ALTER DATABASE dagster_init CHARACTER SET latin1")
    DagsterMySQLStorage(on_mysql.database_url)
    execute(on_mysql, "", "ALTER DATABASE dagster_init CHARACTER SET utf8mb4")
    with pytest.raises(StorageError, match=r"run_tags \(latin1_\w+\).* utf8mb4"):
        initialize(on_mysql)


@dg.op(config_schema={"text": str})
def wordy() -> None: ...


@dg.job
def wordy_job() -> None:
    wordy()


@pytest.mark.needs_binary
def test_values_beyond_64_kb_fit_on_mysql(on_mysql: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    initialize(on_mysql)
    text = "한" * 70_000
    config = {"ops": {"wordy": {"config": {"text": text}}}}
    with batched_instance(on_mysql.state_dir, on_mysql.database_url, monkeypatch) as instance:
        run = instance.create_run_for_job(wordy_job, run_config=config, tags={"note": "한국"})
        stored = instance.get_run_by_id(run.run_id)
        assert stored is not None
        assert stored.run_config == config
        assert stored.tags["note"] == "한국"
        instance.daemon_cursor_storage.set_cursor_values({"sensor": text})
        assert instance.daemon_cursor_storage.get_cursor_values({"sensor"}) == {"sensor": text}
