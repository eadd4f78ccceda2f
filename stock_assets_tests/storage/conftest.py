"""Every test of storage that asks for `database` runs on SQLite and on a real MariaDB."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from stock_assets.storage.engine import create_engine
from stock_assets.storage.migrate import upgrade
from stock_assets_tests.servers import MariaDbServer

UNIVERSE = "sample"


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.needs_binary)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'stock_assets.db'}"
    server: MariaDbServer = request.getfixturevalue("mariadb")
    return server.create_database("stock_assets")


@pytest.fixture
def database(database_url: str) -> Iterator[sa.Engine]:
    """A database with all tables and no rows, of the universe ``sample``."""
    engine = create_engine(database_url)
    upgrade(engine, UNIVERSE)
    yield engine
    engine.dispose()
