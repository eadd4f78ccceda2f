"""``days``: the state of every trading day."""

import datetime as dt

import pandas as pd
import sqlalchemy as sa

from stock_assets.storage.partitions import delete_days, insert_rows, select_days
from stock_assets.storage.rows import read_frame, to_records
from stock_assets.storage.run_workers import fence_days
from stock_assets.storage.schema import days as days_table


def write_days(
    connection: sa.Connection, states: pd.DataFrame, *, computed_at: dt.datetime, run_id: str
) -> None:
    """Replace the rows of the days in ``states``.

    ``completed_at`` of a day is ``computed_at`` when it reaches a state other than waiting, and stays
    as it is as long as the state does.

    Parameters
    ----------
    connection : Connection
        The caller's transaction.
    states : DataFrame, shape (n_days, 3)
        ``date``, ``state`` (waiting, complete, partial or closed) and ``reason`` (may be missing).
    computed_at : datetime
        Now, with a time zone.
    run_id : str
        Dagster run that writes them.

    Raises
    ------
    InvalidRow
        For another state, or a day that occurs twice.
    OutdatedRun
        If a newer run has written one of the rows, or the run was ended.
    """
    constants = {"completed_at": None, "computed_at": computed_at, "run_id": run_id}
    records = to_records(states, days_table, constants)
    written = [record["date"] for record in records]
    fence_days(connection, run_id, days_table.c.date, written)
    stored = {
        row["date"]: row for row in select_days(connection, sa.select(days_table), days_table.c.date, written)
    }
    for record in records:
        before = stored.get(record["date"])
        if record["state"] == "waiting":
            continue
        stays = before is not None and before["state"] == record["state"]
        record["completed_at"] = before["completed_at"] if before is not None and stays else computed_at
    delete_days(connection, days_table.c.date, written)
    insert_rows(connection, days_table, records)


def read_days(connection: sa.Connection, first: dt.date, last: dt.date) -> pd.DataFrame:
    """Return the stored states from ``first`` to ``last``, both included.

    Returns
    -------
    DataFrame, shape (n_days, 6)
        Columns of the table ``days``, in the order of ``date``.
    """
    date = days_table.c.date
    return read_frame(connection, sa.select(days_table).where(date.between(first, last)).order_by(date))
