"""What is stored comes back as it was, on both databases."""

import datetime as dt
import struct

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import StatementError

from stock_assets.storage.prices import append_bars, read_bars
from stock_assets.storage.schema import days, price_bars
from stock_assets.storage.weights import read_weights, replace_weights
from stock_assets_tests.storage.builders import LATER, MONDAY, NOON, bars, rows_of, weekdays, weights

ON_ONE_DATABASE = settings(
    derandomize=True,
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
AWKWARD = [59141.23046875, 0.1 + 0.2, 1e-5, 1 / 3, 5e-324, 1.7976931348623157e308, 123456789012345678.0, 0.0]


def bits(values: list[float]) -> list[bytes]:
    return [struct.pack("<d", value) for value in values]


def test_doubles_survive_exactly(database: sa.Engine) -> None:
    with database.begin() as connection:
        append_bars(connection, bars("kor", AWKWARD), run_id="run", known_at=NOON)
    with database.begin() as connection:
        assert bits(read_bars(connection)["close"].tolist()) == bits(AWKWARD)


@ON_ONE_DATABASE
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_any_double_survives_exactly(database: sa.Engine, values: list[float]) -> None:
    day = [MONDAY]
    with database.begin() as connection:
        replace_weights(connection, "alpha", day, weights(day, values), computed_at=NOON, run_id="run")
        stored = read_weights(connection, MONDAY, MONDAY).set_index("instrument")["weight"]
    expected = [value + 0.0 for value in values]
    assert bits([stored[f"i{position}"] for position in range(len(values))]) == bits(expected)


def test_instants_keep_their_microseconds(database: sa.Engine) -> None:
    known_at = dt.datetime(2022, 10, 4, 8, 59, 59, 999999, tzinfo=dt.timezone(dt.timedelta(hours=9)))
    with database.begin() as connection:
        append_bars(connection, bars("kor", [1.0]), run_id="run", known_at=known_at)
        (stored,) = read_bars(connection)["known_at"]
        (row,) = connection.execute(sa.select(price_bars.c.known_at)).all()
    assert stored.isoformat() == "2022-10-03T23:59:59.999999+00:00"
    assert row.known_at == known_at
    assert row.known_at.utcoffset() == dt.timedelta(0)


def test_a_naive_instant_is_refused(database: sa.Engine) -> None:
    with pytest.raises(StatementError, match="has no time zone"), database.begin() as connection:
        read_bars(connection, as_of=dt.datetime(2022, 10, 3))


def test_midnight_is_a_date_and_another_instant_is_none(database: sa.Engine) -> None:
    with database.begin() as connection:
        append_bars(connection, bars("kor", [1.0, 2.0]), run_id="run", known_at=NOON)
        assert len(read_bars(connection, until=pd.Timestamp(MONDAY))) == 1
        with pytest.raises(StatementError, match="where a date is meant"):
            read_bars(connection, until=pd.Timestamp("2022-10-03 09:00"))


@pytest.mark.parametrize("text", ["코스피가 31 % 움직였습니다 — 'q' \"d\" \\ %s :name 😀", "", " "])
def test_text_survives(database: sa.Engine, text: str) -> None:
    row = {"date": MONDAY, "state": "waiting", "reason": text, "computed_at": NOON, "run_id": "run"}
    with database.begin() as connection:
        connection.execute(sa.insert(days), [row, row | {"date": MONDAY + dt.timedelta(days=1)}])
    assert [row[2] for row in rows_of(database, days)] == [text, text]


def test_keys_differ_by_case_and_sort_by_code_point(database: sa.Engine) -> None:
    names = ["b", "B", "a", "é", "e", "_", "코"]
    with database.begin() as connection:
        for name in names:
            append_bars(connection, bars(name, [1.0]), run_id="run", known_at=NOON)
        assert read_bars(connection)["instrument"].tolist() == sorted(names)


def test_the_order_of_insertion_does_not_show(database: sa.Engine) -> None:
    everything = pd.concat([bars("us", [4.0, 5.0, 6.0]), bars("kor", [1.0, 2.0, 3.0])])
    with database.begin() as connection:
        for _, part in everything.sample(frac=1, random_state=7).groupby("close"):
            append_bars(connection, part, run_id="run", known_at=NOON)
        frame = read_bars(connection)
    assert frame["close"].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert frame["instrument"].tolist() == ["kor"] * 3 + ["us"] * 3


def test_more_rows_than_one_statement_takes(database: sa.Engine) -> None:
    days_written = weekdays(1100)
    frame = weights(days_written, [0.25, 0.75])
    with database.begin() as connection:
        for now in (NOON, LATER):
            replace_weights(connection, "alpha", days_written, frame, computed_at=now, run_id="run")
        stored = read_weights(connection, days_written[0], days_written[-1])
    assert len(stored) == 2200
    assert set(stored["computed_at"]) == {pd.Timestamp(LATER)}


def test_null_is_nan_and_never_the_other_way_round(database: sa.Engine) -> None:
    with database.begin() as connection:
        append_bars(connection, bars("kor", [1.0]), run_id="run", known_at=NOON)
        (volume,) = connection.execute(sa.select(price_bars.c.volume)).scalars()
        assert volume is None
        assert read_bars(connection)["volume"].isna().all()
