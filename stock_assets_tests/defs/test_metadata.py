"""What the UI shows of real runs: metadata by partition, pictures, and the results of the checks."""

import base64
import struct
from datetime import date
from itertools import pairwise
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from stock_assets.defs.calendar_check import CALENDARS_REACH
from stock_assets.defs.daily_metadata import PICTURED_DAYS
from stock_assets.defs.descriptions import PRICE_CHECKS
from stock_assets_tests.defs.environments import definitions_of
from stock_assets_tests.defs.runs import BEFORE, DAILY, FIRST, LAST, SINGLE, Runs, records, run_job
from stock_assets_tests.defs.test_graph import MADE_UP, PORTFOLIOS, key_of
from stock_assets_tests.worlds import CUTOFFS, World, environment

_PNG = b"\x89PNG\r\n\x1a\n"


def pictures(markdown: object) -> list[bytes]:
    """The pictures inside a text of Markdown."""
    _, *parts = str(markdown).split("data:image/png;base64,")
    return [base64.b64decode(part.partition(")")[0], validate=True) for part in parts]


def assert_small_png(image: bytes) -> None:
    assert image.startswith(_PNG)
    assert image.endswith(b"IEND\xaeB`\x82")
    width, height = struct.unpack(">II", image[16:24])
    assert 400 <= width <= 800
    assert 200 <= height <= 500
    assert len(image) < 40_000


def weights_of(world: World, model: str, profile: str, day: date) -> np.ndarray:
    rows = world.rows("portfolio_weights", day, day, model=model, profile=profile)
    by_instrument = {row["instrument"]: row["weight"] for row in rows}
    return np.array([by_instrument[name] for name in MADE_UP])


def test_the_history_says_what_it_loaded(runs: Runs) -> None:
    metadata = runs.metadata("price_history")
    loaded = {row["instrument"]: row for row in records(metadata["loaded"])}
    bars = runs.world.rows("price_bars", last=date(2020, 12, 27))
    for name in MADE_UP:
        assert loaded[name]["bars added"] == sum(row["instrument"] == name for row in bars)
        assert loaded[name]["source"] == "csv"
    assert metadata["bars added"] == len(bars)
    assert metadata["instruments loaded"] == len(MADE_UP)
    assert (metadata["from"], metadata["up to"]) == ("2019-01-04", "2020-12-28")
    (finding,) = records(metadata["findings"])
    assert (finding["instrument"], finding["session"]) == ("uk_fund", "2020-03-03")


def test_a_day_shows_its_bars_its_state_and_its_findings(runs: Runs) -> None:
    for day in (*runs.world.between(FIRST, LAST), SINGLE):
        metadata = runs.metadata("close_prices", day)
        bars = {
            (row["instrument"], str(row["session"])): row["close"]
            for row in runs.world.rows("price_bars", day, day)
        }
        closes = records(metadata["closes"])
        assert {(row["instrument"], row["session"]): row["close"] for row in closes} == bars
        assert metadata["dagster/partition_row_count"] == len(bars)
        (state,) = runs.world.rows("days", day, day)
        assert (metadata["state"], metadata["reason"]) == (state["state"], state["reason"])
        found = runs.world.rows("findings", day, day)
        shown = records(metadata["findings"]) if "findings" in metadata else []
        assert [row["detail"] for row in shown] == [row["detail"] for row in found]
    units = {
        row["instrument"]: row["unit"] for row in records(runs.metadata("close_prices", SINGLE)["closes"])
    }
    assert units == {
        "jp_index": "JPY",
        "jp_stock": "JPY",
        "uk_fund": "USD",
        "gold": "USD",
        "us_index": "USD",
        "us10y": "% a year",
    }
    assert runs.metadata("close_prices", date(2021, 2, 12))["state"] == "partial"


def test_a_corrected_close_is_counted_on_its_day(trained_world: World, tmp_path: Path) -> None:
    world = trained_world.copy(tmp_path / "world")
    day = date(2021, 3, 30)
    world.scale_bar("us_index", day, 1.01)
    with definitions_of(environment(world.folder)) as defs, dg.DagsterInstance.ephemeral() as instance:
        run_job(defs, instance, "daily", day, date(2021, 3, 31), ("close_prices",))
        counted = {
            record.partition_key: record.asset_materialization.metadata["corrected bars"].value
            for record in instance.fetch_materializations(key_of("close_prices"), limit=5).records
        }
    assert counted == {"2021-03-30": 1, "2021-03-31": 0}


def test_a_prediction_shows_what_the_table_holds(runs: Runs) -> None:
    for day in (*runs.world.between(FIRST, LAST), SINGLE):
        for row in runs.world.rows("stage1_predictions", day, day):
            asset = f"stage1_prediction/{row['instrument']}"
            metadata = runs.metadata(asset, day)
            assert metadata["predicted return (%)"] == pytest.approx(100 * row["predicted_return"], abs=5e-5)
            assert metadata["as of session"] == str(row["as_of_session"])
            assert metadata["model cutoff"] == str(row["model_cutoff"])
            assert metadata["model"] == row["model_id"]
            (outcome,) = runs.world.rows("outcomes", day, day, asset=asset)
            assert metadata["status"] == outcome["status"] == "published"
            assert metadata.get("reason") == outcome["reason"]
            assert metadata["dagster/partition_row_count"] == 1


def test_weights_show_what_the_table_holds(runs: Runs) -> None:
    safe = {"gold", "us10y"}
    for day in (*runs.world.between(FIRST, LAST), SINGLE):
        for model in PORTFOLIOS:
            metadata = runs.metadata(f"portfolio_weights/{model}", day)
            rows = runs.world.rows("portfolio_weights", day, day, model=model)
            assert metadata["dagster/partition_row_count"] == len(rows) == 2 * len(MADE_UP)
            shown = {row["instrument"]: row for row in records(metadata["weights (%)"])}
            assert tuple(shown) == MADE_UP
            assert metadata["returns"] == "in each instrument's own currency, as if hedged"
            for row in rows:
                assert shown[row["instrument"]][row["profile"]] == round(100 * row["weight"], 2)
                assert metadata[f"basis, {row['profile']}"] == row["basis"]
            for profile in ("stable", "aggressive"):
                share = sum(
                    row["weight"] for row in rows if row["profile"] == profile and row["instrument"] in safe
                )
                said = metadata[f"share in safe instruments, {profile} (%)"]
                assert said == pytest.approx(100 * share, abs=0.006)
                assert said >= 40 - 1e-9 if profile == "stable" else said <= 40 + 1e-9


def test_turnover_is_measured_against_the_last_published_weights(runs: Runs) -> None:
    days = [BEFORE, *runs.world.between(FIRST, LAST), SINGLE]
    for model in PORTFOLIOS:
        assert "turnover, stable (%, one-way)" not in runs.metadata(f"portfolio_weights/{model}", BEFORE)
        for profile in ("stable", "aggressive"):
            weights = {day: weights_of(runs.world, model, profile, day) for day in days}
            for before, day in pairwise(days):
                expected = 50 * np.abs(weights[day] - weights[before]).sum()
                said = runs.metadata(f"portfolio_weights/{model}", day)[f"turnover, {profile} (%, one-way)"]
                assert said == pytest.approx(expected, abs=0.006), (model, profile, day)


def test_the_last_days_of_a_range_have_a_picture(runs: Runs) -> None:
    days = runs.world.between(FIRST, LAST)
    assert len(days) > PICTURED_DAYS
    for model in PORTFOLIOS:
        seen = set()
        for day in (*days, SINGLE):
            found = pictures(runs.metadata(f"portfolio_weights/{model}", day).get("weights (picture)", ""))
            assert len(found) == (day in days[-PICTURED_DAYS:] or day == SINGLE)
            for image in found:
                assert_small_png(image)
                seen.add(image)
        assert len(seen) == PICTURED_DAYS + 1, "every day has a picture of its own"


def test_a_training_shows_its_figures_beside_naive_forecasts(runs: Runs) -> None:
    for row in runs.world.rows("models", kind="stage1"):
        metadata, metrics = runs.metadata(f"stage1_model/{row['instrument']}", CUTOFFS[0]), row["metrics"]
        forecasts = records(metadata["forecasts over 5 sessions"])
        assert [one["MAE (%)"] for one in forecasts] == [
            pytest.approx(100 * metrics[name], abs=5e-5)
            for name in ("validation_mae", "zero_mae", "mean_mae")
        ]
        assert "used for early stopping" in forecasts[0]["forecast"]
        said = metadata["validation MAE (used for early stopping)"]
        assert said == pytest.approx(metrics["validation_mae"], abs=1e-5)
        for naive in ("zero", "mean"):
            ratio = metrics["validation_mae"] / metrics[f"{naive}_mae"]
            assert metadata[f"MAE ratio to {naive} forecast"] == pytest.approx(ratio, abs=1e-3)
        said = metadata["directional accuracy"]
        assert said == pytest.approx(metrics["directional_accuracy"], abs=1e-3)
        assert str(metadata["training windows"]).startswith(f"{metrics['train_windows']}, decided from ")
        assert str(metadata["epochs"]).startswith(f"{metrics['epochs']}, ")
        assert metadata["duration (s)"] > 0
        assert metadata["model"] == row["model_id"]
        assert metadata["artefact"] == row["artifact"]
        for name in ("learning curve (picture)", "predicted against realised (picture)"):
            (image,) = pictures(metadata[name])
            assert_small_png(image)


def test_the_sharpe_nets_training_shows_its_figures_beside_naive_portfolios(runs: Runs) -> None:
    (row,) = runs.world.rows("models", kind="sharpe_net")
    metadata, metrics = runs.metadata("sharpe_net_model", CUTOFFS[0]), row["metrics"]
    ratios = records(metadata["validation Sharpe ratios"])
    assert [one["portfolio"] for one in ratios] == [
        "Sharpe net (used for early stopping)",
        "equal weight",
        "inverse volatility",
    ]
    names = ("validation_sharpe", "equal_weight_sharpe", "inverse_volatility_sharpe")
    expected = [metrics[name] for name in names]
    assert [one["annualised"] for one in ratios] == pytest.approx(expected, abs=1e-3)
    (image,) = pictures(metadata["learning curve (picture)"])
    assert_small_png(image)


def test_the_checks_say_what_was_found(runs: Runs) -> None:
    checks = {event.check_name: event for event in runs.range_of_days.get_asset_check_evaluations()}
    assert checks.pop(CALENDARS_REACH).passed
    assert set(checks) == set(PRICE_CHECKS)
    failing = {
        "sessions_are_complete": (dg.AssetCheckSeverity.ERROR, "uk_fund"),
        "closes_move": (dg.AssetCheckSeverity.WARN, "gold"),
        "values_are_valid": (dg.AssetCheckSeverity.WARN, "us_index"),
        "calendar_agrees": (dg.AssetCheckSeverity.WARN, "jp_stock"),
    }
    for name in ("sources_answered", "closes_unchanged"):
        assert checks.pop(name).passed
    for name, check in checks.items():
        assert check.asset_key == key_of("close_prices")
        assert check.passed == (name not in failing), name
        found = records(check.metadata["what was found"].value)
        assert len(found) == check.metadata["findings"].value
        assert (check.metadata["first day"].value, check.metadata["last day"].value) == (
            str(FIRST),
            str(LAST),
        )
        if name in failing:
            severity, instrument = failing[name]
            assert check.severity == severity
            assert [row["instrument"] for row in found] == [instrument]
    assert all(event.passed for event in runs.single_day.get_asset_check_evaluations())


def test_a_day_without_rows_says_why_and_needs_no_picture(trained_world: World, tmp_path: Path) -> None:
    world = trained_world.copy(tmp_path / "world")
    day = date(2021, 1, 14)
    with definitions_of(environment(world.folder)) as defs, dg.DagsterInstance.ephemeral() as instance:
        assert run_job(defs, instance, "daily", day).success
        for asset in DAILY:
            metadata = instance.fetch_materializations(key_of(asset), limit=1).records[0]
            said = metadata.asset_materialization.metadata
            assert said["status"].value == "no_model"
            assert f"on or before {day}" in said["reason"].value
            assert said["dagster/partition_row_count"].value == 0
            assert "weights (picture)" not in said
