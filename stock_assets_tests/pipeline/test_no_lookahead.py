"""Nothing at or before a trading day, in any table or artefact, knows what falls due after it."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from stock_assets.learning.artifacts import load_artifact
from stock_assets.pipeline.histories import load_histories
from stock_assets.portfolio import sharpe_windows
from stock_assets.portfolio.sharpe_model import TrainedSharpeNet
from stock_assets.stage1 import dataset
from stock_assets.stage1.features import FEATURES, feature_table
from stock_assets.stage1.model import TrainedStage1
from stock_assets.storage.engine import read_transaction
from stock_assets_tests.lookahead import LookAhead
from stock_assets_tests.pipeline.later_data import change_after, cutoffs_known_on, demand_the_same
from stock_assets_tests.worlds import CUTOFFS, FIRST_LOADED, World, load_prices

#: A Friday like any other; the one before Tokyo's Saturday session, whose own close was corrected later; and
#: the one before a cutoff whose models may read all of it.
DAYS = (date(2021, 1, 29), date(2021, 2, 5), date(2021, 2, 26))
PRICES = ("price_bars", "findings", "days")
MODELS = ("models", "stage1_predictions")
WEIGHTS = ("portfolio_weights", "outcomes")


@pytest.fixture(scope="module")
def changed_after(tmp_path_factory: pytest.TempPathFactory) -> Callable[[date], World]:
    """The same deployment with other sources after a day, from the history on: prices alone."""
    built: dict[date, World] = {}

    def build(day: date) -> World:
        if day not in built:

            def spoil(own: World, time: int) -> None:
                change_after(own, day, day.toordinal() + time, there_until=FIRST_LOADED if time else None)

            world = World.install(tmp_path_factory.mktemp("changed") / "world")
            load_prices(world, spoil)
            built[day] = world
        return built[day]

    return build


def some_days(world: World, day: date) -> tuple[date, ...]:
    """A range that goes on after the day."""
    days = world.days
    return days[days.index(day) - 6 : days.index(day) + 4]


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_no_table_knows_what_falls_due_later(
    finished_world: World, changed_after: Callable[[date], World], day: date, tmp_path: Path
) -> None:
    other = changed_after(day).copy(tmp_path / "world")
    demand_the_same(finished_world, other, day, tables=PRICES)
    for cutoff in cutoffs_known_on(other, day, CUTOFFS):
        other.train(cutoff)
    days = some_days(other, day)
    other.predict(other.days)
    other.weigh(days)
    demand_the_same(finished_world, other, day, tables=MODELS)
    demand_the_same(finished_world, other, day, first=days[0], tables=WEIGHTS)
    for table in ("price_bars", "days", "stage1_predictions", "portfolio_weights"):
        later = [world.contents(days[7], days[-1])[table] for world in (finished_world, other)]
        assert later[0] != later[1], f"{table} is the same after {day}: nothing was changed"


def test_what_is_compared_holds_corrections_and_findings(finished_world: World) -> None:
    """A comparison of tables without any would show less than it says."""
    assert finished_world.rows("price_bars", last=DAYS[1], instrument="jp_index", revision=1)
    assert {row["kind"] for row in finished_world.rows("findings", last=DAYS[-1])} >= {"stale_repeat", "jump"}
    assert {row["state"] for row in finished_world.rows("days", last=DAYS[-1])} == {"complete", "partial"}
    assert {row["cutoff"] for row in finished_world.rows("models")} == set(CUTOFFS)


def test_artefacts_hold_what_their_name_says(finished_world: World) -> None:
    """Comparing their SHA-256 compares their bytes."""
    for row in finished_world.rows("models"):
        load_artifact(finished_world.deployment.settings.artifact_dir, str(row["sha256"]), str(row["kind"]))


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_no_feature_knows_what_falls_due_later(
    priced_world: World, changed_after: Callable[[date], World], day: date
) -> None:
    assert features(priced_world, day) == features(changed_after(day), day)
    later = priced_world.days[-1]
    assert features(priced_world, later) != features(changed_after(day), later)


def features(world: World, day: date) -> dict[str, bytes]:
    """All features of all sessions that belong to the day or before, from histories that go on after it."""
    with read_transaction(world.engine) as connection:
        histories = load_histories(world.deployment, connection, before=date(2021, 4, 1))
    found = {}
    for name, history in histories.items():
        table = feature_table(history, world.deployment.config.stage1.for_instrument(name), histories)
        found[name] = table.values[table.trading_days <= np.datetime64(day)].tobytes()
    return found


def trained_and_predicted(source: World, folder: Path, day: date) -> World:
    world = source.copy(folder)
    world.train(CUTOFFS[0], ["us_index"], sharpe_net=False)
    world.predict(some_days(world, day), ["us_index"])
    return world


@pytest.mark.parametrize("leaks", [False, True])
def test_a_leaky_feature_is_caught(
    priced_world: World,
    changed_after: Callable[[date], World],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    leaks: bool,
) -> None:
    def centred(bars, _window):
        padded = np.pad(bars.level, 1, mode="edge")
        return {"": np.log(bars.level / ((padded[:-2] + padded[1:-1] + padded[2:]) / 3))}

    if leaks:
        monkeypatch.setitem(FEATURES, "sma", centred)
    day = DAYS[1]
    base = trained_and_predicted(priced_world, tmp_path / "base", day)
    other = trained_and_predicted(changed_after(day), tmp_path / "other", day)
    if leaks:
        with pytest.raises(LookAhead, match="stage1_predictions until 2021-02-05"):
            demand_the_same(base, other, day, tables=MODELS)
    else:
        demand_the_same(base, other, day, tables=MODELS)


def shuffled(_days, _due_days, usable, validation_fraction, *_stride):
    labelled = np.random.default_rng(0).permutation(np.flatnonzero(usable))
    count = int(np.ceil(validation_fraction * len(labelled)))
    return np.sort(labelled[count:]), np.sort(labelled[:count])


def unpurged(_days, _due_days, usable, validation_fraction, *_stride):
    labelled = np.flatnonzero(usable)
    start = len(labelled) - int(np.ceil(validation_fraction * len(labelled)))
    return labelled[:start], labelled[start:]


@pytest.mark.parametrize("network", ["us_index", "sharpe_net"])
@pytest.mark.parametrize("split", [None, shuffled, unpurged])
def test_training_knows_nothing_of_the_days_that_validate(
    priced_world: World,
    changed_since_validation: dict[str, World],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    network: str,
    split: Callable | None,
) -> None:
    """And a split that lets it know is caught."""
    if split is not None:
        monkeypatch.setattr(dataset, "split", split)
        monkeypatch.setattr(sharpe_windows, "split", split)
    worlds = (priced_world, changed_since_validation[network])
    copies = [source.copy(tmp_path / str(number)) for number, source in enumerate(worlds)]
    base, other = (what_training_saw(copy, network) for copy in copies)
    assert (base == other) == (split is None)


@pytest.fixture(scope="module")
def changed_since_validation(
    priced_world: World, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, World]:
    """The same deployment with other numbers from the first validation day of a network on."""
    worlds = {}
    for network in ("us_index", "sharpe_net"):
        folder = tmp_path_factory.mktemp(network)
        trained = train(priced_world.copy(folder / "base"), network)
        validation_first = trained.model.metrics.validation_first
        day = priced_world.deployment.history_days.previous(validation_first)
        worlds[network] = World.install(folder / "world")
        load_prices(
            worlds[network], lambda own, time, day=day: change_after(own, day, seed=time, values_only=True)
        )
    return worlds


def train(world: World, network: str) -> TrainedStage1 | TrainedSharpeNet:
    if network == "sharpe_net":
        return world.train(CUTOFFS[1], [])[network]
    return world.train(CUTOFFS[1], [network], sharpe_net=False)[network]


def what_training_saw(world: World, network: str) -> tuple[object, ...]:
    """The scaler, and the loss of the first epoch: it ends before the validation loss can decide anything."""
    trained = train(world, network)
    scaler, metrics = trained.model.scaler, trained.model.metrics
    return (
        scaler.mean.tobytes(),
        scaler.std.tobytes(),
        trained.train_losses[0],
        metrics.train_windows,
        metrics.train_last,
    )


def test_a_bar_that_is_used_before_it_falls_due_is_caught(
    priced_world: World, changed_after: Callable[[date], World], tmp_path: Path
) -> None:
    """The close of the day after, as if it had belonged to the day."""
    day = DAYS[0]
    too_late = priced_world.deployment.partition_days.next(day)
    with pytest.raises(LookAhead, match="price_bars"):
        demand_the_same(priced_world, changed_after(day), too_late, tables=PRICES)
