"""Event log storage that writes a batch of asset events in one transaction.

With ``DAGSTER_EVENT_BATCH_SIZE`` set, Dagster hands the planned and materialization events of a range of
partitions over in batches, but its SQLite and MySQL storages still write one event a transaction: nearly all
of the time goes to waiting for the disk and to statements that are repeated for every event.

What is stored is what the stock storage stores. The event rows go in as they are, in their order. Of the rows
that are kept once an asset, only the last state is written: each kind of event sets a fixed group of columns
of the asset's row, so the last event of each kind leaves what all of them one after the other would leave.

Nothing is lost in durability: the databases' own settings stay as Dagster makes them (SQLite: write-ahead log
with ``synchronous=FULL``), so a batch that is stored is on the disk. A process that is killed before that has
stored none of the batch, as if it had been killed before the batch's first event.
"""

import os
import threading
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TypedDict

from dagster import AssetKey, DagsterEventType, EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorage
from sqlalchemy.engine import Connection

BATCH_SIZE_VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
# Large enough that the commit no longer counts, small enough that a batch of events with pictures (40 KB
# each) stays at some 20 MB.
BATCH_SIZE = 500

ASSET_EVENT_TYPES = frozenset(
    {
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        DagsterEventType.ASSET_MATERIALIZATION,
        DagsterEventType.ASSET_OBSERVATION,
    }
)
BATCHED_EVENT_TYPES = ASSET_EVENT_TYPES | {DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED}


class EventRow(TypedDict):
    """One row of Dagster's table ``event_logs``, all but its id."""

    run_id: str
    event: str
    dagster_event_type: str | None
    timestamp: object
    step_key: str | None
    asset_key: str | None
    partition: str | None


class BatchedEventLogStorage(SqlEventLogStorage):
    """Mixin that gives a SQL event log storage a `store_event_batch` with one transaction a batch.

    A batch that holds anything but planned events, materializations and observations of one run takes the
    stock path, as does every event that Dagster hands over alone.

    A subclass calls this constructor before that of the storage, which already asks for connections.
    """

    def __init__(self) -> None:
        # Dagster buffers events only if this variable is set; here it reaches every process that writes any.
        os.environ.setdefault(BATCH_SIZE_VARIABLE, str(BATCH_SIZE))
        self._batch = threading.local()

    @abstractmethod
    def event_batch_transaction(
        self, run_id: str, rows: Sequence[EventRow]
    ) -> AbstractContextManager[tuple[Connection, Sequence[int]]]:
        """Insert event rows, give the connection to the index tables and the rows' ids, commit at the end.

        Parameters
        ----------
        run_id : str
            The run that all rows belong to.
        rows : sequence of EventRow
            Rows in the order in which their ids rise.
        """

    @contextmanager
    def index_connection(self) -> Iterator[Connection]:
        """Give a connection to the cross-run tables: within a batch the batch's own, which joins it."""
        joined: Connection | None = getattr(self._batch, "connection", None)
        if joined is not None:
            yield joined
        else:
            with super().index_connection() as connection:
                yield connection

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events that belong together.

        Parameters
        ----------
        events : sequence of EventLogEntry
            The events in their order. When this raises, the tables about assets hold nothing of them, and
            Dagster stores them one at a time.
        """
        if _is_batch_of_one_run(events):
            self.write_batch(events)
        else:
            super().store_event_batch(events)

    def write_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store planned events, materializations and observations of one run, all of them or none."""
        rows = [EventRow(**self._event_to_row(event)) for event in events]
        with self.event_batch_transaction(events[0].run_id, rows) as (connection, event_ids):
            self._batch.connection = connection
            try:
                self._store_rows_about_assets(events, event_ids)
            finally:
                self._batch.connection = None

    def _store_rows_about_assets(self, events: Sequence[EventLogEntry], event_ids: Sequence[int]) -> None:
        asset_events = [
            (event, event_id)
            for event, event_id in zip(events, event_ids, strict=True)
            if _event_type(event) in ASSET_EVENT_TYPES
        ]
        self.store_asset_event_tags(
            [event for event, _ in asset_events], [event_id for _, event_id in asset_events]
        )
        for event, event_id in _last_of_each_kind(asset_events):
            self.store_asset_event(event, event_id)
        for event, event_id in zip(events, event_ids, strict=True):
            if _event_type(event) is DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
                self.store_asset_check_event(event, event_id)


def _event_type(event: EventLogEntry) -> DagsterEventType | None:
    return event.dagster_event.event_type if event.dagster_event else None


def _is_batch_of_one_run(events: Sequence[EventLogEntry]) -> bool:
    return len({event.run_id for event in events}) == 1 and all(
        _event_type(event) in BATCHED_EVENT_TYPES for event in events
    )


def _last_of_each_kind(events: Sequence[tuple[EventLogEntry, int]]) -> Iterator[tuple[EventLogEntry, int]]:
    """Give the last event of each asset and kind: assets as they first appear, an asset's events in order.

    The order in which assets first appear is the order in which the stock storage creates their rows.
    """
    last: dict[AssetKey, dict[DagsterEventType, tuple[EventLogEntry, int]]] = {}
    for event, event_id in events:
        asset_event = event.get_dagster_event()
        if asset_event.asset_key is not None:
            last.setdefault(asset_event.asset_key, {})[asset_event.event_type] = (event, event_id)
    for by_type in last.values():
        yield from sorted(by_type.values(), key=lambda pair: pair[1])
