"""Prepare what a universe needs before anything runs: once, in one step."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stock_assets.config.operations import Operations
from stock_assets.errors import ConfigurationError, StorageError
from stock_assets.pipeline.deployment import Deployment, open_deployment
from stock_assets.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    import dagster as dg
    import sqlalchemy as sa

INSTANCE_FILE = "dagster.yaml"


def prepare() -> Deployment:
    """Check the configuration, build calendars, make the tables and Dagster's own storage.

    It is safe to run again at any time. Webserver, daemon and code server then find everything made.

    Raises
    ------
    ConfigurationError
        If the configuration is wrong anywhere; nothing has been made then.
    """
    from stock_assets.instance_storage import check_server, initialize
    from stock_assets.storage.engine import create_engine
    from stock_assets.storage.migrate import upgrade

    settings = Settings.from_environment()
    deployment = open_deployment(settings)
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    with _locked(settings, "init.lock", wait=True):
        write_instance_file(settings.state_dir / INSTANCE_FILE, deployment.universe.operations)
        engine = create_engine(settings.database_url)
        # Whoever has mistyped a host hears of it at once: the check below waits for a server that is away.
        with engine.connect():
            pass
        check_server(settings)
        upgrade(engine, deployment.universe.name)
        initialize(settings)
    return deployment


def write_instance_file(path: Path, operations: Operations) -> None:
    """Write the project's ``dagster.yaml`` with the limits of a universe filled in."""
    text = (PROJECT_ROOT / INSTANCE_FILE).read_text(encoding="utf-8")
    for key, value in {
        "max_concurrent_runs": operations.concurrent_runs,
        "max_runtime_seconds": int(operations.run_time_limit.total_seconds()),
    }.items():
        text, found = re.subn(rf"^(\s+{key}:) \d+", rf"\g<1> {value}", text, flags=re.MULTILINE)
        if found != 1:
            raise ConfigurationError(f"{INSTANCE_FILE} has {found} lines with {key}: NUMBER; one is needed.")
    # Whoever opens the instance meanwhile sees the old file or the new one: with half a file, Dagster would
    # take its own SQLite storage.
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def open_prepared() -> "tuple[Deployment, sa.Engine]":
    """Return the deployment and its database, if they have been prepared.

    Raises
    ------
    StorageError
        If not; the message names the command to run.
    """
    from stock_assets.storage.engine import create_engine
    from stock_assets.storage.migrate import require_current

    settings = Settings.from_environment()
    if not (settings.state_dir / INSTANCE_FILE).is_file():
        raise StorageError(f"{settings.state_dir} has not been prepared; run `stock-assets init`.")
    deployment = open_deployment(settings)
    engine = create_engine(settings.database_url)
    require_current(engine, deployment.universe.name)
    return deployment, engine


@contextmanager
def dagster_instance(settings: Settings) -> "Iterator[dg.DagsterInstance]":
    """Open Dagster's instance in the universe's state folder, for this process and its children."""
    import dagster as dg

    os.environ["DAGSTER_HOME"] = str(settings.state_dir)
    with dg.DagsterInstance.get() as instance:
        yield instance


@contextmanager
def only_runner(settings: Settings) -> Iterator[None]:
    """Hold the right to start runs from the command line.

    Raises
    ------
    ConfigurationError
        If another process holds it.
    """
    with _locked(settings, "run.lock", wait=False):
        yield


@contextmanager
def _locked(settings: Settings, name: str, *, wait: bool) -> Iterator[None]:
    path = settings.state_dir / name
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"Another process is bringing {settings.universe} up to date (it holds {path}); wait until "
                "it ends."
            ) from None
        yield
