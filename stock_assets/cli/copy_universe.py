"""Move a universe's tables from the state folder's SQLite file to the database of the environment."""

from pathlib import Path

import sqlalchemy as sa
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from stock_assets.cli.instance import only_runner, prepare
from stock_assets.cli.run_progress import LAUNCH_TAG
from stock_assets.errors import ConfigurationError, StorageError
from stock_assets.instance_storage.storage import unfinished_runs
from stock_assets.settings import DATABASE_URL_VARIABLE, Settings
from stock_assets.storage.copying import CopiedTable, copy_tables
from stock_assets.storage.engine import create_engine, describe
from stock_assets.storage.migrate import upgrade

_DIGITS_SHOWN = 12


def copy_universe() -> None:
    """Copy all tables, compare them, and say what was copied and what stays where it is.

    Raises
    ------
    ConfigurationError
        If the environment names no other database than the state folder's, or there is nothing to copy.
    StorageError
        If a run may still write to the state folder's file, or as ``copy_tables``.
    """
    settings = Settings.from_environment()
    target = create_engine(settings.database_url)
    _refuse_same_file(settings, target)
    if not settings.sqlite_file.is_file():
        raise ConfigurationError(
            f"There is nothing to copy: {settings.sqlite_file} does not exist; check STOCK_ASSETS_UNIVERSE "
            "and STOCK_ASSETS_STATE_DIR."
        )
    console = Console()
    source = create_engine(f"sqlite:///{settings.sqlite_file}")
    with only_runner(settings):
        _refuse_unfinished_runs(settings.state_dir)
        universe = prepare().universe.name
        # An older version of the package may have written the file last.
        upgrade(source, universe)
        with _Bars(console) as bars:
            tables = copy_tables(source, target, universe, bars.show)
    _print(console, settings, target, tables)


def _refuse_same_file(settings: Settings, target: sa.Engine) -> None:
    if target.dialect.name == "sqlite" and Path(target.url.database or "").resolve() == settings.sqlite_file:
        raise ConfigurationError(
            f"{DATABASE_URL_VARIABLE} names no other database than {settings.sqlite_file}, which is what "
            "would be copied; set it to mysql+mysqlconnector://USER:PASSWORD@HOST:PORT/DATABASE."
        )


def _refuse_unfinished_runs(state_dir: Path) -> None:
    """Refuse while the UI has a run; those of the command line are over, since nobody holds its lock."""
    running = [run for run in unfinished_runs(state_dir) if LAUNCH_TAG not in run.tags]
    if running:
        first = running[0]
        raise StorageError(
            f"The run {first.run_id} of {first.job_name} is {first.status.value} and may still "
            f"write to {state_dir}; wait until it ends, or end it in the UI, then copy."
        )


class _Bars:
    """A bar a table, on terminals."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "_Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, table: str, done: int, total: int) -> None:
        """Show how many rows of a table are there."""
        if table not in self._tasks:
            self._tasks[table] = self._progress.add_task(table, total=total)
        self._progress.update(self._tasks[table], completed=done)


def _print(console: Console, settings: Settings, target: sa.Engine, tables: tuple[CopiedTable, ...]) -> None:
    shown = Table(box=None, pad_edge=False)
    shown.add_column("table")
    for name in ("rows", "copied now"):
        shown.add_column(name, justify="right")
    shown.add_column("SHA-256, the same in both")
    for table in tables:
        shown.add_row(table.name, str(table.rows), str(table.copied), table.sha256[:_DIGITS_SHOWN])
    console.print(shown, highlight=False)
    console.print(
        f"\nAll tables of {settings.universe} are in {describe(target)}, and every row was compared.\n"
        f"  Model artefacts stay in {settings.artifact_dir}: keep {settings.state_dir}.\n"
        "  Dagster's history of runs begins anew there. The tables say what is done, so nothing is computed "
        "again; a backfill shows days in the UI again.\n"
        f"  {settings.sqlite_file} stays as it is; nothing reads it while {DATABASE_URL_VARIABLE} is set.",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
