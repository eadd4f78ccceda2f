"""Dagster's MySQL event log with batches."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from dagster import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorageTable
from dagster_mysql import MySQLEventLogStorage
from sqlalchemy import select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from stock_assets.instance_storage.batches import BatchedEventLogStorage, EventRow
from stock_assets.instance_storage.mysql_connections import (
    PatientMySQLStorage,
    is_lost,
    patiently,
)

# A statement repeats what is in it with quotes escaped, and JSON is full of quotes: twice the size at worst.
# The rest of the room is for the other columns and for a server that counts in UTF-8 bytes.
_PACKET_SHARE = 4
_MAX_STATEMENT_CHARACTERS = 1_000_000
# Few tags of an event are indexed, each of some hundred bytes: the smallest packets hold those of so many.
_TAGGED_EVENTS_PER_STATEMENT = 50


class BatchedMySQLEventLogStorage(BatchedEventLogStorage, PatientMySQLStorage, MySQLEventLogStorage):
    """Dagster's MySQL event log that writes a batch in one transaction and waits for a server that is away.

    A batch, or a single event with what is noted of its asset, that a killed process or a lost connection
    interrupts leaves nothing. Dagster hands over batches
    of several assets sorted by asset, so that batches written at once lock the assets' rows in one order.

    Parameters
    ----------
    mysql_url : str
        SQLAlchemy URL with the driver ``mysql+mysqlconnector``.
    """

    def __init__(self, mysql_url: str) -> None:
        BatchedEventLogStorage.__init__(self)
        MySQLEventLogStorage.__init__(self, mysql_url)
        self.use_own_connections()

    def write_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store the events in one transaction; once more if the server was lost or broke a deadlock by it."""
        write = super().write_batch
        self._store_once(events[0], lambda: write(events))

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event in one transaction, where the stock storage takes two; once more likewise."""
        store = super().store_event

        def store_in_one_transaction() -> None:
            with self.index_connection() as connection:
                self._batch.connection = connection
                try:
                    store(event)
                finally:
                    self._batch.connection = None

        self._store_once(event, store_in_one_transaction)

    @contextmanager
    def run_connection(self, run_id: str | None = None) -> Iterator[Connection]:
        """Give a connection to the table of events: within a transaction of one or more events, theirs."""
        joined: Connection | None = getattr(self._batch, "connection", None)
        if joined is not None:
            yield joined
        else:
            with super().run_connection(run_id) as connection:
                yield connection

    def _store_once(self, event: EventLogEntry, store: Callable[[], None]) -> None:
        """Store what ``event`` is part of, all or nothing, and once more if it was lost."""
        try:
            store()
        except DBAPIError as error:
            if not is_lost(error):
                raise
            # A connection that is lost while it commits does not tell whether it did. One event tells of all.
            if not self._is_stored(event):
                store()

    def _is_stored(self, event: EventLogEntry) -> bool:
        table, row = SqlEventLogStorageTable, self._event_to_row(event)
        found = select(table.c.id).where(table.c.run_id == row["run_id"], table.c.event == row["event"])
        with self.index_connection() as connection:
            return connection.execute(found.limit(1)).first() is not None

    def _store_asset_event_tags(
        self, conn: Connection, events: Sequence[EventLogEntry], event_ids: Sequence[int]
    ) -> None:
        # The driver makes one statement of all rows: those of a whole batch may not fit into a packet.
        for start in range(0, len(events), _TAGGED_EVENTS_PER_STATEMENT):
            part = slice(start, start + _TAGGED_EVENTS_PER_STATEMENT)
            super()._store_asset_event_tags(conn, events[part], event_ids[part])

    def _connect(self) -> AbstractContextManager[Connection]:
        return patiently(super()._connect)

    @contextmanager
    def event_batch_transaction(
        self, run_id: str, rows: Sequence[EventRow]
    ) -> Iterator[tuple[Connection, Sequence[int]]]:
        """Insert event rows, in statements that fit into a packet; give the connection and the rows' ids."""
        with self.index_connection() as connection:
            packet, step = connection.execute(
                text("SELECT @@max_allowed_packet, @@auto_increment_increment")
            ).one()
            event_ids: list[int] = []
            for chunk in statements(rows, min(packet // _PACKET_SHARE, _MAX_STATEMENT_CHARACTERS)):
                inserted = connection.execute(SqlEventLogStorageTable.insert().values(chunk))
                # InnoDB gives the rows of one INSERT ... VALUES consecutive ids, and tells the first.
                event_ids.extend(inserted.lastrowid + step * position for position in range(len(chunk)))
            yield connection, event_ids


def statements(rows: Sequence[EventRow], max_characters: int) -> Iterator[list[EventRow]]:
    """Split rows into lists whose events are at most ``max_characters`` long together, or one event alone."""
    chunk: list[EventRow] = []
    size = 0
    for row in rows:
        if chunk and size + len(row["event"]) > max_characters:
            yield chunk
            chunk, size = [], 0
        chunk.append(row)
        size += len(row["event"])
    if chunk:
        yield chunk
