"""Providers that answer, and calendars that are built once."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Tests of light modules shall not wait for pandas.
if TYPE_CHECKING:
    from stock_assets_tests.end_to_end.live import Place
    from stock_assets_tests.end_to_end.providers import Providers


@pytest.fixture
def providers() -> "Iterator[Providers]":
    """Yahoo, the Treasury, FRED, ECOS and feeds, which nobody has told anything."""
    from stock_assets_tests.end_to_end.providers import Providers

    with Providers() as servers:
        yield servers


@pytest.fixture(scope="session")
def calendars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The calendars of global13, which take seconds to build."""
    from stock_assets_tests.end_to_end.live import Place
    from stock_assets_tests.end_to_end.providers import Providers

    place = Place.install(tmp_path_factory.mktemp("calendars"), "global13", Providers())
    place.configure()
    return place.open().deployment.settings.calendar_dir


@pytest.fixture
def place(tmp_path: Path, calendars: Path, providers: "Providers") -> "Place":
    """A folder for global13, with its calendars."""
    from stock_assets_tests.end_to_end.live import Place

    shutil.copytree(calendars, tmp_path / "state" / "global13" / "calendars")
    return Place.install(tmp_path, "global13", providers)
