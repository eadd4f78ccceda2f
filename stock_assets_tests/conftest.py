"""Deployments of the made-up universe, computed once a session; a test that changes one copies it first."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Tests of light modules shall not wait for torch.
if TYPE_CHECKING:
    from stock_assets_tests.commands import Ended, Workplace
    from stock_assets_tests.servers import MariaDbServer
    from stock_assets_tests.worlds import World


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=("sqlite", "mariadb"),
        default="sqlite",
        help="Where deployments have their tables; tests of one database say so themselves.",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--database") == "sqlite" or "PYTEST_XDIST_WORKER" in os.environ:
        return  # a worker finds the server of the process that has started it
    from stock_assets_tests.databases import deployments_on_mariadb
    from stock_assets_tests.servers import why_no_mariadb

    reason = why_no_mariadb()
    if reason is not None:
        raise pytest.UsageError(f"--database mariadb {reason}")
    running = ExitStack()
    running.enter_context(deployments_on_mariadb())
    config.add_cleanup(running.close)


def pytest_report_header(config: pytest.Config) -> str:
    return f"deployments on: {config.getoption('--database')}"


@pytest.fixture
def sqlite_alone(pytestconfig: pytest.Config) -> None:
    """Skip a test that is about SQLite's files where deployments have none."""
    if pytestconfig.getoption("--database") != "sqlite":
        pytest.skip("is about SQLite's files, and deployments are on MariaDB")


@pytest.fixture(scope="session")
def mariadb() -> "Iterator[MariaDbServer]":
    """A private MariaDB server for the whole session, which a test may stop and start again."""
    from stock_assets_tests.servers import mariadb_server, why_no_mariadb

    reason = why_no_mariadb()
    if reason is not None:
        pytest.skip(reason)
    # Not below pytest's folder: the path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="mariadb-") as folder, mariadb_server(Path(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def priced_world(tmp_path_factory: pytest.TempPathFactory) -> "World":
    """With all prices."""
    from stock_assets_tests.worlds import World, load_prices

    world = World.install(tmp_path_factory.mktemp("priced") / "world")
    load_prices(world)
    return world


@pytest.fixture(scope="session")
def trained_world(priced_world: "World", tmp_path_factory: pytest.TempPathFactory) -> "World":
    """With the networks of CUTOFFS besides."""
    from stock_assets_tests.worlds import CUTOFFS

    world = priced_world.copy(tmp_path_factory.mktemp("trained") / "world")
    for cutoff in CUTOFFS:
        world.train(cutoff)
    return world


@pytest.fixture(scope="session")
def finished_world(trained_world: "World", tmp_path_factory: pytest.TempPathFactory) -> "World":
    """With the predictions and weights of all trading days besides."""
    world = trained_world.copy(tmp_path_factory.mktemp("finished") / "world")
    world.predict(world.days)
    world.weigh(world.days)
    return world


@pytest.fixture
def world(finished_world: "World", tmp_path: Path) -> "World":
    """A finished deployment of the test's own."""
    return finished_world.copy(tmp_path / "world")


@pytest.fixture
def unpredicted(trained_world: "World", tmp_path: Path) -> "World":
    """A deployment of the test's own that has prices and networks alone."""
    return trained_world.copy(tmp_path / "world")


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> "tuple[Workplace, Ended]":
    """A universe that the command line has brought up to date from nothing, and what it printed.

    It is made once for all processes of a session, and must be copied before anything is changed.
    """
    from stock_assets_tests.commands import finished_workplace

    own = tmp_path_factory.getbasetemp()
    return finished_workplace(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture
def finished(first_run: "tuple[Workplace, Ended]", tmp_path: Path) -> "Workplace":
    """A universe that is up to date, of the test's own."""
    return first_run[0].copy(tmp_path / "workplace")


@pytest.fixture
def workplace(tmp_path: Path) -> "Workplace":
    """A universe with its configuration and its prices, before anything was done."""
    from stock_assets_tests.commands import Workplace

    return Workplace.install(tmp_path / "workplace")
