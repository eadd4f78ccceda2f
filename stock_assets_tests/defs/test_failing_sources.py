"""What the UI shows of sources that fail, and of bars that were corrected."""

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from stock_assets.cli.run_progress import root_error
from stock_assets_tests.defs.environments import definitions_of
from stock_assets_tests.defs.runs import records, run_job
from stock_assets_tests.made_up import price_file
from stock_assets_tests.worlds import World, environment

DAY = date(2021, 3, 31)


def break_source(world: World, instrument: str) -> None:
    """Let the file of an instrument be none of prices."""
    config = world.deployment.config
    price_file(config, config.universe.instrument(instrument)).write_text("<html>Too many requests</html>")


def checks_of(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {event.check_name: event for event in result.get_asset_check_evaluations()}


def test_the_history_of_the_others_is_stored_and_the_failure_names_all(tmp_path: Path) -> None:
    world = World.install(tmp_path / "world")
    for instrument in ("jp_stock", "gold"):
        break_source(world, instrument)
    with definitions_of(environment(world.folder)) as defs, dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("history").execute_in_process(instance=instance, raise_on_error=False)
        (failed,) = instance.get_records_for_run(
            result.run_id, of_type=dg.DagsterEventType.STEP_FAILURE
        ).records
        told = [
            record.event_log_entry.user_message
            for record in instance.get_records_for_run(result.run_id).records
            if not record.event_log_entry.is_dagster_event
        ]
    assert not result.success
    others = set(world.instruments) - {"jp_stock", "gold"}
    assert {row["instrument"] for row in world.rows("price_bars")} == others
    event = failed.event_log_entry.get_dagster_event()
    sentence = root_error(event)
    assert sentence.startswith(
        "The sources of jp_stock, gold failed, and the bars of the others are stored: "
    )
    assert "jp_stock: " in sentence and "; gold: " in sentence
    data = event.step_failure_data.user_failure_data
    assert data is not None
    assert records(data.metadata["loaded"].value)[0]["instrument"] == "jp_index"
    bars = sum(row["instrument"] == "jp_index" for row in world.rows("price_bars"))
    assert told[0].startswith(f"1 of 6: jp_index, {bars} bars from csv in ")
    assert told[1].startswith("2 of 6: jp_stock failed: ")


def test_an_instrument_without_an_answer_fails_its_check_and_not_the_step(
    priced_world: World, tmp_path: Path
) -> None:
    world = priced_world.copy(tmp_path / "world")
    world.forget_prices(DAY)
    break_source(world, "gold")
    with definitions_of(environment(world.folder)) as defs, dg.DagsterInstance.ephemeral() as instance:
        result = run_job(defs, instance, "daily", DAY, assets=("close_prices",))
    assert result.success
    checks = checks_of(result)
    answered = checks["sources_answered"]
    assert (answered.passed, answered.severity) == (False, dg.AssetCheckSeverity.ERROR)
    (row,) = records(answered.metadata["failures"].value)
    assert (row["instrument"], row["source used"]) == ("gold", "none")
    assert "GOLD.csv" in str(row["what the others said"])
    assert not checks["sessions_are_complete"].passed
    assert checks["closes_unchanged"].passed
    assert len(world.rows("price_bars", DAY, DAY)) == 5


def test_a_correction_shows_what_had_used_the_old_close(world: World) -> None:
    old = {row["session"]: row["close"] for row in world.rows("price_bars", instrument="us_index")}
    corrected = date(2021, 2, 26)
    world.scale_bar("us_index", corrected, 1.02)
    with definitions_of(environment(world.folder)) as defs, dg.DagsterInstance.ephemeral() as instance:
        result = run_job(defs, instance, "daily", corrected, assets=("close_prices",))
    check = checks_of(result)["closes_unchanged"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["corrected bars"].value == 1
    (row,) = records(check.metadata["corrections, and what had used the old bars"].value)
    assert (row["instrument"], row["session"]) == ("us_index", "2021-02-26")
    assert (row["old close"], row["new close"]) == (
        old[corrected],
        pytest.approx(float(str(old[corrected])) * 1.02, abs=1e-4),
    )
    days = world.between(corrected, DAY)
    assert row["days that had used it"] == f"{len(days)}, 2021-02-26 to 2021-03-31"
    assert "stage1_model/jp_index of 2021-03-01" in str(row["networks that had used it"])
