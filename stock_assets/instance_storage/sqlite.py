"""Dagster's SQLite event log with batches: one file for each run and one index file over all runs."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from dagster._core.storage.event_log import SqlEventLogStorageTable, SqliteEventLogStorage
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stock_assets.instance_storage.batches import BatchedEventLogStorage, EventRow


class BatchedSqliteEventLogStorage(BatchedEventLogStorage, SqliteEventLogStorage):
    """Dagster's SQLite event log that writes a batch in one transaction a file.

    The run's file commits first, then the index, in the stock storage's order: whatever the index tells of a
    run is in the run's log. Both transactions are complete before the first commits, so that only a process
    killed between the two commits leaves a batch that the run's log holds and the index does not. The stock
    storage leaves one such event when it is killed there.

    Parameters
    ----------
    base_dir : str
        Folder of the files: ``index.db`` and one file a run.
    """

    def __init__(self, base_dir: str) -> None:
        BatchedEventLogStorage.__init__(self)
        SqliteEventLogStorage.__init__(self, base_dir)
        # A batch holds connections to two files at once, and the stock lock admits one a thread.
        self._db_lock = cast(threading.Lock, threading.RLock())

    @contextmanager
    def event_batch_transaction(
        self, run_id: str, rows: Sequence[EventRow]
    ) -> Iterator[tuple[Connection, Sequence[int]]]:
        """Insert event rows into both files and give the index file's connection and the rows' ids in it."""
        insert = SqlEventLogStorageTable.insert()
        # The inner block ends, and commits, first.
        with self.index_connection() as index, self.run_connection(run_id) as run:
            run.execute(insert, list(rows))
            index.execute(insert, list(rows))
            # Nobody else writes to the file until this transaction ends, so the ids follow each other.
            last_id = index.execute(text("SELECT last_insert_rowid()")).scalar_one()
            yield index, range(last_id - len(rows) + 1, last_id + 1)

    def delete_events(self, run_id: str) -> None:
        """Delete a run's events, and its file, which the stock storage leaves behind empty."""
        super().delete_events(run_id)
        with self._db_lock:
            for ending in ("", "-wal", "-shm"):
                Path(f"{self.path_for_shard(run_id)}{ending}").unlink(missing_ok=True)
            self._initialized_dbs.discard(run_id)
