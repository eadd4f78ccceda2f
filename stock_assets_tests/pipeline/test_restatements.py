"""What a source or a configuration says anew of the past is noticed, not spliced onto what was stored."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from stock_assets.errors import ConfigurationError, StorageError
from stock_assets.pipeline.histories import market_view
from stock_assets.storage.engine import read_transaction
from stock_assets_tests.worlds import CUTOFFS, NOW, PriceRow, World

LATER = NOW + timedelta(days=1)
LAST = date(2021, 3, 31)


def test_restated_closes_are_read_again_from_the_first_on(world: World) -> None:
    def halved(rows: list[PriceRow]) -> list[PriceRow]:
        return [
            [row[0], *(f"{float(cell) / 2:.6f}" if cell else "" for cell in row[1:5]), *row[5:]]
            for row in rows
        ]

    with read_transaction(world.engine) as connection:
        before = market_view(world.deployment, connection, [LAST]).histories["us_index"]
    world.edit_prices("us_index", halved)
    report = world.load_days([LAST], LATER)
    with read_transaction(world.engine) as connection:
        after = market_view(world.deployment, connection, [LAST]).histories["us_index"]
    np.testing.assert_allclose(after.level, before.level, rtol=1e-4)
    np.testing.assert_allclose(after.close, before.close / 2, rtol=1e-4)
    # The bar that was held is corrected with the others.
    stored = world.rows("price_bars", instrument="us_index", revision=0)
    assert len(report.stored.revised) == len(stored) == len(before) + 1


def test_a_bar_of_no_session_is_corrected_and_restated_like_any_other(world: World) -> None:
    holiday = date(2021, 2, 11)  # Tokyo's; jp_stock has a bar of it
    world.scale_bar("jp_stock", holiday, 1.01)
    report = world.load_days([date(2021, 2, 12)], LATER)
    assert report.stored.revised["session"].tolist() == [pd.Timestamp(holiday)]

    def halved(rows: list[PriceRow]) -> list[PriceRow]:
        return [[row[0], *(f"{float(cell) / 2:.6f}" for cell in row[1:5]), *row[5:]] for row in rows]

    with read_transaction(world.engine) as connection:
        before = market_view(world.deployment, connection, [LAST]).histories["jp_stock"]
    world.edit_prices("jp_stock", halved)
    world.load_days([LAST], LATER + timedelta(days=1))
    with read_transaction(world.engine) as connection:
        after = market_view(world.deployment, connection, [LAST]).histories["jp_stock"]
    np.testing.assert_allclose(after.close, before.close / 2, rtol=1e-4)


@pytest.mark.parametrize(
    ("old", "new"), [("currency: USD", "currency: EUR"), ("publication_lag: P1D", "publication_lag: PT2H")]
)
def test_stored_bars_are_not_given_another_meaning(world: World, old: str, new: str) -> None:
    changed = world.configured("universe.yaml", old, new)
    with pytest.raises(
        ConfigurationError, match=r"were stored with publication_lag .* give the instrument a new id"
    ):
        changed.load_days([LAST], LATER)


def test_nothing_is_trained_without_its_history(world: World) -> None:
    with world.engine.begin() as connection:
        connection.exec_driver_sql(
            "DELETE FROM price_bars WHERE instrument = 'us_index' AND trading_day < '2020-12-01'"
        )
    with pytest.raises(StorageError, match=r"price_history lacks \d+ bars of us_index"):
        world.train(CUTOFFS[0], ["jp_index"], sharpe_net=False)  # us_index is its covariate
    with pytest.raises(StorageError, match=r"price_history lacks \d+ bars of us_index"):
        world.train(CUTOFFS[0], [])
    world.train(CUTOFFS[0], ["gold"], sharpe_net=False)


def test_a_bar_that_comes_late_reopens_its_day(world: World) -> None:
    day, next_day = date(2021, 2, 12), date(2021, 2, 15)
    assert day not in sum(world.plan().price_runs, ())

    def came_late(rows: list[PriceRow]) -> list[PriceRow]:
        (before,) = (row for row in rows if row[0] == "2021-02-11")
        return sorted([*rows, ["2021-02-12", *before[1:]]])

    world.edit_prices("uk_fund", came_late)
    world.load_days([next_day], LATER)
    assert day in sum(world.plan().price_runs, ())
    world.load_days([day], LATER)
    assert day not in sum(world.plan().price_runs, ())


def test_a_damaged_artefact_costs_one_instrument(world: World) -> None:
    (record,) = world.rows("models", instrument="gold", cutoff=CUTOFFS[1])
    path = world.deployment.settings.artifact_dir / str(record["artifact"])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    world.predict([LAST], now=LATER)
    world.weigh([LAST], now=LATER)
    assert {row["instrument"] for row in world.rows("stage1_predictions", LAST, LAST)} == {
        name for name in world.instruments if name != "gold"
    }
    outcomes = {row["asset"]: row for row in world.rows("outcomes", LAST, LAST)}
    assert outcomes["stage1_prediction/gold"]["status"] == "refused"
    assert "SHA-256" in str(outcomes["stage1_prediction/gold"]["reason"])
    assert outcomes["portfolio_weights/alpha"]["status"] == "refused"
    assert {row["model"] for row in world.rows("portfolio_weights", LAST, LAST)} == {"sharpe_net"}


def test_what_was_refused_is_tried_again_once_it_may_succeed(world: World) -> None:
    assert LAST not in sum(world.plan().daily_runs, ())
    other = world.configured("stage1.yaml", "horizon: 5", "horizon: 6")
    other.predict([LAST], now=LATER)
    other.weigh([LAST], now=LATER)
    assert {row["status"] for row in other.rows("outcomes", LAST, LAST, asset="stage1_prediction/gold")} == {
        "refused"
    }
    # Refused for good as long as nothing changes: settled.
    assert LAST not in sum(other.plan().daily_runs, ())
    back = other.configured("stage1.yaml", "horizon: 6", "horizon: 5")
    assert LAST in sum(back.plan().daily_runs, ())
    back.predict([LAST], now=LATER)
    back.weigh([LAST], now=LATER)
    assert LAST not in sum(back.plan().daily_runs, ())
    assert len(back.rows("stage1_predictions", LAST, LAST)) == len(back.instruments)


def test_a_new_network_reopens_what_was_refused(world: World) -> None:
    with world.engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE outcomes SET status = 'refused', `rows` = 0 WHERE date = '{LAST}' AND asset LIKE '%gold'"
        )
    assert LAST not in sum(world.plan().daily_runs, ())
    with world.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE models SET computed_at = '2021-04-13 06:00:00.000000'")
    assert LAST in sum(world.plan().daily_runs, ())


def test_other_bounds_leave_what_was_published(world: World) -> None:
    changed = world.configured("portfolios.yaml", "min_safe: 0.4", "min_safe: 0.5")
    assert changed.plan().is_empty == world.plan().is_empty
    settings = {
        row["settings"] for row in changed.rows("outcomes", LAST, LAST, asset="portfolio_weights/alpha")
    }
    assert settings == {world.deployment.weight_settings} != {changed.deployment.weight_settings}
