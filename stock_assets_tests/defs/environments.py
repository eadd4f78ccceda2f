"""Definitions of a deployment other than this process's, for as long as a block lasts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from stock_assets.pipeline import deployment
from stock_assets.settings import CONFIG_DIR_VARIABLE, PROJECT_ROOT, STATE_DIR_VARIABLE, UNIVERSE_VARIABLE


@contextmanager
def definitions_of(environment: Mapping[str, str]) -> Iterator[dg.Definitions]:
    """Build the definitions as the code server of that environment does."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        deployment._cached.cache_clear()
        from stock_assets.definitions import defs

        yield defs()
    deployment._cached.cache_clear()


def sample_environment(state: Path) -> dict[str, str]:
    """The universe that the project comes with."""
    return {
        UNIVERSE_VARIABLE: "sample",
        CONFIG_DIR_VARIABLE: str(PROJECT_ROOT / "configs"),
        STATE_DIR_VARIABLE: str(state),
    }
