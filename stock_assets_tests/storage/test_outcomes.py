import datetime as dt

import pandas as pd
import pytest
import sqlalchemy as sa

from stock_assets.errors import InvalidRow
from stock_assets.storage.outcomes import read_outcomes, write_outcomes
from stock_assets.storage.schema import outcomes
from stock_assets_tests.storage.builders import LATER, NOON, rows_of, weekdays

FIRST, SECOND, THIRD = weekdays(3)


def write(
    engine: sa.Engine,
    cells: list[tuple[dt.date, str]],
    status: str = "published",
    now: dt.datetime = NOON,
    run_id: str = "run",
) -> None:
    frame = pd.DataFrame(cells, columns=["date", "asset"])
    with engine.begin() as connection:
        write_outcomes(
            connection, frame.assign(status=status, reason=None, rows=13), computed_at=now, run_id=run_id
        )


def test_exactly_the_days_and_assets_given_are_replaced(database: sa.Engine) -> None:
    write(database, [(day, asset) for day in (FIRST, SECOND, THIRD) for asset in ("a", "b")])
    write(database, [(FIRST, "a"), (THIRD, "a"), (SECOND, "b")], "refused", LATER, "again")
    assert [(row[0], row[1], row[2], row[-1]) for row in rows_of(database, outcomes)] == [
        (FIRST, "a", "refused", "again"),
        (FIRST, "b", "published", "run"),
        (SECOND, "a", "published", "run"),
        (SECOND, "b", "refused", "again"),
        (THIRD, "a", "refused", "again"),
        (THIRD, "b", "published", "run"),
    ]


def test_outcomes_are_read_from_first_to_last(database: sa.Engine) -> None:
    write(database, [(day, asset) for day in (THIRD, FIRST, SECOND) for asset in ("b", "a")])
    with database.begin() as connection:
        everything = read_outcomes(connection, SECOND, THIRD)
        one = read_outcomes(connection, FIRST, THIRD, asset="a")
    assert list(zip(everything["date"].dt.date, everything["asset"], strict=True)) == [
        (SECOND, "a"),
        (SECOND, "b"),
        (THIRD, "a"),
        (THIRD, "b"),
    ]
    assert everything["rows"].tolist() == [13] * 4
    assert everything["reason"].isna().all()
    assert one["asset"].tolist() == ["a"] * 3


def test_an_unknown_status_is_refused(database: sa.Engine) -> None:
    with pytest.raises(InvalidRow, match=r"outcomes\.status at date=2022-10-03, asset=a: 'done' is none of"):
        write(database, [(FIRST, "a")], "done")
