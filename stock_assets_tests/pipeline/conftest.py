from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from stock_assets_tests.worlds import World


@pytest.fixture(scope="session")
def empty_world(tmp_path_factory: pytest.TempPathFactory) -> "World":
    """Nothing is computed; it wants the networks of FIRST_CUTOFF and of the last cutoff."""
    from stock_assets_tests.worlds import FIRST_CUTOFF, World, blemish

    world = World.install(tmp_path_factory.mktemp("empty") / "world")
    blemish(world)
    end = "end: 2021-03-31"
    return world.configured("universe.yaml", end, f"{end}\nfirst_cutoff: {FIRST_CUTOFF}")


@pytest.fixture(scope="session")
def planned_world(empty_world: "World", tmp_path_factory: pytest.TempPathFactory) -> "World":
    """Everything that the plan of the empty world says is done."""
    world = empty_world.copy(tmp_path_factory.mktemp("planned") / "world")
    world.carry_out(world.plan())
    return world


@pytest.fixture
def up_to_date(planned_world: "World", tmp_path: Path) -> "World":
    """A deployment of the test's own that is up to date."""
    return planned_world.copy(tmp_path / "world")


@pytest.fixture(scope="session")
def in_yen(tmp_path_factory: pytest.TempPathFactory) -> "World":
    """With yen as its base currency and a covariate, and with predictions and weights of some days."""
    from stock_assets_tests.pipeline import yen_world

    world = yen_world.install(tmp_path_factory.mktemp("yen") / "world")
    yen_world.finish(world)
    return world
