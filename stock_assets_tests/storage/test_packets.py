"""Servers with small packets hold the same rows: statements are as long as they may be, and no longer."""

import datetime as dt
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from stock_assets.storage.engine import create_engine
from stock_assets.storage.migrate import upgrade
from stock_assets.storage.models import ModelRecord
from stock_assets.storage.partitions import _statements, insert_rows
from stock_assets.storage.schema import headlines, models
from stock_assets_tests.servers import MariaDbServer
from stock_assets_tests.storage.builders import NOON, rows_of

PACKET = 65_536


@pytest.fixture
def small(mariadb: MariaDbServer) -> Iterator[sa.Engine]:
    """A database of a server that takes packets of 64 KB."""
    url = mariadb.create_database("small_packets")
    server = create_engine(url)
    with server.connect() as connection:
        before = connection.exec_driver_sql("SELECT @@GLOBAL.max_allowed_packet").scalar_one()
        connection.exec_driver_sql(f"SET GLOBAL max_allowed_packet = {PACKET}")
        server.dispose()
        engine = create_engine(url)
        upgrade(engine, "sample")
        yield engine
        engine.dispose()
        connection.exec_driver_sql(f"SET GLOBAL max_allowed_packet = {before}")


def headline(number: int, title: str) -> dict[str, object]:
    link = "https://news.example/" + "코스피" * 500
    return {
        "hash": f"{number:064x}",
        "first_seen_at": NOON,
        "instrument": None,
        "feed": "feed",
        "title": title,
        "link": link,
        "published_at": None,
    }


@pytest.mark.needs_binary
@pytest.mark.parametrize("title", ["코스피" * 160, "\"'\\" * 160, "📈" * 490])
def test_many_long_rows_go_in_several_statements(small: sa.Engine, title: str) -> None:
    inserts: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("INSERT"):
            inserts.append(statement)

    event.listen(small, "before_cursor_execute", note)
    with small.begin() as connection:
        insert_rows(connection, headlines, [headline(number, title) for number in range(120)])
    assert 1 < len(inserts) < 120
    title_at = headlines.columns.keys().index("title")
    assert [row[title_at] for row in rows_of(small, headlines)] == [title] * 120


@pytest.mark.needs_binary
def test_the_size_of_json_counts(small: sa.Engine) -> None:
    rows = [
        vars(
            ModelRecord(
                f"m{number:03}",
                "stage1",
                "kor",
                dt.date(2022, 10, 1),
                {"curve": [0.1 + position for position in range(200)], "정확도": "높음"},
                "a.pt",
                "0" * 64,
                {},
                NOON,
                "run",
            )
        )
        for number in range(60)
    ]
    with small.begin() as connection:
        insert_rows(connection, models, rows)
    assert len(rows_of(small, models)) == 60


def test_statements_keep_the_order_and_a_row_that_alone_is_too_long() -> None:
    rows = [{"text": "x" * size} for size in (3, 3, 4, 40, 1)]  # each with four characters around it
    chunks = [[len(row["text"]) for row in chunk] for chunk in _statements(rows, 22)]
    assert chunks == [[3, 3, 4], [40], [1]]
