"""The universes that come with the project can be opened, and what makes a day a trading day."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from stock_assets.config import load_universe
from stock_assets.errors import ConfigurationError
from stock_assets.pipeline.deployment import open_deployment
from stock_assets.pipeline.usable import usable_config
from stock_assets.settings import PROJECT_ROOT, STATE_DIR_VARIABLE, UNIVERSE_VARIABLE, Settings

CONFIGS = PROJECT_ROOT / "configs"
NOW = datetime(2026, 6, 30, 1, tzinfo=UTC)
RATE = (
    "covariates:\n  - {id: usdkrw, name: Dollar in won, exchange: FX, currency: KRW, return_kind: price, "
    "sources: [{source: yahoo, symbol: KRW=X}]}\n"
)


def environment(state: Path, universe: str, **variables: str) -> dict[str, str]:
    return {UNIVERSE_VARIABLE: universe, STATE_DIR_VARIABLE: str(state), **variables}


def test_every_universe_is_right() -> None:
    universes = {path.parent.name for path in CONFIGS.glob("*/universe.yaml")}
    assert universes == {"global13", "kospi", "sample"}
    for universe in universes:
        load_universe(CONFIGS / universe)


def test_the_world_needs_a_key_of_the_bank_of_korea(tmp_path: Path) -> None:
    config = load_universe(CONFIGS / "global13")
    with pytest.raises(ConfigurationError, match=r"kor3y.*STOCK_ASSETS_ECOS_KEY"):
        usable_config(config, Settings.from_environment(environment(tmp_path, "global13")))
    settings = Settings.from_environment(environment(tmp_path, "global13", STOCK_ASSETS_ECOS_KEY="k"))
    usable, dropped = usable_config(config, settings)
    assert len(usable.universe.instruments) == 13 and not dropped


def test_an_exchange_rate_makes_no_trading_day(tmp_path: Path) -> None:
    """Rates move on every weekday, and Seoul has holidays."""
    shutil.copytree(CONFIGS / "kospi", tmp_path / "configs" / "kospi")
    shutil.copy(CONFIGS / "session_overrides.csv", tmp_path / "configs")
    with (tmp_path / "configs" / "kospi" / "universe.yaml").open("a", encoding="utf-8") as file:
        file.write(RATE)
    settings = Settings.from_environment(
        environment(tmp_path, "kospi", STOCK_ASSETS_CONFIG_DIR=str(tmp_path / "configs"))
    )
    deployment = open_deployment(settings, NOW)
    election, day_before = date(2026, 6, 3), date(2026, 6, 2)
    assert deployment.calendars["FX"].is_session(election)
    assert election not in deployment.partition_days and day_before in deployment.partition_days
    assert election not in deployment.history_days
    rates = deployment.expected_bars["usdkrw"].set_index("session")["trading_day"]
    # London's 3 June ends at 23:00 UTC, on no trading day: its close belongs to the next one.
    assert rates["2026-06-03"] == rates["2026-06-04"]
    assert rates["2026-06-04"].date() == date(2026, 6, 4)
