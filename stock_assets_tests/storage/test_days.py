import datetime as dt

import pandas as pd
import pytest
import sqlalchemy as sa

from stock_assets.errors import InvalidRow
from stock_assets.storage.days import read_days, write_days
from stock_assets.storage.schema import days
from stock_assets_tests.storage.builders import LATER, MONDAY, NOON, rows_of, weekdays

MUCH_LATER = LATER + dt.timedelta(hours=1)


def write(engine: sa.Engine, states: dict[dt.date, str], now: dt.datetime, run_id: str = "run") -> None:
    frame = pd.DataFrame({"date": list(states), "state": list(states.values()), "reason": None})
    with engine.begin() as connection:
        write_days(connection, frame, computed_at=now, run_id=run_id)


def completed(engine: sa.Engine, day: dt.date = MONDAY) -> dt.datetime | None:
    return {row[0]: row[3] for row in rows_of(engine, days)}[day]


def test_a_day_completes_when_it_leaves_waiting_and_keeps_that_time(database: sa.Engine) -> None:
    write(database, {MONDAY: "waiting"}, NOON)
    assert completed(database) is None
    write(database, {MONDAY: "complete"}, LATER)
    assert completed(database) == LATER
    write(database, {MONDAY: "complete"}, MUCH_LATER, "again")
    assert rows_of(database, days) == [(MONDAY, "complete", None, LATER, MUCH_LATER, "again")]


def test_another_state_completes_anew(database: sa.Engine) -> None:
    write(database, {MONDAY: "partial"}, NOON)
    write(database, {MONDAY: "complete"}, LATER)
    assert completed(database) == LATER
    write(database, {MONDAY: "waiting"}, MUCH_LATER)
    assert completed(database) is None


def test_only_the_days_given_are_written(database: sa.Engine) -> None:
    first, second, third = weekdays(3)
    write(database, dict.fromkeys((first, second, third), "complete"), NOON, "old")
    write(database, {third: "partial", first: "complete"}, LATER, "new")
    assert [(row[0], row[1], row[5]) for row in rows_of(database, days)] == [
        (first, "complete", "new"),
        (second, "complete", "old"),
        (third, "partial", "new"),
    ]


def test_days_are_read_from_first_to_last(database: sa.Engine) -> None:
    written = weekdays(5)
    write(database, dict.fromkeys(reversed(written), "complete"), NOON)
    with database.begin() as connection:
        frame = read_days(connection, written[1], written[3])
    assert frame["date"].dt.date.tolist() == written[1:4]
    assert frame["completed_at"].tolist() == [pd.Timestamp(NOON)] * 3


def test_an_unknown_state_and_a_repeated_day_are_refused(database: sa.Engine) -> None:
    with pytest.raises(
        InvalidRow, match=r"days\.state at date=2022-10-03: 'done' is none of waiting, complete"
    ):
        write(database, {MONDAY: "done"}, NOON)
    frame = pd.DataFrame({"date": [MONDAY, MONDAY], "state": "closed"})
    with pytest.raises(InvalidRow, match="date=2022-10-03: the key occurs"), database.begin() as connection:
        write_days(connection, frame, computed_at=NOON, run_id="run")
