"""Networks held against what came, recomputed here from the rows of the tables."""

from datetime import date

import numpy as np
import pytest

from stock_assets.errors import StorageError
from stock_assets.pipeline.histories import market_view
from stock_assets.pipeline.validation import pooled, validate_networks
from stock_assets.storage.engine import read_transaction
from stock_assets_tests.worlds import CUTOFFS, World

FIRST, LAST = date(2021, 1, 18), date(2021, 2, 26)


def test_the_errors_are_those_of_the_published_predictions(finished_world: World) -> None:
    """Before the second cutoff, what was published came from the first cutoff's networks."""
    found = validate_networks(finished_world.deployment, finished_world.engine, CUTOFFS[0], FIRST, LAST)
    assert [item.instrument for item in found] == list(finished_world.instruments)
    with read_transaction(finished_world.engine) as connection:
        days = [finished_world.deployment.history_days.last]
        histories = market_view(finished_world.deployment, connection, days).histories
    horizon = finished_world.deployment.config.stage1.horizon
    published = {
        (row["date"], row["instrument"]): row["predicted_return"]
        for row in finished_world.rows("stage1_predictions")
    }
    held = {row["instrument"] for row in finished_world.rows("findings", severity="held")}
    assert held == {"us_index"}
    for item in found:
        config = finished_world.deployment.config.stage1.for_instrument(item.instrument)
        if held & {item.instrument, *config.covariates}:
            continue  # what was published had used the bar before it was held
        history = histories[item.instrument]
        errors, moves = [], []
        for day in sorted(set(history.trading_days)):
            if not np.datetime64(FIRST) <= day <= np.datetime64(LAST):
                continue
            entry = int(np.searchsorted(history.closing_days, day, side="right"))
            if entry + horizon >= len(history):
                continue
            came = history.level[entry + horizon] / history.level[entry] - 1
            errors.append(abs(published[day.item(), item.instrument] - came))
            moves.append(abs(came))
        assert item.result.scored_days == len(errors) > 10
        assert item.result.mae == pytest.approx(np.mean(errors), rel=1e-12)
        assert item.result.zero_mae == pytest.approx(np.mean(moves), rel=1e-12)


def test_all_instruments_together_are_weighted_by_their_days(finished_world: World) -> None:
    found = validate_networks(finished_world.deployment, finished_world.engine, CUTOFFS[0], FIRST, LAST)
    days, mae, zero_mae, _ = pooled(found)
    assert days == sum(item.result.scored_days for item in found)
    assert mae * days == pytest.approx(sum(item.result.mae * item.result.scored_days for item in found))
    assert zero_mae * days == pytest.approx(
        sum(item.result.zero_mae * item.result.scored_days for item in found)
    )


def test_nothing_has_come_yet_at_the_end(finished_world: World) -> None:
    last = finished_world.days[-1]
    found = validate_networks(finished_world.deployment, finished_world.engine, CUTOFFS[1], last, last)
    assert pooled(found)[0] == 0


def test_a_cutoff_without_networks_is_named(finished_world: World) -> None:
    with pytest.raises(
        StorageError, match="has no network of the cutoff 2021-02-01; run `stock-assets train"
    ):
        validate_networks(finished_world.deployment, finished_world.engine, date(2021, 2, 1), FIRST, LAST)
