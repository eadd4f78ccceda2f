"""``outcomes``: what became of each daily asset on each trading day."""

import datetime as dt

import pandas as pd
import sqlalchemy as sa

from stock_assets.storage.partitions import delete_days, insert_rows
from stock_assets.storage.rows import read_frame, to_records
from stock_assets.storage.run_workers import fence_days
from stock_assets.storage.schema import outcomes as outcomes_table


def write_outcomes(
    connection: sa.Connection, outcomes: pd.DataFrame, *, computed_at: dt.datetime, run_id: str
) -> None:
    """Replace the rows of exactly the days and assets in ``outcomes``.

    Write it in the transaction that writes the asset's own rows: it is what says that a day is done.

    Parameters
    ----------
    connection : Connection
        The caller's transaction.
    outcomes : DataFrame, shape (n_outcomes, 5)
        ``date``, ``asset``, ``status`` (published, no_model, waiting, closed or refused), ``reason``
        (may be missing) and ``rows`` (the number of rows that the asset has for the day).
    computed_at : datetime
        Now, with a time zone.
    run_id : str
        Dagster run that writes them.

    Raises
    ------
    InvalidRow
        For another status, or a day and asset that occur twice.
    OutdatedRun
        If a newer run has written one of the rows, or the run was ended.
    """
    table = outcomes_table
    records = to_records(outcomes, table, {"computed_at": computed_at, "run_id": run_id})
    for asset in sorted({record["asset"] for record in records}):
        days = [record["date"] for record in records if record["asset"] == asset]
        fence_days(connection, run_id, table.c.date, days, table.c.asset == asset)
        delete_days(connection, table.c.date, days, table.c.asset == asset)
    insert_rows(connection, table, records)


def read_outcomes(
    connection: sa.Connection, first: dt.date, last: dt.date, asset: str | None = None
) -> pd.DataFrame:
    """Return the outcomes from ``first`` to ``last``, both included, of one asset or of all.

    Returns
    -------
    DataFrame, shape (n_outcomes, 7)
        Columns of the table ``outcomes``, in the order of ``date`` and ``asset``.
    """
    table = outcomes_table
    statement = sa.select(table).where(table.c.date.between(first, last)).order_by(*table.primary_key)
    if asset is not None:
        statement = statement.where(table.c.asset == asset)
    return read_frame(connection, statement)
