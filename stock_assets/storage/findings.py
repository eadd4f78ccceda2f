"""``findings``: what the quality checks found, a row a bar and kind."""

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
from stock_assets.storage.rows import Record, read_frame, to_records
from stock_assets.storage.run_workers import fence_days
from stock_assets.storage.schema import findings as findings_table

_Key = tuple[str, dt.date, str]


def replace_findings(
    connection: sa.Connection,
    days: Iterable[dt.date],
    findings: pd.DataFrame,
    *,
    instruments: Iterable[str],
    run_id: str,
    found_at: dt.datetime,
) -> None:
    """Replace the findings of exactly these trading days and instruments.

    A finding that is found again keeps the time at which it was found first. A released finding stays
    as it is, found again or not.

    Parameters
    ----------
    connection : Connection
        The caller's transaction.
    days : iterable of date
        Trading days that were checked.
    findings : DataFrame, shape (n_findings, 7)
        ``instrument``, ``session``, ``kind``, ``trading_day``, ``severity`` (warning, blocked or held),
        ``detail`` and ``value`` (may be missing).
    instruments : iterable of str
        Instruments that were checked; the findings of the others stay.
    run_id : str
        Dagster run that found them.
    found_at : datetime
        Now, with a time zone.

    Raises
    ------
    InvalidRow
        For another severity, a finding of another day or instrument, or a bar and kind that occur twice.
    OutdatedRun
        If a newer run has written one of the rows, or the run was ended.
    """
    checked, own = plain_dates(days), set(instruments)
    table = findings_table
    records = to_records(findings, table, {"run_id": run_id, "found_at": found_at})
    refuse_others(records, table.c.trading_day, set(checked))
    refuse_others(records, table.c.instrument, own)
    replaced = (table.c.released_at.is_(None), table.c.instrument.in_(sorted(own)))
    fence_days(connection, run_id, table.c.trading_day, checked, *replaced)
    stored = _stored(connection, checked, records)
    released = {key for key, row in stored.items() if row["released_at"] is not None}
    new = [record for record in records if _key_of(record) not in released]
    for record in new:
        if _key_of(record) in stored:
            record["found_at"] = stored[_key_of(record)]["found_at"]
    delete_days(connection, table.c.trading_day, checked, *replaced)
    _delete_moved(connection, stored, new, checked)
    insert_rows(connection, table, new)


def read_findings(connection: sa.Connection, first: dt.date, last: dt.date) -> pd.DataFrame:
    """Return the findings of the trading days from ``first`` to ``last``, both included.

    Returns
    -------
    DataFrame, shape (n_findings, 12)
        Columns of the table ``findings``, in the order of trading day, instrument, session and kind.
    """
    table = findings_table
    statement = (
        sa.select(table)
        .where(table.c.trading_day.between(first, last))
        .order_by(table.c.trading_day, table.c.instrument, table.c.session, table.c.kind)
    )
    return read_frame(connection, statement)


def _stored(
    connection: sa.Connection, days: list[dt.date], records: list[Record]
) -> dict[_Key, sa.RowMapping]:
    """Return the stored findings of the days, and those with a key that is about to be written."""
    table = findings_table
    rows = select_days(connection, sa.select(table), table.c.trading_day, days)
    sessions = sorted({record["session"] for record in records})
    rows += select_days(connection, sa.select(table), table.c.session, sessions)
    return {_key_of(row): row for row in rows}


def _delete_moved(
    connection: sa.Connection, stored: dict[_Key, sa.RowMapping], new: list[Record], days: list[dt.date]
) -> None:
    """Delete rows with a key to be written that belong to another day.

    A bar moves to another trading day when its publication lag is configured anew.
    """
    table = findings_table
    for record in new:
        row = stored.get(_key_of(record))
        if row is not None and row["trading_day"] not in days:
            instrument, session, kind = _key_of(record)
            connection.execute(
                sa.delete(table).where(
                    table.c.instrument == instrument, table.c.session == session, table.c.kind == kind
                )
            )


def _key_of(row: Record | sa.RowMapping) -> _Key:
    return row["instrument"], row["session"], row["kind"]
