import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from stock_assets.errors import InvalidRow
from stock_assets.storage.predictions import read_predictions, replace_predictions
from stock_assets.storage.schema import stage1_predictions
from stock_assets_tests.storage.builders import LATER, MONDAY, NOON, predictions, rows_of, weekdays


def replace(
    engine: sa.Engine,
    days: list[dt.date],
    frame: pd.DataFrame,
    now: dt.datetime = NOON,
    run_id: str = "run",
) -> None:
    with engine.begin() as connection:
        replace_predictions(
            connection,
            days,
            frame,
            instruments=[f"i{number}" for number in range(9)],
            computed_at=now,
            run_id=run_id,
        )


def flags(engine: sa.Engine) -> list[bool]:
    return [row[6] for row in rows_of(engine, stage1_predictions)]


def test_a_range_gives_the_rows_of_its_single_days(database: sa.Engine) -> None:
    days = weekdays(30)
    values = np.random.default_rng(3).normal(size=4).tolist()
    replace(database, days, predictions(days, values))
    at_once = rows_of(database, stage1_predictions)
    replace(database, days, predictions([], []).reindex(columns=predictions(days, values).columns))
    assert rows_of(database, stage1_predictions) == []
    for day in reversed(days):
        replace(database, [day], predictions([day], values))
    assert rows_of(database, stage1_predictions) == at_once


def test_again_changes_only_when_and_by_whom(database: sa.Engine) -> None:
    days = weekdays(5)
    frame = predictions(days, [0.01, -0.02], live=True)
    replace(database, days, frame)
    before = rows_of(database, stage1_predictions)
    replace(database, days, frame.sample(frac=1, random_state=1), LATER, "again")
    after = rows_of(database, stage1_predictions)
    assert [row[:-2] for row in after] == [row[:-2] for row in before]
    assert {row[-2:] for row in before} == {(NOON, "run")}
    assert {row[-2:] for row in after} == {(LATER, "again")}


def test_days_that_are_not_in_the_list_keep_their_rows(database: sa.Engine) -> None:
    days = weekdays(5)
    replace(database, days, predictions(days, [0.01]), run_id="old")
    replace(database, [days[4], days[0]], predictions([days[0]], [0.02]), run_id="new")
    assert [(row[0], row[2], row[-1]) for row in rows_of(database, stage1_predictions)] == [
        (days[0], 0.02, "new"),
        (days[1], 0.01, "old"),
        (days[2], 0.01, "old"),
        (days[3], 0.01, "old"),
    ]


def test_a_live_prediction_stays_live_when_nothing_changed(database: sa.Engine) -> None:
    replace(database, [MONDAY], predictions([MONDAY], [0.01, 0.02], live=True))
    replace(database, [MONDAY], predictions([MONDAY], [0.01, 0.02, 0.03], live=False), LATER)
    assert flags(database) == [True, True, False]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("predicted_return", np.nextafter(0.01, 1)),
        ("as_of_session", dt.date(2022, 9, 30)),
        ("model_cutoff", dt.date(2022, 9, 15)),
        ("model_id", "another"),
    ],
)
def test_a_live_prediction_that_changed_is_live_no_more(database: sa.Engine, column: str, value: Any) -> None:
    replace(database, [MONDAY], predictions([MONDAY], [0.01], live=True))
    replace(database, [MONDAY], predictions([MONDAY], [0.01]).assign(**{column: value}), LATER)
    assert flags(database) == [False]


def test_a_prediction_of_another_day_is_refused_and_nothing_is_lost(database: sa.Engine) -> None:
    days = weekdays(2)
    replace(database, days, predictions(days, [0.01]))
    before = rows_of(database, stage1_predictions)
    with pytest.raises(InvalidRow, match="date 2022-10-04 is none of the 1 that are written"):
        replace(database, days[:1], predictions(days, [0.02]))
    assert rows_of(database, stage1_predictions) == before


def test_nan_is_refused_with_its_key(database: sa.Engine) -> None:
    expected = r"stage1_predictions\.predicted_return at date=2022-10-03, instrument=i1: nan where a value"
    with pytest.raises(InvalidRow, match=expected):
        replace(database, [MONDAY], predictions([MONDAY], [0.01, np.nan]))


def test_predictions_are_read_from_first_to_last(database: sa.Engine) -> None:
    days = weekdays(4)
    replace(database, days, predictions(days, [0.01, 0.02]))
    with database.begin() as connection:
        frame = read_predictions(connection, days[1], days[2])
    assert frame["date"].dt.date.tolist() == [days[1], days[1], days[2], days[2]]
    assert frame["instrument"].tolist() == ["i0", "i1"] * 2
    assert frame["live"].tolist() == [False] * 4


def test_other_instruments_keep_their_rows(database: sa.Engine) -> None:
    days = weekdays(2)
    replace(database, days, predictions(days, [0.01, 0.02]), run_id="old")
    with database.begin() as connection:
        replace_predictions(
            connection,
            days,
            predictions(days[:1], [0.03]),
            instruments=["i0"],
            computed_at=LATER,
            run_id="new",
        )
    assert [(row[0], row[1], row[2], row[-1]) for row in rows_of(database, stage1_predictions)] == [
        (days[0], "i0", 0.03, "new"),
        (days[0], "i1", 0.02, "old"),
        (days[1], "i1", 0.02, "old"),
    ]


def test_a_prediction_of_another_instrument_is_refused(database: sa.Engine) -> None:
    frame = predictions([MONDAY], [0.01, 0.02])
    with (
        pytest.raises(InvalidRow, match="instrument i1 is none of the 1 that are written"),
        database.begin() as connection,
    ):
        replace_predictions(connection, [MONDAY], frame, instruments=["i0"], computed_at=NOON, run_id="run")
