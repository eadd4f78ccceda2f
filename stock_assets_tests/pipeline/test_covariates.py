"""What is priced for the networks' sake alone: read, never predicted or held, and said when it is stale."""

from datetime import date
from pathlib import Path

import pytest

from stock_assets.config.portfolios import PORTFOLIO_MODELS
from stock_assets.errors import InsufficientHistory, StorageError
from stock_assets.stage1.artifacts import load_model
from stock_assets_tests.pipeline import yen_world
from stock_assets_tests.pipeline.yen_world import DAY, FIRST_CUTOFF, HOLIDAY
from stock_assets_tests.worlds import World

#: Readers of the covariate, and of none.
READER, OTHERS = "gold", ("jp_index", "jp_stock", "uk_fund", "us_index", "us10y")


@pytest.fixture
def world(in_yen: World, tmp_path: Path) -> World:
    """A deployment of the test's own."""
    return in_yen.copy(tmp_path / "world")


def outcome(world: World, day: date, asset: str) -> tuple[object, str]:
    (row,) = world.rows("outcomes", day, day, asset=asset)
    return row["status"], str(row["reason"])


def forget(world: World, name: str, until: str = "9999-12-31") -> None:
    """Take back the bars of something until a session."""
    with world.engine.begin() as connection:
        connection.exec_driver_sql(
            f"DELETE FROM price_bars WHERE instrument = '{name}' AND session <= '{until}'"
        )


def test_covariates_and_rates_are_priced_and_nothing_else(in_yen: World) -> None:
    everything = {*in_yen.instruments, "vix", "usd_jpy"}
    assert {row["instrument"] for row in in_yen.rows("price_bars")} == everything
    assert {row["instrument"] for row in in_yen.rows("price_bars", DAY, DAY)} == everything
    for table in ("stage1_predictions", "portfolio_weights"):
        assert {row["instrument"] for row in in_yen.rows(table)} == set(in_yen.instruments), table
    assets = {str(row["asset"]).partition("/")[2] for row in in_yen.rows("outcomes")}
    assert assets == {*in_yen.instruments, *PORTFOLIO_MODELS}
    plan = in_yen.plan()
    assert (plan.history, plan.price_runs) == ((), ())
    assert {name for training in plan.trainings for name in training.instruments} <= set(in_yen.instruments)


def test_networks_read_them(in_yen: World) -> None:
    artifacts = in_yen.deployment.settings.artifact_dir
    read = {}
    for row in in_yen.rows("models", kind="stage1", cutoff=FIRST_CUTOFF):
        names = load_model(artifacts, str(row["sha256"])).feature_names
        read[row["instrument"]] = [name for name in names if name.startswith("return_1_of_")]
    assert read.pop("gold") == ["return_1_of_vix"]
    assert read.pop("jp_index") == ["return_1_of_usd_jpy"]
    assert set(map(tuple, read.values())) == {()}


def test_a_covariate_that_lags_a_little_is_used_and_one_that_lags_much_is_not(world: World) -> None:
    days = world.between(date(2021, 1, 20), date(2021, 1, 27))
    world.forget_prices(days[0])
    world.remove_bars("vix", days[0], date(2021, 1, 25))
    world.load_days(days)
    world.predict(days)
    world.weigh(days)
    for lag, day in enumerate(days[:3], start=1):
        said = f"The last bar of the covariate vix lags {lag} of its sessions behind."
        for name in world.instruments:
            status, reason = outcome(world, day, f"stage1_prediction/{name}")
            assert status == "published"
            assert (said in reason) == (name == READER), name
    refused, again = days[3], days[4]
    assert outcome(world, refused, f"stage1_prediction/{READER}") == (
        "refused",
        "The last bar of vix, a covariate of gold, lags 4 of its sessions behind, more than the 3 that "
        "max_staleness allows.",
    )
    published = {row["instrument"] for row in world.rows("stage1_predictions", refused, refused)}
    assert published == set(OTHERS)
    # What holds the instrument without a prediction is refused; the Sharpe net needs none.
    assert "gold has no finite prediction" in outcome(world, refused, "portfolio_weights/alpha")[1]
    assert outcome(world, refused, "portfolio_weights/sharpe_net")[0] == "published"
    assert outcome(world, again, f"stage1_prediction/{READER}")[0] == "published"
    assert "vix" not in outcome(world, again, f"stage1_prediction/{READER}")[1]


def test_an_exchange_rate_as_a_covariate_is_judged_likewise(world: World) -> None:
    forget(world, "usd_jpy")
    world.predict([HOLIDAY])
    status, reason = outcome(world, HOLIDAY, "stage1_prediction/jp_index")
    assert status == "refused"
    assert reason == "usd_jpy, a covariate of jp_index, has no bar until 2021-01-18; load its prices."
    assert outcome(world, HOLIDAY, "stage1_prediction/jp_stock")[0] == "published"


def test_a_covariate_without_any_bar_is_named(world: World) -> None:
    forget(world, "vix")
    world.predict([HOLIDAY])
    assert outcome(world, HOLIDAY, f"stage1_prediction/{READER}") == (
        "refused",
        "vix, a covariate of gold, has no bar until 2021-01-18; load its prices.",
    )
    for name in OTHERS:
        assert outcome(world, HOLIDAY, f"stage1_prediction/{name}")[0] == "published"


def test_a_covariate_that_lacks_history_stops_the_networks_that_read_it_alone(world: World) -> None:
    forget(world, "vix", until="2020-12-27")
    assert world.plan().history == ("vix",)
    with pytest.raises(StorageError, match="price_history lacks 499 bars of vix, and bars of 0 more"):
        world.train(FIRST_CUTOFF, [READER], sharpe_net=False)
    world.train(FIRST_CUTOFF, ["us_index"])
    world.load_history()
    assert world.plan().history == ()
    world.train(FIRST_CUTOFF, [READER], sharpe_net=False)


def test_a_covariate_that_no_source_has_bars_of_is_named_in_training(world: World) -> None:
    """All but its first bar are known to be missing, and are not asked for again."""
    forget(world, "vix", until="2021-01-14")
    world.remove_bars("vix", date(2019, 1, 5), date(2021, 1, 14))
    world.load_history()
    world.load_days(world.between(date(2020, 12, 28), date(2021, 1, 14)))
    with pytest.raises(InsufficientHistory, match="vix, a covariate of gold, has 1 bars before the cutoff"):
        world.train(FIRST_CUTOFF, [READER], sharpe_net=False)


def test_a_network_that_reads_what_is_not_priced_any_more_is_refused(world: World) -> None:
    world = world.configured("stage1.yaml", "    covariates: [vix]\n", "")
    world = world.configured("universe.yaml", yen_world.COVARIATE, "")
    world.predict([DAY])
    status, reason = outcome(world, DAY, f"stage1_prediction/{READER}")
    assert status == "refused"
    assert reason.endswith(
        " reads vix, which universe.yaml does not price; train the cutoff 2021-01-15 again."
    )
    for name in OTHERS:
        assert outcome(world, DAY, f"stage1_prediction/{name}")[0] == "published"


def test_what_a_network_was_trained_to_read_counts_and_not_what_the_next_one_will(world: World) -> None:
    world = world.configured("stage1.yaml", "    covariates: [vix]\n", "")
    forget(world, "vix")
    world.predict([DAY])
    assert "vix" in outcome(world, DAY, f"stage1_prediction/{READER}")[1]
