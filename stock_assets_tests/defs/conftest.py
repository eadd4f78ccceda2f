from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from stock_assets_tests.defs.runs import Runs


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Runs]":
    """The history, all prices, one cutoff, one day, a range and one more day, each run by its job."""
    from stock_assets_tests.defs.runs import series_of_runs
    from stock_assets_tests.worlds import World

    with series_of_runs(World.install(tmp_path_factory.mktemp("runs") / "world")) as series:
        yield series
