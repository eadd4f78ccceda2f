"""A prepared deployment, made once: what it costs is Dagster's tables."""

import shutil
from pathlib import Path

import pytest

from stock_assets.instance_storage import initialize
from stock_assets.settings import Settings
from stock_assets.storage.engine import create_engine
from stock_assets.storage.migrate import upgrade
from stock_assets_tests.doctor.live_universe import environment


@pytest.fixture(scope="session")
def prepared_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    settings = Settings.from_environment(environment(folder))
    engine = create_engine(settings.database_url)
    upgrade(engine, settings.universe)
    engine.dispose()
    initialize(settings)
    return folder


@pytest.fixture
def prepared(prepared_once: Path, tmp_path: Path) -> Settings:
    """The state folder of the test's own: all tables, and no rows."""
    shutil.copytree(prepared_once, tmp_path, dirs_exist_ok=True)
    return Settings.from_environment(environment(tmp_path))
