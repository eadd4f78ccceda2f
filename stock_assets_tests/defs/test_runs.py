"""Real runs of the jobs: what they materialize and what they write."""

from datetime import date
from pathlib import Path

import dagster as dg

from stock_assets_tests.defs.environments import definitions_of
from stock_assets_tests.defs.runs import BEFORE, DAILY, FIRST, LAST, SINGLE, Runs, run_job
from stock_assets_tests.defs.test_graph import MADE_UP
from stock_assets_tests.worlds import CUTOFFS, World, environment


def partitions_of(result: dg.ExecuteInProcessResult) -> dict[str, list[str | None]]:
    """The partitions that a run materialized, by asset."""
    found: dict[str, list[str | None]] = {}
    for event in result.get_asset_materialization_events():
        found.setdefault(event.asset_key.to_user_string(), []).append(event.partition)
    return found


def test_every_run_materializes_its_partitions_and_no_other(runs: Runs) -> None:
    days = [str(day) for day in runs.world.between(FIRST, LAST)]
    assert all(
        result.success
        for result in (runs.history, runs.prices, runs.training, runs.before, runs.range_of_days)
    )
    assert partitions_of(runs.history) == {"price_history": [None]}
    assert partitions_of(runs.prices) == {"close_prices": [str(day) for day in runs.world.days]}
    trained = {*(f"stage1_model/{name}" for name in MADE_UP), "sharpe_net_model"}
    assert partitions_of(runs.training) == {key: [str(CUTOFFS[0])] for key in trained}
    assert partitions_of(runs.before) == {key: [str(BEFORE)] for key in DAILY}
    assert partitions_of(runs.range_of_days) == {key: days for key in ("close_prices", *DAILY)}
    assert partitions_of(runs.single_day) == {key: [str(SINGLE)] for key in ("close_prices", *DAILY)}


def test_runs_write_what_the_functions_write(runs: Runs, finished_world: World) -> None:
    """Prices, networks, predictions and weights are those of a deployment without Dagster."""
    written = ("computed_at", "run_id")
    for table in ("days", "stage1_predictions", "portfolio_weights", "outcomes"):
        without = {*written, "completed_at"}
        expected, found = (
            world.contents(BEFORE, SINGLE, without)[table] for world in (finished_world, runs.world)
        )
        assert found == expected, table
    models = runs.world.rows("models")
    assert {row["run_id"] for row in models} == {runs.training.run_id}
    assert {row["model_id"] for row in models} == {
        row["model_id"] for row in finished_world.rows("models", cutoff=CUTOFFS[0])
    }


def test_rows_name_the_run_that_wrote_them(runs: Runs) -> None:
    for table in ("stage1_predictions", "portfolio_weights", "outcomes", "days"):
        last = {row["run_id"] for row in runs.world.rows(table, FIRST, LAST)}
        assert last == {runs.range_of_days.run_id}, table
        assert {row["run_id"] for row in runs.world.rows(table, SINGLE, SINGLE)} == {runs.single_day.run_id}
    bars = runs.world.rows("price_bars")
    assert {row["run_id"] for row in bars} == {runs.history.run_id, runs.prices.run_id}


def test_a_failing_check_does_not_stop_the_run(runs: Runs) -> None:
    assert runs.range_of_days.success
    assert not all(event.passed for event in runs.range_of_days.get_asset_check_evaluations())


def test_a_subset_of_predictions_is_materialized_alone(trained_world: World, tmp_path: Path) -> None:
    world = trained_world.copy(tmp_path / "world")
    chosen = ("stage1_prediction/gold", "stage1_prediction/us10y")
    with definitions_of(environment(world.folder)) as defs, dg.DagsterInstance.ephemeral() as instance:
        result = run_job(defs, instance, "daily", SINGLE, assets=chosen)
    assert partitions_of(result) == {key: [str(SINGLE)] for key in chosen}
    assert {row["instrument"] for row in world.rows("stage1_predictions")} == {"gold", "us10y"}


def test_training_before_its_prices_are_there_fails_and_says_so(priced_world: World, tmp_path: Path) -> None:
    world = priced_world.copy(tmp_path / "world")
    world.forget_prices(date(2021, 1, 12))
    with definitions_of(environment(world.folder)) as defs, dg.DagsterInstance.ephemeral() as instance:
        result = run_job(
            defs, instance, "training", CUTOFFS[0], assets=("stage1_model/gold",), raise_on_error=False
        )
    assert not result.success
    error = result.failure_data_for_node("stage1_model__gold").error
    assert "close_prices of 2021-01-12 and of 2 more days before the cutoff 2021-01-15" in str(error.cause)
    assert not world.rows("models")
