"""What a materialization costs the event log: Dagster's own storage beside this package's, on both databases.

Run it from the project's root: ``python -m benchmarks.event_log``. The same run, a range of partitions of
several assets, is executed on each storage. "Stored" is the time within the event log for the planned and the
materialization events, per materialization; "run" is the whole run. The stock storage's cost does not depend
on the length of the range, so it gets a shorter one unless told otherwise. MariaDB flushes its log at each
commit, as it does by default.
"""

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import dagster as dg
import yaml
from dagster._core.storage.event_log import EventLogStorage
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure
from stock_assets.instance_storage.batches import BATCH_SIZE_VARIABLE, BATCHED_EVENT_TYPES
from stock_assets.settings import DATABASE_URL_VARIABLE
from stock_assets_tests.servers import MariaDbServer, mariadb_server, why_no_mariadb

DURABLE = ("--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=ON")
LIMIT_MS = {"SQLite": 1.0, "MariaDB": 1.5}
LEAST_RATIO = 8.0
DAYS = dg.DailyPartitionsDefinition("2015-01-01")


@dataclass(frozen=True)
class Cost:
    """What one run cost.

    Attributes
    ----------
    materializations : int
        Partitions times assets.
    stored_seconds : float
        Time within the event log for planned and materialization events.
    run_seconds : float
        Time of the whole run, in one process.
    """

    materializations: int
    stored_seconds: float
    run_seconds: float

    @property
    def stored_ms(self) -> float:
        """Milliseconds that one materialization takes to be planned and stored."""
        return 1000 * self.stored_seconds / self.materializations

    @property
    def run_ms(self) -> float:
        """Milliseconds of the run for one materialization."""
        return 1000 * self.run_seconds / self.materializations


class StopWatch:
    """Adds up the time that an event log needs for the events of assets."""

    def __init__(self, log: EventLogStorage) -> None:
        self.seconds = 0.0
        self._running = False
        self._store_event, self._store_event_batch = log.store_event, log.store_event_batch
        log.store_event = self._one
        log.store_event_batch = self._many

    def _one(self, event: dg.EventLogEntry) -> None:
        self._timed(lambda: self._store_event(event), [event])

    def _many(self, events: Sequence[dg.EventLogEntry]) -> None:
        self._timed(lambda: self._store_event_batch(events), events)

    def _timed(self, store: Callable[[], None], events: Sequence[dg.EventLogEntry]) -> None:
        kinds = {event.dagster_event.event_type for event in events if event.dagster_event}
        if self._running or not kinds or not kinds <= BATCHED_EVENT_TYPES:
            store()
            return
        self._running = True
        began = time.perf_counter()
        store()
        self.seconds += time.perf_counter() - began
        self._running = False


def job_of(assets: int) -> dg.JobDefinition:
    """Return a job that materializes a range of days of several assets in one step."""
    keys = [f"asset_{number:02d}" for number in range(assets)]

    @dg.multi_asset(
        specs=[dg.AssetSpec(key, partitions_def=DAYS) for key in keys],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def everything() -> Iterator[dg.MaterializeResult]:
        for key in keys:
            yield dg.MaterializeResult(
                asset_key=key, metadata={"rows": 13, "state": "complete", "mae": 0.0137}
            )

    definitions = dg.Definitions(
        assets=[everything], jobs=[dg.define_asset_job("everything_job", [everything])]
    )
    return definitions.resolve_job_def("everything_job")


@contextmanager
def instance_of(home: Path, storage: Mapping[str, object] | None) -> Iterator[dg.DagsterInstance]:
    """Open a new instance; ``storage`` is what ``dagster.yaml`` says of it."""
    home.mkdir()
    settings: dict[str, object] = {"telemetry": {"enabled": False}}
    if storage is not None:
        settings["storage"] = storage
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
    os.environ["DAGSTER_HOME"] = str(home)
    with dg.DagsterInstance.get() as instance:
        yield instance


def measure(instance: dg.DagsterInstance, partitions: int, assets: int) -> Cost:
    """Execute the run and return its cost."""
    job = job_of(assets)
    keys = DAYS.get_partition_keys()[:partitions]
    watch = StopWatch(instance.event_log_storage)
    began = time.perf_counter()
    job.execute_in_process(
        instance=instance,
        tags={
            "dagster/asset_partition_range_start": keys[0],
            "dagster/asset_partition_range_end": keys[-1],
        },
    )
    seconds = time.perf_counter() - began
    stored = len(instance.get_materialized_partitions(dg.AssetKey("asset_00")))
    if stored != partitions:
        raise RuntimeError(f"{stored} partitions were stored instead of {partitions}")
    return Cost(partitions * assets, watch.seconds, seconds)


def compare(
    folder: Path, mysql_url: Callable[[str], str] | None, stock: tuple[int, int], batched: tuple[int, int]
) -> tuple[Cost, Cost]:
    """Return the costs of the stock storage and of this package's, for (partitions, assets) each."""
    os.environ.pop(BATCH_SIZE_VARIABLE, None)
    os.environ.pop(DATABASE_URL_VARIABLE, None)
    with instance_of(
        folder / "stock", {"mysql": {"mysql_url": mysql_url("stock")}} if mysql_url else None
    ) as own:
        stock_cost = measure(own, *stock)
    if mysql_url is not None:
        os.environ[DATABASE_URL_VARIABLE] = mysql_url("batched")
    custom = {"custom": {"module": "stock_assets.instance_storage", "class": "InstanceStorage"}}
    with instance_of(folder / "batched", custom) as ours:
        return stock_cost, measure(ours, *batched)


def figures(
    folder: Path,
    database: str,
    server: MariaDbServer | None,
    stock: tuple[int, int],
    batched: tuple[int, int],
) -> list[Figure]:
    """Return what a materialization costs in a new folder, for (partitions, assets) each.

    Parameters
    ----------
    database : str
        ``"SQLite"`` or ``"MariaDB"``, which is the server's.
    """
    folder.mkdir()
    stocks, own = compare(folder, server.create_database if server else None, stock, batched)
    partitions, assets = batched
    return [
        Figure(
            f"event log, a materialization of {partitions} × {assets}",
            own.stored_ms,
            "ms",
            "stock storage",
            stocks.stored_ms,
            f"at most {LIMIT_MS[database]:.1f} ms, {LEAST_RATIO:.0f} times faster",
            _met(database, stocks, own),
        )
    ]


@click.command()
@click.option("--partitions", default=1000, show_default=True, help="Length of the range.")
@click.option("--assets", default=20, show_default=True)
@click.option("--stock-partitions", default=100, show_default=True, help="Length for the stock storage.")
@click.option("--sqlite-only", is_flag=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the databases lie; the disk counts.")
def main(partitions: int, assets: int, stock_partitions: int, sqlite_only: bool, folder: Path | None) -> None:
    """Print what a materialization costs on each storage."""
    logging.disable(logging.ERROR)
    console = Console()
    table = Table(title=f"{partitions} partitions of {assets} assets, milliseconds a materialization")
    for heading in (
        "database",
        "stock: stored",
        "batched: stored",
        "limit",
        "times faster",
        "stock: run",
        "batched: run",
    ):
        table.add_column(heading, justify="left" if heading == "database" else "right")
    reason = "not asked for" if sqlite_only else why_no_mariadb()
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="event-log-", dir=folder)))
        (root / "sqlite").mkdir()
        costs = {"SQLite": compare(root / "sqlite", None, (stock_partitions, assets), (partitions, assets))}
        if reason is None:
            (root / "mariadb").mkdir()
            server = stack.enter_context(mariadb_server(root / "mariadb", *DURABLE))
            costs["MariaDB"] = compare(
                root, server.create_database, (stock_partitions, assets), (partitions, assets)
            )
    for database, (stock, batched) in costs.items():
        table.add_row(database, *_figures(database, stock, batched))
    console.print(table)
    if reason is not None:
        console.print(f"MariaDB was not measured: {reason}")


def _figures(database: str, stock: Cost, batched: Cost) -> list[str]:
    met = _met(database, stock, batched)
    ratio = stock.stored_ms / batched.stored_ms
    return [
        f"{stock.stored_ms:.2f}",
        f"{batched.stored_ms:.2f}",
        f"{LIMIT_MS[database]:.1f}",
        f"{ratio:.0f}{'' if met else ' (limit missed)'}",
        f"{stock.run_ms:.2f}",
        f"{batched.run_ms:.2f}",
    ]


def _met(database: str, stock: Cost, batched: Cost) -> bool:
    return batched.stored_ms <= min(LIMIT_MS[database], stock.stored_ms / LEAST_RATIO)


if __name__ == "__main__":
    main()
