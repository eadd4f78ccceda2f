"""Portfolios in a base currency: what they are computed from, what they know, and when there are none."""

import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from stock_assets.config.portfolios import PORTFOLIO_MODELS
from stock_assets.pipeline import portfolio_inputs, portfolios
from stock_assets.pipeline.histories import load_histories
from stock_assets.portfolio.levels import LevelGrid, level_grid
from stock_assets.portfolio.moments import covariance
from stock_assets.storage.engine import read_transaction
from stock_assets_tests import made_up
from stock_assets_tests.pipeline import yen_world
from stock_assets_tests.pipeline.later_data import change_after, demand_the_same
from stock_assets_tests.pipeline.yen_world import DAY, FIRST, FIRST_CUTOFF, HOLIDAY, LAST
from stock_assets_tests.worlds import World

WINDOW, OVERLAP = 60, 5
IN_DOLLARS = ("uk_fund", "gold", "us_index", "us10y")


@pytest.fixture
def world(in_yen: World, tmp_path: Path) -> World:
    """A deployment of the test's own."""
    return in_yen.copy(tmp_path / "world")


class Seen:
    """What the optimisers were given, by day."""

    def __init__(self) -> None:
        self.grid: LevelGrid | None = None
        self.covariances: dict[date, np.ndarray] = {}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    found, build = Seen(), portfolio_inputs.build_inputs

    def observed(grid, *args, **kwargs):
        inputs = build(grid, *args, **kwargs)
        found.grid = grid
        found.covariances = {one.day: one.covariance for one in inputs}
        return inputs

    monkeypatch.setattr(portfolio_inputs, "build_inputs", observed)
    yield found


def known_close(world: World, name: str, day: date) -> float:
    """The last close in the source's file that is due on a day, said once more in other words."""
    config = world.deployment.config
    path = made_up.price_file(config, config.universe.instrument(name))
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(date.fromisoformat(row["Date"]), float(row["Close"])) for row in csv.DictReader(file)]
    recent = [(session, close) for session, close in rows if session <= day][-8:]
    return next(close for session, close in reversed(recent) if world.due_day(name, session) <= day)


def outcome(world: World, day: date, asset: str) -> tuple[object, str]:
    (row,) = world.rows("outcomes", day, day, asset=asset)
    return row["status"], str(row["reason"])


def test_levels_are_the_last_due_closes_times_the_last_due_rates(in_yen: World, seen: Seen) -> None:
    days = [date(2021, 1, 15), HOLIDAY, date(2021, 1, 19)]
    in_yen.weigh(days, ["alpha"])
    assert seen.grid is not None
    names = list(seen.grid.instruments)
    window = in_yen.deployment.history_days.as_array
    window = [day.item() for day in window[window <= np.datetime64(days[-1])]][-WINDOW - OVERLAP :]
    levels = seen.grid.levels[seen.grid.positions(np.array(window, dtype="datetime64[D]"))]
    rates = np.array([known_close(in_yen, "usd_jpy", day) for day in window])
    for name in ("uk_fund", "gold", "us_index", "jp_index"):
        closes = np.array([known_close(in_yen, name, day) for day in window])
        value = closes * rates if name in IN_DOLLARS else closes
        found = levels[:, names.index(name)]
        np.testing.assert_allclose(found / found[0], value / value[0], rtol=1e-12, err_msg=name)
    np.testing.assert_array_equal(
        seen.covariances[days[-1]],
        covariance(levels, portfolios.portfolios_config(in_yen.deployment).covariance),
    )


def test_exchange_rates_move_a_closed_market(in_yen: World, seen: Seen) -> None:
    in_yen.weigh([HOLIDAY], ["alpha"])
    assert seen.grid is not None
    before, at = seen.grid.levels[-2:, seen.grid.instruments.index("us_index")]
    # The rate of Friday was published on Saturday, which is Monday's.
    friday, thursday = (
        known_close(in_yen, "usd_jpy", day)
        for day in (HOLIDAY, in_yen.deployment.history_days.previous(HOLIDAY))
    )
    assert friday != thursday
    assert at / before == pytest.approx(friday / thursday, rel=1e-12)


def test_yen_instruments_and_their_own_history_stay_as_they_are(in_yen: World, seen: Seen) -> None:
    in_yen.weigh([DAY], ["alpha"])
    assert seen.grid is not None
    with read_transaction(in_yen.engine) as connection:
        histories = load_histories(in_yen.deployment, connection, before=date(2021, 2, 1))
    local = level_grid([histories[name] for name in in_yen.instruments], seen.grid.days)
    for place, name in enumerate(in_yen.instruments):
        same = seen.grid.levels[:, place].tobytes() == local.levels[:, place].tobytes()
        assert same == (name not in IN_DOLLARS), name


def test_nothing_until_a_day_knows_later_rates(in_yen: World, tmp_path: Path) -> None:
    other = yen_world.install(
        tmp_path / "world", lambda world: change_after(world, DAY, 7, instruments=["usd_jpy", "vix"])
    )
    yen_world.finish(other)
    demand_the_same(in_yen, other, DAY, tables=("price_bars", "days", "models"))
    tables = ("stage1_predictions", "portfolio_weights", "outcomes")
    demand_the_same(in_yen, other, DAY, first=FIRST, tables=tables)
    after = in_yen.deployment.partition_days.next(DAY)
    for table in ("price_bars", "stage1_predictions", "portfolio_weights"):
        later = [one.contents(after, LAST)[table] for one in (in_yen, other)]
        assert later[0] != later[1], f"{table} is the same after {DAY}: nothing was changed"


def test_rates_change_portfolios_and_no_prediction_that_reads_none(world: World) -> None:
    days = world.between(date(2021, 1, 25), DAY)
    before = {
        table: world.rows(table, days[0], days[-1]) for table in ("stage1_predictions", "portfolio_weights")
    }
    world.forget_prices(days[0])
    world.edit_prices("usd_jpy", lambda rows: [halved_since(row, days[0]) for row in rows])
    world.load_days(days)
    world.predict(days)
    world.weigh(days)

    def predicted(rows: list[dict[str, object]]) -> list[object]:
        return [row["predicted_return"] for row in rows if row["instrument"] != "jp_index"]

    assert predicted(world.rows("stage1_predictions", days[0], days[-1])) == predicted(
        before["stage1_predictions"]
    )
    for model in PORTFOLIO_MODELS:
        weights = [
            [row["weight"] for row in rows if row["model"] == model and row["date"] == days[-1]]
            for rows in (before["portfolio_weights"], world.rows("portfolio_weights", days[0], days[-1]))
        ]
        assert weights[0] != weights[1], model


def halved_since(row: list[str], day: date) -> list[str]:
    return [*row[:4], f"{float(row[4]) * 0.5:.4f}", *row[5:]] if row[0] >= day.isoformat() else row


def test_a_rate_that_lags_a_little_is_used_and_said_and_one_that_lags_much_is_not(world: World) -> None:
    days = world.between(date(2021, 1, 20), date(2021, 1, 27))
    world.forget_prices(days[0])
    # Published a day late: the closes of the 20th to the 25th are those of 21 to 26 January.
    world.remove_bars("usd_jpy", date(2021, 1, 20), date(2021, 1, 25))
    world.load_days(days)
    world.predict(days)
    world.weigh(days)
    for lag, day in enumerate(days[:4]):
        for model in PORTFOLIO_MODELS:
            status, reason = outcome(world, day, f"portfolio_weights/{model}")
            assert status == "published"
            said = f"The last close of the exchange rate usd_jpy lags {lag} of its sessions behind."
            assert (said in reason) == (lag > 0)
    assert "lags" not in outcome(world, days[2], "stage1_prediction/gold")[1]
    refused = days[4]
    for model in PORTFOLIO_MODELS:
        assert outcome(world, refused, f"portfolio_weights/{model}") == (
            "refused",
            "The last bars of the exchange rate usd_jpy (4 sessions) lag behind by more than the 3 of "
            "max_staleness.",
        )
    assert not world.rows("portfolio_weights", refused, refused)
    assert outcome(world, refused, "stage1_prediction/gold")[0] == "published"
    assert outcome(world, days[5], "portfolio_weights/alpha")[0] == "published"


def test_a_rate_that_does_not_reach_back_is_named(world: World) -> None:
    with world.engine.begin() as connection:
        connection.exec_driver_sql(
            "DELETE FROM price_bars WHERE instrument = 'usd_jpy' AND session < '2020-12-01'"
        )
    world.weigh([HOLIDAY], ["alpha"])
    status, reason = outcome(world, HOLIDAY, "portfolio_weights/alpha")
    assert status == "refused"
    assert reason == (
        "The closes of the exchange rate usd_jpy do not reach back to 2020-10-19, where the covariance "
        "window of 2021-01-18 begins."
    )


def test_a_net_of_another_currency_is_another_net(world: World) -> None:
    local = world.configured("stage1.yaml", "covariates: [usd_jpy]", "covariates: [us_index]")
    local = local.configured("universe.yaml", yen_world.CURRENCY + yen_world.RATE, "")
    in_yen, in_own = world.deployment, local.deployment
    assert in_yen.instrument_set == f"{in_own.instrument_set}-JPY"
    assert in_yen.weight_settings.partition("/")[0] == in_yen.instrument_set
    assert in_yen.weight_settings.partition("/")[2] != in_own.weight_settings.partition("/")[2]
    local.weigh([DAY])
    assert outcome(local, DAY, "portfolio_weights/sharpe_net")[0] == "no_model"
    assert outcome(local, DAY, "portfolio_weights/alpha")[0] == "published"
    in_yen_net, in_own_net = (one.train(FIRST_CUTOFF, [])["sharpe_net"] for one in (world, local))
    assert in_yen_net.validation_losses != in_own_net.validation_losses
    ids = {row["instrument"]: row["model_id"] for row in local.rows("models", kind="sharpe_net")}
    assert set(ids) == {in_yen.instrument_set, in_own.instrument_set}
    assert len(set(ids.values())) == 2
