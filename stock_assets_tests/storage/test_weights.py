import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from stock_assets.config.portfolios import PortfolioModel
from stock_assets.errors import InvalidRow
from stock_assets.storage.schema import portfolio_weights
from stock_assets.storage.weights import last_day, last_weights_before, read_weights, replace_weights
from stock_assets_tests.storage.builders import LATER, MONDAY, NOON, rows_of, weekdays, weights


def replace(
    engine: sa.Engine,
    model: PortfolioModel,
    days: list[dt.date],
    frame: pd.DataFrame,
    now: dt.datetime = NOON,
    run_id: str = "run",
) -> None:
    with engine.begin() as connection:
        replace_weights(connection, model, days, frame, computed_at=now, run_id=run_id)


def both_profiles(days: list[dt.date]) -> pd.DataFrame:
    return pd.concat([weights(days, [0.6, 0.4]), weights(days, [0.1, 0.9], "aggressive")])


def test_only_the_models_rows_of_the_days_are_replaced(database: sa.Engine) -> None:
    days = weekdays(3)
    replace(database, "alpha", days, both_profiles(days), run_id="old")
    replace(database, "sharpe_net", days, both_profiles(days), run_id="old")
    replace(database, "alpha", days[1:2], weights(days[1:2], [1.0]), LATER, "new")
    counts = pd.DataFrame(rows_of(database, portfolio_weights), columns=portfolio_weights.columns.keys())
    assert counts.groupby(["date", "model", "run_id"]).size().to_dict() == {
        (days[0], "alpha", "old"): 4,
        (days[0], "sharpe_net", "old"): 4,
        (days[1], "alpha", "new"): 1,
        (days[1], "sharpe_net", "old"): 4,
        (days[2], "alpha", "old"): 4,
        (days[2], "sharpe_net", "old"): 4,
    }


def test_a_range_gives_the_rows_of_its_single_days(database: sa.Engine) -> None:
    days = weekdays(30)
    shares = np.random.default_rng(5).dirichlet(np.ones(13)).tolist()
    replace(database, "alpha", days, weights(days, shares))
    at_once = rows_of(database, portfolio_weights)
    for day in reversed(days):
        replace(database, "alpha", [day], weights([day], shares))
    assert rows_of(database, portfolio_weights) == at_once


def test_again_changes_only_when_and_by_whom(database: sa.Engine) -> None:
    days = weekdays(5)
    replace(database, "alpha", days, both_profiles(days))
    before = rows_of(database, portfolio_weights, without=["computed_at", "run_id"])
    replace(database, "alpha", days, both_profiles(days), LATER, "again")
    assert rows_of(database, portfolio_weights, without=["computed_at", "run_id"]) == before
    assert {row[-2:] for row in rows_of(database, portfolio_weights)} == {(LATER, "again")}


def test_a_day_without_weights_loses_them(database: sa.Engine) -> None:
    replace(database, "alpha", [MONDAY], weights([MONDAY], [1.0]))
    replace(database, "alpha", [MONDAY], weights([MONDAY], [1.0]).iloc[:0])
    assert rows_of(database, portfolio_weights) == []


def test_a_portfolio_may_have_no_trained_model_behind_it(database: sa.Engine) -> None:
    frame = weights([MONDAY], [1.0]).assign(model_cutoff=None, basis="policy")
    replace(database, "alpha", [MONDAY], frame)
    with database.begin() as connection:
        (row,) = read_weights(connection, MONDAY, MONDAY).to_dict("records")
    assert row["basis"] == "policy"
    assert row["model_cutoff"] is pd.NaT


def test_weights_are_read_by_model(database: sa.Engine) -> None:
    days = weekdays(3)
    for model in ("sharpe_net", "alpha"):
        replace(database, model, days, both_profiles(days))
    with database.begin() as connection:
        everything = read_weights(connection, days[0], days[1])
        alpha = read_weights(connection, days[0], days[1], model="alpha")
    key = ["date", "model", "profile", "instrument"]
    assert len(everything) == 16
    pd.testing.assert_frame_equal(everything, everything.sort_values(key, ignore_index=True))
    assert set(alpha["model"]) == {"alpha"}
    assert len(alpha) == 8


def test_the_last_weights_before_a_day_are_each_profiles_own(database: sa.Engine) -> None:
    days = weekdays(4)
    replace(database, "alpha", days[:1], both_profiles(days[:1]))
    replace(database, "alpha", days[1:2], weights(days[1:2], [0.5, 0.5]))
    replace(database, "alpha", days[2:], both_profiles(days[2:]))
    replace(database, "sharpe_net", days[1:2], both_profiles(days[1:2]))
    with database.begin() as connection:
        last = last_weights_before(connection, "alpha", days[2])
        nothing = last_weights_before(connection, "alpha", days[0])
    assert [
        (row["profile"], row["date"].date(), row["instrument"], row["weight"])
        for row in last.to_dict("records")
    ] == [
        ("aggressive", days[0], "i0", 0.1),
        ("aggressive", days[0], "i1", 0.9),
        ("stable", days[1], "i0", 0.5),
        ("stable", days[1], "i1", 0.5),
    ]
    assert len(nothing) == 0


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("weight", np.nan, "nan where a value is required"),
        ("weight", np.inf, "inf is not finite"),
        ("basis", "guess", "'guess' is none of model, min_variance, policy"),
    ],
)
def test_a_bad_weight_is_refused_with_its_key(
    database: sa.Engine, column: str, value: Any, says: str
) -> None:
    frame = weights([MONDAY], [1.0]).assign(**{column: value})
    where = f"portfolio_weights\\.{column} at date=2022-10-03, model=alpha, profile=stable, instrument=i0: "
    with pytest.raises(InvalidRow, match=where + says):
        replace(database, "alpha", [MONDAY], frame)


def test_the_last_day_is_that_of_any_model(database: sa.Engine) -> None:
    days = weekdays(3)
    with database.begin() as connection:
        assert last_day(connection) is None
    replace(database, "sharpe_net", days[1:2], weights(days[1:2], [1.0]))
    replace(database, "alpha", days[:1], weights(days[:1], [1.0]))
    with database.begin() as connection:
        assert last_day(connection) == days[1]
