import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from stock_assets.errors import InvalidRow
from stock_assets.storage.changes import trained_cutoffs
from stock_assets.storage.models import (
    ModelKind,
    ModelRecord,
    model_for,
    models_for,
    read_models,
    register_model,
)
from stock_assets.storage.schema import models
from stock_assets_tests.storage.builders import LATER, NOON, rows_of, weekdays

OCTOBER = dt.date(2022, 10, 1)
NOVEMBER = dt.date(2022, 11, 1)
NETWORK = ModelRecord(
    model_id="stage1-kor-a",
    kind="stage1",
    instrument="kor",
    cutoff=OCTOBER,
    metrics={"validation_mae": 0.1 + 0.2, "curve": [1.0, 0.5], "비고": "손실", "epochs": 7},
    artifact="ab/cdef.pt",
    sha256="0" * 64,
    versions={"torch": "2.13.0"},
    computed_at=NOON,
    run_id="run",
)
SHARPE_NET = dataclasses.replace(NETWORK, model_id="sharpe-a", kind="sharpe_net", instrument=None)


def register(engine: sa.Engine, *records: ModelRecord) -> None:
    for record in records:
        with engine.begin() as connection:
            register_model(connection, record)


def test_a_model_comes_back_as_it_was(database: sa.Engine) -> None:
    register(database, NETWORK, SHARPE_NET)
    with database.begin() as connection:
        assert model_for(connection, "stage1", "kor", OCTOBER) == NETWORK
        assert model_for(connection, "sharpe_net", None, OCTOBER) == SHARPE_NET


def test_metrics_are_stored_as_the_same_text_in_any_order(database: sa.Engine) -> None:
    reordered = {name: NETWORK.metrics[name] for name in sorted(NETWORK.metrics, reverse=True)}
    numpys = {"validation_mae": np.float64(0.1 + 0.2), "curve": np.array([1.0, 0.5]), "epochs": np.int64(7)}
    register(database, NETWORK, dataclasses.replace(NETWORK, model_id="b", metrics={**reordered, **numpys}))
    with database.begin() as connection:
        text = sa.select(sa.type_coerce(models.c.metrics, sa.Text)).order_by(models.c.model_id)
        first, second = connection.execute(text).scalars()
    expected = '{"curve": [1.0, 0.5], "epochs": 7, "validation_mae": 0.30000000000000004, "비고": "손실"}'
    assert first == second == expected


def test_nan_in_metrics_is_null_and_infinity_is_refused(database: sa.Engine) -> None:
    register(database, dataclasses.replace(NETWORK, metrics={"accuracy": float("nan")}))
    with database.begin() as connection:
        stored = model_for(connection, "stage1", "kor", OCTOBER)
    assert stored is not None
    assert stored.metrics == {"accuracy": None}
    with pytest.raises(InvalidRow, match=r"models\.metrics at model_id=stage1-kor-a: inf is not finite"):
        register(database, dataclasses.replace(NETWORK, metrics={"loss": float("inf")}))


def test_the_same_result_is_one_row_and_another_is_a_second(database: sa.Engine) -> None:
    register(database, NETWORK, dataclasses.replace(NETWORK, computed_at=LATER, run_id="again"))
    assert [(row[0], row[-2:]) for row in rows_of(database, models)] == [("stage1-kor-a", (LATER, "again"))]
    register(database, dataclasses.replace(NETWORK, model_id="stage1-kor-b"))
    assert len(rows_of(database, models)) == 2


def test_a_day_uses_the_newest_cutoff_not_after_it_and_its_last_training(database: sa.Engine) -> None:
    newer = dataclasses.replace(NETWORK, model_id="b", computed_at=LATER)
    november = dataclasses.replace(NETWORK, model_id="c", cutoff=NOVEMBER, computed_at=NOON)
    other = dataclasses.replace(NETWORK, model_id="d", instrument="us", computed_at=LATER)
    register(database, newer, november, NETWORK, other)
    expected = {
        dt.date(2022, 9, 30): None,
        OCTOBER: "b",
        dt.date(2022, 10, 31): "b",
        NOVEMBER: "c",
        dt.date(2023, 5, 1): "c",
    }
    with database.begin() as connection:
        chosen = {day: model_for(connection, "stage1", "kor", day) for day in expected}
        assert model_for(connection, "stage1", "jp", NOVEMBER) is None
        assert model_for(connection, "sharpe_net", None, NOVEMBER) is None
    assert {day: model and model.model_id for day, model in chosen.items()} == expected


def test_training_the_first_result_again_makes_it_the_newest(database: sa.Engine) -> None:
    second = dataclasses.replace(NETWORK, model_id="b", computed_at=LATER)
    third = dataclasses.replace(NETWORK, computed_at=LATER + dt.timedelta(hours=1))
    register(database, NETWORK, second, third)
    with database.begin() as connection:
        assert model_for(connection, "stage1", "kor", OCTOBER) == third


def test_many_days_and_instruments_choose_as_one_at_a_time(database: sa.Engine) -> None:
    cutoffs = [dt.date(2022, 10, 1), dt.date(2022, 10, 15), dt.date(2022, 11, 1)]
    register(
        database,
        *(
            dataclasses.replace(NETWORK, model_id=f"{name}-{cutoff}", instrument=name, cutoff=cutoff)
            for name, cutoff in zip(("kor", "us", "kor"), cutoffs, strict=True)
        ),
        SHARPE_NET,
    )
    days = weekdays(40, dt.date(2022, 9, 20))
    instruments = ["kor", "us", "jp", None]
    # From 3 October on 31 of the 40 days, from 17 October on 21.
    expected: list[tuple[ModelKind, int]] = [("stage1", 31 + 21), ("sharpe_net", 31)]
    for kind, pairs in expected:
        with database.begin() as connection:
            at_once = models_for(connection, kind, instruments, pd.DatetimeIndex(days))
            singly = {
                (name, day): model_for(connection, kind, name, day) for name in instruments for day in days
            }
        assert at_once == {key: model for key, model in singly.items() if model is not None}
        assert len(at_once) == pairs


def test_trained_cutoffs_are_listed_by_instrument(database: sa.Engine) -> None:
    register(
        database,
        dataclasses.replace(NETWORK, model_id="b", cutoff=NOVEMBER),
        NETWORK,
        dataclasses.replace(NETWORK, model_id="c", computed_at=LATER),
        dataclasses.replace(NETWORK, model_id="d", instrument="us"),
        SHARPE_NET,
    )
    with database.begin() as connection:
        assert trained_cutoffs(connection, "stage1") == {"kor": (OCTOBER, NOVEMBER), "us": (OCTOBER,)}
        assert trained_cutoffs(connection, "sharpe_net") == {None: (OCTOBER,)}


def test_models_are_read_by_id(database: sa.Engine) -> None:
    register(database, NETWORK, SHARPE_NET)
    with database.begin() as connection:
        assert read_models(connection, ["sharpe-a", "unknown", "sharpe-a"]) == {"sharpe-a": SHARPE_NET}
