"""The project's own live universes, small enough for tests, with providers on this machine."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from stock_assets.pipeline.deployment import open_deployment
from stock_assets.settings import (
    CONFIG_DIR_VARIABLE,
    DATABASE_URL_VARIABLE,
    PROJECT_ROOT,
    STATE_DIR_VARIABLE,
    UNIVERSE_VARIABLE,
    Settings,
)
from stock_assets.storage.engine import create_engine
from stock_assets.storage.migrate import upgrade
from stock_assets.trading_days import decision_time
from stock_assets_tests import databases
from stock_assets_tests.end_to_end.providers import Providers
from stock_assets_tests.worlds import World

HISTORY_START, START = date(2025, 1, 2), date(2025, 5, 2)
#: When definitions were loaded; everything is done at moments before.
OPENED = datetime(2025, 6, 20, tzinfo=UTC)

#: A source is asked as often as in earnest, and not as patiently.
IMPATIENT = {"attempts": 3, "first_wait": "PT0.001S", "longest_wait": "PT0.001S", "timeout": "PT5S"}
#: Networks that train in a second.
SMALL_NETWORKS = {
    "lookback": 10,
    "horizon": 5,
    "features": ["return_1", "volatility_5"],
    "network": {"cell": "lstm", "hidden_sizes": [4], "dropout": 0.0},
    "training": {"max_epochs": 2, "patience": 1, "batch_size": 64},
}


@dataclass(frozen=True)
class Place:
    """A folder with a universe's configuration and state."""

    folder: Path
    universe: str
    providers: Providers

    @property
    def environment(self) -> dict[str, str]:
        url = databases.database_url(self.folder)
        return {
            UNIVERSE_VARIABLE: self.universe,
            CONFIG_DIR_VARIABLE: str(self.folder / "configs"),
            STATE_DIR_VARIABLE: str(self.folder / "state"),
            **({} if url is None else {DATABASE_URL_VARIABLE: url}),
            **self.providers.variables,
        }

    @classmethod
    def install(cls, folder: Path, universe: str, providers: Providers) -> "Place":
        """Make an empty database for a folder."""
        databases.create_database(folder)
        return cls(folder, universe, providers)

    def configure(self, only: Sequence[str] | None = None, **changes: Any) -> None:
        """Copy the project's own configuration with a short history, small networks and no portfolios.

        Parameters
        ----------
        only : sequence of str, optional
            The instruments that stay; covariates then go.
        **changes
            Keys of ``universe.yaml``.
        """
        folder = self.folder / "configs" / self.universe
        shutil.copytree(PROJECT_ROOT / "configs" / self.universe, folder, dirs_exist_ok=True)
        shutil.copy(PROJECT_ROOT / "configs" / "session_overrides.csv", self.folder / "configs")
        universe = yaml.safe_load((folder / "universe.yaml").read_text(encoding="utf-8"))
        universe |= {"history_start": HISTORY_START, "start": START}
        universe["source_settings"] = {"requests": IMPATIENT}
        if only is not None:
            universe["instruments"] = [one for one in universe["instruments"] if one["id"] in only]
            universe.pop("covariates", None)
        _write(folder / "universe.yaml", universe | changes)
        _write(folder / "stage1.yaml", SMALL_NETWORKS)
        (folder / "portfolios.yaml").unlink(missing_ok=True)

    def open(self, now: datetime = OPENED) -> World:
        """Open what is there, with its tables."""
        settings = Settings.from_environment(self.environment)
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        world = World(self.folder, open_deployment(settings, now), create_engine(settings.database_url))
        upgrade(world.engine, self.universe)
        return world


def morning_after(day: date) -> datetime:
    """Return when a live deployment loads a trading day: an hour after its decision time."""
    return decision_time(day) + timedelta(hours=1)


def closes(world: World, instrument: str) -> dict[date, float]:
    """The newest closes that are stored, by session."""
    return {row["session"]: row["close"] for row in world.rows("price_bars", instrument=instrument)}  # type: ignore[misc]


def states(world: World) -> dict[date, str]:
    """The state of each day."""
    return {row["date"]: row["state"] for row in world.rows("days")}  # type: ignore[misc]


def found(world: World, kind: str) -> set[tuple[object, object]]:
    """Instrument and session of the findings of a kind."""
    return {(row["instrument"], row["session"]) for row in world.rows("findings", kind=kind)}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(content), allow_unicode=True), encoding="utf-8")
