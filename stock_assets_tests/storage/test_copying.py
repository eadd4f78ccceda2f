"""A universe's tables move from SQLite to MariaDB bit for bit, however often the copy breaks off."""

import datetime as dt
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from stock_assets.errors import StorageError
from stock_assets.storage import copying
from stock_assets.storage.copying import COPIED_TABLES, copy_tables
from stock_assets.storage.engine import create_engine
from stock_assets.storage.migrate import upgrade
from stock_assets.storage.schema import days, deployment, metadata, price_bars, stage1_predictions
from stock_assets_tests.servers import MariaDbServer, dropping_idle_connections
from stock_assets_tests.storage.builders import MONDAY, NOON, rows_of
from stock_assets_tests.storage.processes import PythonProcess
from stock_assets_tests.storage.test_both_databases import write_everything

UNIVERSE = "sample"
BATCH = 37

only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
only_mariadb = pytest.mark.parametrize(
    "database_url", [pytest.param("mariadb", marks=pytest.mark.needs_binary)], indirect=True
)

#: Copies, and waits to be killed when it has reported so many batches.
COPY = """
import sys
from stock_assets.storage import copying
from stock_assets.storage.engine import create_engine
copying.BATCH_ROWS = int(sys.argv[4])
left = int(sys.argv[3])

def progress(*_):
    global left
    left -= 1
    if left == 0:
        print("ready", flush=True)
        sys.stdin.readline()

copying.copy_tables(create_engine(sys.argv[1]), create_engine(sys.argv[2]), "sample", progress)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    """SQLite with rows in every table, among them values that are easily lost on the way."""
    engine = create_engine(f"sqlite:///{tmp_path_factory.mktemp('source') / 'a.db'}")
    upgrade(engine, UNIVERSE)
    write_everything(engine)
    extremes = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -1 / 3, 2**53 + 1.0, 1e-7]
    with engine.begin() as connection:
        (bar,) = connection.execute(sa.select(price_bars).limit(1)).mappings().all()
        for revision, close in enumerate(extremes, start=100):
            other = {**bar, "revision": revision, "close": close, "known_at": NOON.replace(microsecond=1)}
            connection.execute(sa.insert(price_bars), other)
    yield engine
    engine.dispose()


@pytest.fixture
def target(database_url: str) -> Iterator[sa.Engine]:
    """An empty database with the tables."""
    engine = create_engine(database_url)
    upgrade(engine, UNIVERSE)
    yield engine
    engine.dispose()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "BATCH_ROWS", BATCH)


def contents(engine: sa.Engine) -> dict[str, list[str]]:
    """All rows as texts that differ if one bit of them does."""
    return {table.name: [repr(row) for row in rows_of(engine, table)] for table in COPIED_TABLES}


def test_every_table_but_the_deployments_own_row_is_copied() -> None:
    assert {table.name for table in COPIED_TABLES} == set(metadata.tables) - {"deployment"}


def test_every_value_arrives_to_its_last_bit(source: sa.Engine, target: sa.Engine) -> None:
    before = rows_of(target, deployment)
    copied = copy_tables(source, target, UNIVERSE)
    assert contents(target) == contents(source)
    assert {one.name: (one.rows, one.copied) for one in copied} == {
        name: (len(rows), len(rows)) for name, rows in contents(source).items()
    }
    assert all(one.rows > 0 for one in copied), "a table has no rows, so nothing is known of it"
    assert {one.name: one.sha256 for one in copied} == {
        name: hashlib.sha256("".join(rows).encode()).hexdigest() for name, rows in contents(target).items()
    }
    assert rows_of(target, deployment) == before


@only_sqlite
def test_progress_is_told_batch_by_batch(source: sa.Engine, target: sa.Engine) -> None:
    told: list[tuple[str, int, int]] = []
    copy_tables(source, target, UNIVERSE, lambda *progress: told.append(progress))
    bars = [done for name, done, total in told if name == "price_bars"]
    assert bars == [*range(0, 486, BATCH), 486]
    assert {name: (done, total) for name, done, total in told} == {
        name: (len(rows), len(rows)) for name, rows in contents(source).items()
    }


def test_a_second_copy_writes_nothing(source: sa.Engine, target: sa.Engine) -> None:
    first = copy_tables(source, target, UNIVERSE)
    written: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            written.append(statement)

    event.listen(target, "before_cursor_execute", note)
    second = copy_tables(source, target, UNIVERSE)
    event.remove(target, "before_cursor_execute", note)
    assert written == []
    assert [one.sha256 for one in second] == [one.sha256 for one in first]
    assert all(one.copied == 0 for one in second)


@only_mariadb
@pytest.mark.parametrize("batch", [1, 14, 40])  # before the first row, and within a table
def test_a_killed_copy_goes_on_where_it_stopped(source: sa.Engine, target: sa.Engine, batch: int) -> None:
    urls = [engine.url.render_as_string(hide_password=False) for engine in (source, target)]
    process = PythonProcess(COPY, *urls, str(batch), str(BATCH))
    process.wait_until_ready()
    process.kill()
    there = contents(target)
    part = sum(len(rows) for rows in there.values())
    assert all(set(rows) <= set(contents(source)[name]) for name, rows in there.items())
    copied = copy_tables(source, target, UNIVERSE)
    assert contents(target) == contents(source)
    assert sum(one.copied for one in copied) == sum(one.rows for one in copied) - part
    assert (part > 0) == (batch > 1)


def test_rows_that_came_since_the_first_copy_are_added(tmp_path: Path, target: sa.Engine) -> None:
    source = create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    upgrade(source, UNIVERSE)
    row = {"state": "complete", "computed_at": NOON, "run_id": "run"}
    for offsets in ([0, 2, 4], [-1, 1, 3, 5]):
        with source.begin() as connection:
            for offset in offsets:
                connection.execute(sa.insert(days), row | {"date": MONDAY + dt.timedelta(days=offset)})
        copied = {one.name: one.copied for one in copy_tables(source, target, UNIVERSE)}
        assert copied["days"] == len(offsets)
    assert contents(target) == contents(source)


@pytest.mark.parametrize("change", [{"predicted_return": 0.5}, {"date": MONDAY - dt.timedelta(days=400)}])
def test_a_database_with_other_rows_is_refused_and_left_alone(
    source: sa.Engine, target: sa.Engine, change: dict[str, object]
) -> None:
    assert COPIED_TABLES[-1] is stage1_predictions, "the last one, so that something could have been written"
    with source.connect() as connection:
        row = dict(connection.execute(sa.select(stage1_predictions).limit(1)).mappings().one())
    with target.begin() as connection:
        connection.execute(sa.insert(stage1_predictions), row | change)
    before = contents(target)
    with pytest.raises(StorageError, match="holds a row of stage1_predictions that is not copied from here"):
        copy_tables(source, target, UNIVERSE)
    assert contents(target) == before


@only_sqlite
def test_another_universe_is_refused_on_either_side(
    source: sa.Engine, database_url: str, tmp_path: Path
) -> None:
    other = create_engine(database_url)
    upgrade(other, "kospi")
    with pytest.raises(StorageError, match="serves the universe 'kospi', not 'sample'"):
        copy_tables(source, other, UNIVERSE)
    third = create_engine(f"sqlite:///{tmp_path / 'b.db'}")
    upgrade(third, "kospi")
    with pytest.raises(StorageError, match="serves the universe 'sample', not 'kospi'"):
        copy_tables(source, third, "kospi")
    assert all(rows == [] for rows in contents(other).values())
    other.dispose()


@only_sqlite
def test_a_database_without_tables_is_refused(source: sa.Engine, database_url: str) -> None:
    engine = create_engine(database_url)
    with pytest.raises(StorageError, match="has no tables yet"):
        copy_tables(source, engine, UNIVERSE)
    engine.dispose()


def test_a_value_that_changes_on_the_way_is_found(source: sa.Engine, target: sa.Engine) -> None:
    def spoil(table: str, done: int, total: int) -> None:
        if table == "stage1_predictions":
            last_bit = sa.update(price_bars).values(close=price_bars.c.close * (1 + 2**-52))
            with target.begin() as connection:
                connection.execute(last_bit.where(price_bars.c.instrument == "us"))

    with pytest.raises(StorageError, match="price_bars is not the same after copying: 486 rows"):
        copy_tables(source, target, UNIVERSE, spoil)


@only_sqlite
def test_the_source_is_read_as_it_was_at_the_start(tmp_path: Path, target: sa.Engine) -> None:
    source = create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    upgrade(source, UNIVERSE)
    row = {"state": "complete", "computed_at": NOON, "run_id": "run"}

    def write_meanwhile(table: str, done: int, total: int) -> None:
        if table == "days" and done == 0:
            with source.begin() as connection:
                connection.execute(sa.insert(days), row | {"date": MONDAY})

    assert {one.rows for one in copy_tables(source, target, UNIVERSE, write_meanwhile)} == {0}
    assert {one.name: one.copied for one in copy_tables(source, target, UNIVERSE)}["days"] == 1


def test_no_more_than_a_batch_is_read_at_once(source: sa.Engine, target: sa.Engine) -> None:
    selected: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        if any(f"SELECT {table.name}." in statement for table in COPIED_TABLES):
            selected.append(statement)

    for engine in (source, target):
        event.listen(engine, "before_cursor_execute", note)
    copy_tables(source, target, UNIVERSE)
    for engine in (source, target):
        event.remove(engine, "before_cursor_execute", note)
    assert len(selected) > 2 * 486 // BATCH
    assert all("LIMIT" in statement for statement in selected)


@only_mariadb
def test_a_server_that_drops_idle_connections_does_not_stop_the_copy(
    source: sa.Engine, target: sa.Engine, mariadb: MariaDbServer
) -> None:
    slept: list[str] = []

    def sleep_once(table: str, done: int, total: int) -> None:
        if table == price_bars.name and done == total:
            slept.append(table)
            time.sleep(2.5)

    target.dispose()
    with dropping_idle_connections(mariadb):
        copy_tables(source, target, UNIVERSE, sleep_once)
    assert slept
    assert contents(target) == contents(source)
