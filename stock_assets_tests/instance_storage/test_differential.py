"""The same jobs on Dagster's stock storage and on this package's: the same is stored and read back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.partition_status_cache import AssetPartitionStatus

from stock_assets.instance_storage.batches import BATCHED_EVENT_TYPES, BatchedEventLogStorage
from stock_assets_tests.instance_storage import jobs
from stock_assets_tests.instance_storage.instances import batched_instance, stock_instance
from stock_assets_tests.instance_storage.pages import all_pages
from stock_assets_tests.instance_storage.readbacks import everything, of_asset, of_checks
from stock_assets_tests.instance_storage.stored_rows import stored_rows
from stock_assets_tests.servers import MariaDbServer

# Small, so that the planned events of a run and the events of an output need several batches.
BATCH_SIZE = 7


class Tape:
    """What Dagster handed to an event log, call by call."""

    def __init__(self, log: SqlEventLogStorage) -> None:
        self.calls: list[list[dg.EventLogEntry]] = []
        self._log = log
        self._store_event, self._store_event_batch = log.store_event, log.store_event_batch
        log.store_event, log.store_event_batch = self._one, self._batch

    def _one(self, event: dg.EventLogEntry) -> None:
        self.calls.append([event])
        self._store_event(event)

    def _batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        count = len(self.calls)
        self._store_event_batch(events)
        # A batch that took the stock path has come by `_one` as well.
        self.calls[count:] = [list(events)]

    @property
    def batches(self) -> list[list[dg.EventLogEntry]]:
        return [call for call in self.calls if len(call) > 1]


@dataclass(frozen=True)
class Compared:
    """The jobs have run on both instances; a third event log has the events of the batched one."""

    stock: dg.DagsterInstance
    batched: dg.DagsterInstance
    tape: Tape
    replayed: SqlEventLogStorage


@pytest.fixture(scope="module", params=["sqlite", pytest.param("mariadb", marks=pytest.mark.needs_binary)])
def compared(request: pytest.FixtureRequest, homes: Path) -> Iterator[Compared]:
    folder = homes / request.param
    urls: dict[str, str | None] = dict.fromkeys(("stock", "batched", "replayed"))
    if request.param == "mariadb":
        server: MariaDbServer = request.getfixturevalue("mariadb")
        urls = {name: server.create_database(f"dagster_{name}") for name in urls}
    with pytest.MonkeyPatch.context() as patch:
        jobs.Attempts.count.clear()
        stock = stock_instance(folder / "stock", urls["stock"], patch)
        jobs.run_all(stock)
        jobs.Attempts.count.clear()
        batched = batched_instance(folder / "batched", urls["batched"], patch, BATCH_SIZE)
        tape = Tape(_log(batched))
        jobs.run_all(batched)
        replayed = stock_instance(folder / "replayed", urls["replayed"], patch)
        for call in tape.calls:
            for event in call:
                replayed.event_log_storage.store_event(event)
        yield Compared(stock, batched, tape, _log(replayed))
        for instance in (stock, batched, replayed):
            instance.dispose()


def _log(instance: dg.DagsterInstance) -> SqlEventLogStorage:
    log = instance.event_log_storage
    assert isinstance(log, SqlEventLogStorage)
    return log


def instance_status(
    instance: dg.DagsterInstance, key: dg.AssetKey
) -> Mapping[str, AssetPartitionStatus | None]:
    status = instance.get_status_by_partition(key, jobs.DAYS.get_partition_keys(), jobs.DAYS)
    assert status is not None
    return status


def test_the_compared_runs_used_batches_of_every_kind(compared: Compared) -> None:
    assert isinstance(compared.batched.event_log_storage, BatchedEventLogStorage)
    assert not isinstance(compared.stock.event_log_storage, BatchedEventLogStorage)
    seen = [{event.get_dagster_event().event_type for event in batch} for batch in compared.tape.batches]
    assert set().union(*seen) == BATCHED_EVENT_TYPES
    assert any(len(types) > 1 for types in seen), "no batch mixed planned assets and planned checks"
    assert max(map(len, compared.tape.batches)) == BATCH_SIZE


def test_the_rows_of_every_table_are_those_of_the_stock_storage(compared: Compared) -> None:
    rows = stored_rows(_log(compared.batched))
    assert rows == stored_rows(compared.replayed)
    assert {table for table, found in rows.items() if found} >= {
        "event_logs",
        "asset_keys",
        "asset_event_tags",
        "asset_check_executions",
    }


def test_what_is_read_back_is_what_the_stock_storage_gives(compared: Compared) -> None:
    assert everything(compared.batched) == everything(compared.stock)


def test_the_compared_runs_left_every_state_of_a_partition(compared: Compared) -> None:
    keys = (dg.AssetKey("alpha"), dg.AssetKey("after"))
    found = [set(instance_status(compared.batched, key).values()) for key in keys]
    assert set().union(*found) == {None, *AssetPartitionStatus}


def test_the_pages_of_the_ui_are_those_of_the_stock_storage(compared: Compared) -> None:
    pages = all_pages(compared.batched)
    assert pages == all_pages(compared.stock)
    assert len(pages["logs"]) == len(jobs.RUNS) + 1


def test_wiping_an_asset_leaves_what_the_stock_storage_leaves(compared: Compared) -> None:
    for instance in (compared.stock, compared.batched):
        instance.wipe_assets([dg.AssetKey("beta")])
        jobs.Run("days", tags=jobs.days("2022-01-04", "2022-01-06")).execute(instance, jobs.run_id(100))
    beta = dg.AssetKey("beta")
    assert of_asset(compared.batched, beta) == of_asset(compared.stock, beta)
    assert of_checks(compared.batched) == of_checks(compared.stock)
    assert compared.batched.get_materialized_partitions(beta) == {
        "2022-01-04",
        "2022-01-05",
        "2022-01-06",
    }
