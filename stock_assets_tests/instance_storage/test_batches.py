"""A batch leaves in the tables what its events leave one by one, or nothing at all."""

import multiprocessing
import tempfile
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_assets.instance_storage.sqlite import BatchedSqliteEventLogStorage
from stock_assets_tests.instance_storage import events
from stock_assets_tests.instance_storage.statements import before_each_statement
from stock_assets_tests.instance_storage.stored_rows import Rows, stored_rows

assets = st.sampled_from(["alpha", "beta", "gamma"])
partitions = st.sampled_from([None, "2022-01-03", "2022-01-04", "코스피|2022"])
tags = st.dictionaries(
    st.sampled_from(["dagster/data_version", "dagster/partition/day", "owner"]),
    st.text("ab1.", max_size=3),
    max_size=3,
)
any_event = st.one_of(
    st.builds(events.materialization, assets, partitions, tags, timestamp=st.floats(1.6e9, 1.7e9)),
    st.builds(events.observation, assets, partitions, tags, timestamp=st.floats(1.6e9, 1.7e9)),
    st.builds(events.planned, assets, partitions, timestamp=st.floats(1.6e9, 1.7e9)),
    st.builds(events.planned_check, assets, st.sampled_from(["finite", "complete"])),
)


@pytest.fixture
def log(homes: Path) -> Iterator[BatchedSqliteEventLogStorage]:
    with tempfile.TemporaryDirectory(dir=homes) as folder:
        yield BatchedSqliteEventLogStorage(folder)


@given(st.lists(st.lists(any_event, min_size=1, max_size=8), min_size=1, max_size=4))
@settings(max_examples=12, deadline=None, derandomize=True)
def test_batches_leave_the_rows_that_single_events_leave(batches: list[list[dg.EventLogEntry]]) -> None:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        batched = BatchedSqliteEventLogStorage(f"{folder}/batched")
        stock = SqliteEventLogStorage(f"{folder}/stock")
        for batch in batches:
            batched.store_event_batch(batch)
            for event in batch:
                stock.store_event(event)
        assert stored_rows(batched) == stored_rows(stock)


def test_the_assets_of_a_batch_are_created_in_the_order_of_their_first_events(
    log: BatchedSqliteEventLogStorage,
) -> None:
    log.store_event_batch([events.planned("b"), events.planned("a"), events.planned("b", "2022-01-03")])
    assert [row["asset_key"] for row in stored_rows(log)["asset_keys"]] == ['["b"]', '["a"]']


@pytest.mark.parametrize(
    "batch",
    [
        [events.planned("a"), events.step_start()],
        [events.planned("a"), events.planned("b", run_id="another")],
    ],
    ids=["an event that no batch may hold", "events of two runs"],
)
def test_any_other_batch_takes_the_stock_path(
    log: BatchedSqliteEventLogStorage, batch: list[dg.EventLogEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[dg.EventLogEntry] = []
    monkeypatch.setattr(log, "store_event", stored.append)
    log.store_event_batch(batch)
    assert stored == batch


def test_a_batch_that_fails_leaves_nothing(
    log: BatchedSqliteEventLogStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.store_event_batch([events.planned("a"), events.planned("b")])
    before = stored_rows(log)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(log, "store_asset_check_event", fail)
    with pytest.raises(OSError, match="disk full"):
        log.store_event_batch([events.materialization("a"), events.planned_check("a", "finite")])
    assert stored_rows(log) == before
    monkeypatch.undo()
    log.store_event_batch([events.materialization("a"), events.materialization("c")])
    assert len(stored_rows(log)["event_logs"]) == 4


def test_a_batch_repeats_no_statement_for_each_event(log: BatchedSqliteEventLogStorage) -> None:
    log.store_event_batch([events.planned("a"), events.planned("b")])  # makes the tables of the run
    written: list[str] = []
    with before_each_statement(lambda _, statement: written.append(statement)):
        log.store_event_batch([events.materialization("a", f"2022-{day}") for day in range(50)])
    assert sum("INSERT INTO event_logs" in statement for statement in written) == 2, "one a file"
    assert sum("INSERT INTO asset_keys" in statement for statement in written) == 1
    assert len(written) < 15, written


def _write_batches(folder: str, asset: str, count: int) -> None:
    log = BatchedSqliteEventLogStorage(folder)
    for number in range(count):
        log.store_event_batch([events.materialization(asset, f"{number}-{n}") for n in range(20)])


def test_processes_that_write_batches_of_one_run_at_once_lose_nothing(homes: Path) -> None:
    with tempfile.TemporaryDirectory(dir=homes) as folder:
        log = BatchedSqliteEventLogStorage(folder)
        context = multiprocessing.get_context("spawn")
        writers = [context.Process(target=_write_batches, args=(folder, name, 10)) for name in ("a", "b")]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
            assert writer.exitcode == 0
        rows = stored_rows(log)
        assert len(rows["event_logs"]) == len(rows[f"{events.RUN_ID}.db"]) == 400
        for name in ("a", "b"):
            _assert_last_event_is_noted(rows, name)


def _assert_last_event_is_noted(rows: Rows, asset: str) -> None:
    key = f'["{asset}"]'
    last = max(row["id"] for row in rows["event_logs"] if row["asset_key"] == key)
    (kept,) = (row for row in rows["asset_keys"] if row["asset_key"] == key)
    assert f'"storage_id": {last}' in str(kept["last_materialization"])


def test_a_watcher_sees_the_events_of_a_batch_in_their_order(log: BatchedSqliteEventLogStorage) -> None:
    first, second = ([events.planned("a", f"{n}-{day}") for day in range(3)] for n in (1, 2))
    log.store_event_batch(first)
    cursor = log.get_records_for_run(events.RUN_ID).cursor
    log.store_event_batch(second)
    after = log.get_records_for_run(events.RUN_ID, cursor)
    assert [record.event_log_entry for record in after.records] == second
    everything = log.get_records_for_run(events.RUN_ID, limit=4)
    assert [record.event_log_entry for record in everything.records] == [*first, second[0]]
    assert everything.has_more
