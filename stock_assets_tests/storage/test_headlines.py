import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pandas as pd
import pytest
import sqlalchemy as sa
from alembic import command

from stock_assets.errors import InvalidRow, StorageError
from stock_assets.storage.engine import create_engine, read_transaction
from stock_assets.storage.headlines import (
    _insert_if_absent,
    add_collections,
    add_headlines,
    read_collections,
    read_headlines,
    read_sightings,
)
from stock_assets.storage.migrate import alembic_settings, require_current, upgrade
from stock_assets.storage.schema import days, deployment, headline_collections, headlines
from stock_assets_tests.storage.builders import LATER, MONDAY, NOON, rows_of

SECOND = dt.timedelta(seconds=1)
LONGEST_TITLE, LONGEST_LINK = "가" * 499 + "📈", "https://a.example/" + "뉴" * 1982


def item(digest: str, **columns: object) -> dict[str, object]:
    return {
        "hash": digest * 64,
        "instrument": "kospi",
        "feed": "press",
        "title": f"제목 {digest}",
        "link": f"https://a.example/{digest}",
        "published_at": NOON,
    } | columns


def add(engine: sa.Engine, items: list[dict[str, object]], now: dt.datetime = NOON) -> int:
    with engine.begin() as connection:
        return add_headlines(connection, pd.DataFrame(items), first_seen_at=now)


def attempt(engine: sa.Engine, now: dt.datetime, feed: str = "press", **columns: object) -> None:
    row = {"collected_at": now, "feed": feed, "instrument": "", "items": 2, "new_items": 1} | columns
    with engine.begin() as connection:
        add_collections(connection, pd.DataFrame([row]))


def test_items_come_back_as_they_were_given(database: sa.Engine) -> None:
    given = [
        item("a", title=LONGEST_TITLE, link=LONGEST_LINK),
        item("b", instrument=None, published_at=None),
        item("c", published_at=dt.datetime(1000, 1, 1, tzinfo=dt.UTC)),
        item("d", published_at=dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)),
    ]
    for row in given:
        # One by one: pandas cannot hold such dates in one column as nanoseconds.
        date = pd.Series([row["published_at"]], dtype="datetime64[us, UTC]")
        with database.begin() as connection:
            frame = pd.DataFrame([row]).assign(published_at=date)
            assert add_headlines(connection, frame, first_seen_at=NOON) == 1
    columns = ("hash", "instrument", "feed", "title", "link", "published_at")
    expected = [(row["hash"], NOON, *(row[name] for name in columns[1:])) for row in given]
    assert rows_of(database, headlines) == expected


def test_an_item_is_stored_once_and_never_rewritten(database: sa.Engine) -> None:
    assert add(database, [item("a"), item("b")]) == 2
    before = rows_of(database, headlines)
    again = [item("b", feed="other", title="changed", link="https://b.example", instrument=None), item("c")]
    assert add(database, again, LATER) == 1
    assert add(database, again, LATER + SECOND) == 0
    after = rows_of(database, headlines)
    assert after[:2] == before
    assert [(row[0][0], row[1]) for row in after] == [("a", NOON), ("b", NOON), ("c", LATER)]


def test_many_items_are_stored_and_counted(database: sa.Engine) -> None:
    many = [item("x", hash=f"{number:064d}") for number in range(130)]
    assert add(database, many[20:60]) == 40
    assert add(database, many[::-1], LATER) == 90
    assert add(database, many, LATER) == 0, "at the same instant as those that are there"
    assert len(rows_of(database, headlines)) == 130


def test_nothing_is_stored_of_nothing(database: sa.Engine) -> None:
    with database.begin() as connection:
        empty = pd.DataFrame([item("a")]).iloc[:0]
        assert add_headlines(connection, empty, first_seen_at=NOON) == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"title": "x" * 501}, "501 characters where 500 are allowed"),
        ({"link": "x" * 2001}, "2001 characters where 2000 are allowed"),
        ({"link": None}, "where a value is required"),
        ({"published_at": dt.datetime(2026, 1, 1)}, "no instant with a time zone"),
    ],
)
def test_what_does_not_fit_is_refused_and_not_cut(
    database: sa.Engine, wrong: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidRow, match=said):
        add(database, [item("a"), item("b", **wrong)])
    assert rows_of(database, headlines) == []


def test_a_row_is_left_out_because_it_is_there_and_for_nothing_else(database: sa.Engine) -> None:
    wrong = item("b", title=None) | {"first_seen_at": NOON}
    with pytest.raises(sa.exc.IntegrityError), database.begin() as connection:
        connection.execute(_insert_if_absent(connection, headlines, [wrong]))


def test_hashes_that_differ_in_case_are_apart(database: sa.Engine) -> None:
    assert add(database, [item("a"), item("A")]) == 2


def test_writers_at_the_same_time_store_an_item_once(database_url: str, database: sa.Engine) -> None:
    count = 3
    barrier = Barrier(count)

    def write(writer: int) -> int:
        engine = create_engine(database_url)
        mine = [item("x", hash=f"{number:064d}") for number in range(120)]
        mine += [item("y", hash=f"{writer}{number:063d}") for number in range(1, 11)]
        barrier.wait()
        with engine.begin() as connection:
            now = NOON + writer * SECOND
            stored = add_headlines(connection, pd.DataFrame(mine), first_seen_at=now)
            row = {"collected_at": now, "feed": "p", "instrument": "", "items": 1, "new_items": stored}
            add_collections(connection, pd.DataFrame([row]))
        engine.dispose()
        return stored

    with ThreadPoolExecutor(count) as writers:
        stored = list(writers.map(write, range(1, count + 1)))
    rows = rows_of(database, headlines)
    assert sum(stored) == len(rows) == 120 + 10 * count
    for writer, number in enumerate(stored, start=1):
        assert sum(row[1] == NOON + writer * SECOND for row in rows) == number
    assert len(rows_of(database, headline_collections)) == count


def test_a_window_has_its_end_and_not_its_beginning(database: sa.Engine) -> None:
    tick = dt.timedelta(microseconds=1)
    moments = [NOON, NOON + tick, LATER - tick, LATER, LATER + tick]
    for digest, moment in zip("edcba", moments, strict=True):
        add(database, [item(digest, instrument=None if digest == "c" else "kospi")], moment)
        attempt(database, moment)
    with read_transaction(database) as connection:
        found = read_headlines(connection, NOON, LATER)
        sightings = read_sightings(connection, NOON, LATER)
        collections = read_collections(connection, NOON, LATER)
    assert [digest[0] for digest in found["hash"]] == ["d", "c", "b"]
    assert list(found["first_seen_at"]) == moments[1:4]
    assert list(sightings["first_seen_at"]) == moments[1:4]
    assert [name if isinstance(name, str) else None for name in sightings["instrument"]] == [
        "kospi",
        None,
        "kospi",
    ]
    assert list(collections["collected_at"]) == moments[1:4]


def test_an_attempt_is_kept_with_its_error(database: sa.Engine) -> None:
    attempt(database, NOON, items=0, new_items=0, error="연결 실패", instrument="kospi", run_id="run")
    attempt(database, NOON)
    attempt(database, NOON, items=7, error="the same attempt again")
    assert rows_of(database, headline_collections) == [
        (NOON, "press", "", 2, 1, None, None),
        (NOON, "press", "kospi", 0, 0, "연결 실패", "run"),
    ]


def test_a_database_without_the_tables_gets_them_and_keeps_what_it_has(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        command.upgrade(alembic_settings(connection), "0001")
        connection.execute(sa.insert(deployment).values(id=1, universe="sample", created_at=NOON))
        bar = {"date": MONDAY, "state": "complete", "computed_at": NOON, "run_id": "run"}
        connection.execute(sa.insert(days).values(bar))
    before = rows_of(engine, days)
    assert not sa.inspect(engine).has_table("headlines")
    with pytest.raises(StorageError, match="has the tables of version 0001"):
        require_current(engine, "sample")
    upgrade(engine, "sample")
    require_current(engine, "sample")
    assert rows_of(engine, days) == before
    assert rows_of(engine, deployment) == [(1, "sample", NOON)]
    assert add(engine, [item("a")]) == 1
    attempt(engine, NOON)
    upgrade(engine, "sample")
    assert len(rows_of(engine, headlines)) == len(rows_of(engine, headline_collections)) == 1
    engine.dispose()
