"""``stage1_predictions``: what the networks predicted at the decision time of each trading day."""

import datetime as dt
from collections.abc import Iterable

import pandas as pd
import sqlalchemy as sa

from stock_assets.storage.partitions import (
    delete_days,
    insert_rows,
    plain_dates,
    refuse_others,
    select_days,
)
from stock_assets.storage.rows import read_frame, to_records
from stock_assets.storage.run_workers import fence_days
from stock_assets.storage.schema import stage1_predictions

#: What makes it the same prediction: ``live`` survives as long as none of these changes.
_SUBSTANCE = ("predicted_return", "as_of_session", "model_cutoff", "model_id")


def replace_predictions(
    connection: sa.Connection,
    days: Iterable[dt.date],
    predictions: pd.DataFrame,
    *,
    instruments: Iterable[str],
    computed_at: dt.datetime,
    run_id: str,
) -> None:
    """Replace the predictions of exactly these trading days and instruments.

    A prediction that was live stays so when it is computed again with the same result.

    Parameters
    ----------
    connection : Connection
        The caller's transaction.
    days : iterable of date
        Trading days that were predicted; one without a row loses its rows.
    predictions : DataFrame, shape (n_predictions, 7)
        ``date``, ``instrument``, ``predicted_return`` (decimal total return over the horizon),
        ``as_of_session``, ``model_cutoff``, ``model_id`` and ``live``.
    instruments : iterable of str
        Instruments that were predicted; the rows of the others stay.
    computed_at : datetime
        Now, with a time zone.
    run_id : str
        Dagster run that predicted them.

    Raises
    ------
    InvalidRow
        For a prediction that is not finite, one of another day or instrument, or a key that occurs twice.
    OutdatedRun
        If a newer run has written one of the rows, or the run was ended.
    """
    written, predicted = plain_dates(days), set(instruments)
    table = stage1_predictions
    records = to_records(predictions, table, {"computed_at": computed_at, "run_id": run_id})
    refuse_others(records, table.c.date, set(written))
    refuse_others(records, table.c.instrument, predicted)
    own = table.c.instrument.in_(sorted(predicted))
    fence_days(connection, run_id, table.c.date, written, own)
    live = {
        (row["date"], row["instrument"]): row
        for row in select_days(connection, sa.select(table).where(table.c.live), table.c.date, written)
    }
    for record in records:
        before = live.get((record["date"], record["instrument"]))
        if before is not None and all(record[name] == before[name] for name in _SUBSTANCE):
            record["live"] = True
    delete_days(connection, table.c.date, written, own)
    insert_rows(connection, table, records)


def read_predictions(connection: sa.Connection, first: dt.date, last: dt.date) -> pd.DataFrame:
    """Return the predictions from ``first`` to ``last``, both included.

    Returns
    -------
    DataFrame, shape (n_predictions, 9)
        Columns of the table ``stage1_predictions``, in the order of ``date`` and ``instrument``.
    """
    table = stage1_predictions
    statement = (
        sa.select(table).where(table.c.date.between(first, last)).order_by(table.c.date, table.c.instrument)
    )
    return read_frame(connection, statement)
