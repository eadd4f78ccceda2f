"""``price_bars``: bars are added and corrected by new revisions, never changed or deleted."""

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd
import sqlalchemy as sa

from stock_assets.market_data.bars import BAR_COLUMNS
from stock_assets.storage.held_bars import HeldBars, may_be_used
from stock_assets.storage.partitions import insert_rows
from stock_assets.storage.rows import Record, read_frame, to_records
from stock_assets.storage.run_workers import fence_rows, fence_run
from stock_assets.storage.schema import price_bars

#: Relative difference up to which two closes of a session are the same, or two dividends, or two splits.
CLOSE_TOLERANCE = 1e-4

_Key = tuple[str, dt.date]
_REVISED_DTYPES = {
    "instrument": "str",
    "session": "datetime64[s]",
    "trading_day": "datetime64[s]",
    "revision": "int64",
    **{f"{age}_{name}": "float64" for name in ("close", "dividend", "split") for age in ("old", "new")},
}


@dataclass(frozen=True, eq=False)
class AppendedBars:
    """What storing bars changed.

    Attributes
    ----------
    added : int
        Number of bars that were not there before.
    revised : DataFrame, shape (n_revised, 10)
        The bars that were corrected, in the order of instrument and session: ``instrument``, ``session``,
        ``trading_day``, the new ``revision``; ``old_close`` and ``new_close`` in the unit of the bar, and
        the same of ``dividend`` and ``split``, 0 where there is none.
    """

    added: int
    revised: pd.DataFrame


def append_bars(
    connection: sa.Connection, bars: pd.DataFrame, *, run_id: str, known_at: dt.datetime
) -> AppendedBars:
    """Store the bars that are new, and a new revision of those that were corrected.

    A bar is corrected if its close, its dividend or its split differs from the newest revision's by more
    than ``CLOSE_TOLERANCE``: total returns are made of them. An absent dividend is none as long as nobody
    has named one, and keeps one that was named; only 0 takes it back. A bar that differs in nothing else,
    such as its adjusted close, is skipped. A revision keeps what the bar before it had and it lacks.

    Parameters
    ----------
    connection : Connection
        The caller's transaction.
    bars : DataFrame, shape (n_bars, 16)
        Columns ``BAR_COLUMNS``, in any order, each instrument and session once.
    run_id : str
        Dagster run that stores them.
    known_at : datetime
        Now, with a time zone.

    Raises
    ------
    InvalidRow
        For a bar without a finite close, or one that the table cannot hold in another way.
    OutdatedRun
        If a bar would be corrected that a newer run has stored, or the run was ended.
    """
    records = to_records(bars, price_bars, {"revision": 0, "known_at": known_at, "run_id": run_id})
    if not records:
        return AppendedBars(0, _revised_frame([]))
    # Two writers that both find a bar missing would both add it: on MySQL the second waits here, on
    # SQLite it already waited at the start of its transaction.
    fence_run(connection, run_id)
    newest = _newest_revisions(connection, records)
    added: list[Record] = []
    revisions: list[Record] = []
    corrections: list[tuple[object, ...]] = []
    corrected_runs: dict[str, str] = {}
    for record in records:
        old = newest.get(_key_of(record))
        if old is None:
            added.append(record)
        elif _is_corrected(old, record):
            new = _next_revision(old, record)
            corrected_runs[old["run_id"]] = f"The bar of {new['instrument']} on {new['session']}"
            revisions.append(new)
            changes = ((old[name] or 0.0, new[name] or 0.0) for name in ("close", "dividend", "split"))
            corrections.append((*_key_of(new), new["trading_day"], new["revision"], *chain(*changes)))
    fence_rows(connection, run_id, corrected_runs)
    insert_rows(connection, price_bars, added + revisions)
    return AppendedBars(len(added), _revised_frame(corrections))


def read_bars(
    connection: sa.Connection,
    *,
    instruments: Iterable[str] | None = None,
    until: dt.date | None = None,
    since: dt.date | None = None,
    as_of: dt.datetime | None = None,
    held: HeldBars = "none",
    columns: Collection[str] = (*BAR_COLUMNS, "revision", "known_at", "run_id"),
) -> pd.DataFrame:
    """Return the newest revision of each bar that may be used.

    What a trading day knows of held bars is part of what it knows: a bar is left out from the trading day
    of the finding on that holds it, and read by the days before, whenever they are computed.

    Parameters
    ----------
    connection : Connection
        A connection of the project's engine.
    instruments : iterable of str, optional
        Instruments to read; all of them by default.
    until, since : date, optional
        Last and first trading day that the bars belong to, both included: with ``until=D`` they are
        the bars that D may use.
    as_of : datetime, optional
        Instant, with a time zone: only what was known then, for bars, revisions and what holds them.
    held : HeldBars
        Which of the held bars are read all the same. "none": days from ``until`` on may not use them;
        without ``until``, all that are held by now are left out. "held_later": the bars that were used on
        the trading day that they belong to, as the states of days need them. "all": as the quality checks
        need them.
    columns : collection of str
        What is read of them, instrument and session included: a whole history takes a second or two, most
        of it for columns that its reader does not need.

    Returns
    -------
    DataFrame, shape (n_bars, n_columns)
        In the order of instrument and session.
    """
    statement = sa.select(*(price_bars.c[name] for name in columns)).order_by(
        price_bars.c.instrument, price_bars.c.session, price_bars.c.revision
    )
    if instruments is not None:
        statement = statement.where(price_bars.c.instrument.in_(sorted(set(instruments))))
    if until is not None:
        statement = statement.where(price_bars.c.trading_day <= until)
    if since is not None:
        statement = statement.where(price_bars.c.trading_day >= since)
    if as_of is not None:
        statement = statement.where(price_bars.c.known_at <= as_of)
    if held != "all":
        statement = statement.where(may_be_used(held, until, as_of))
    bars = read_frame(connection, statement)
    superseded = bars.duplicated(["instrument", "session"], keep="last")
    return bars[~superseded].reset_index(drop=True)


def stored_sessions(connection: sa.Connection, instrument: str) -> np.ndarray:
    """Return the sessions that an instrument has a bar of.

    Returns
    -------
    ndarray of datetime64[D], shape (n_sessions,)
        Exchange-local dates, strictly increasing.
    """
    session = price_bars.c.session
    statement = sa.select(session).where(price_bars.c.instrument == instrument).distinct().order_by(session)
    return np.array(connection.execute(statement).scalars().all(), dtype="datetime64[D]")


def last_sessions(connection: sa.Connection) -> dict[str, dt.date]:
    """Return the last stored session of each instrument that has any bar."""
    instrument = price_bars.c.instrument
    statement = (
        sa.select(instrument, sa.func.max(price_bars.c.session)).group_by(instrument).order_by(instrument)
    )
    return {name: session for name, session in connection.execute(statement)}


def _newest_revisions(connection: sa.Connection, records: Sequence[Record]) -> dict[_Key, sa.RowMapping]:
    sessions = [record["session"] for record in records]
    statement = (
        sa.select(price_bars)
        .where(
            price_bars.c.instrument.in_(sorted({str(record["instrument"]) for record in records})),
            price_bars.c.session.between(min(sessions), max(sessions)),
        )
        .order_by(price_bars.c.instrument, price_bars.c.session, price_bars.c.revision)
    )
    return {(row["instrument"], row["session"]): row for row in connection.execute(statement).mappings()}


def _key_of(record: Record) -> _Key:
    return record["instrument"], record["session"]


def _is_corrected(old: sa.RowMapping, record: Record) -> bool:
    """Return whether total returns with the bar differ from those with the newest revision."""
    named = [name for name in ("dividend", "split") if record[name] is not None]
    return any(not _same(old[name] or 0.0, record[name]) for name in ("close", *named))


def _same(old: float, new: float) -> bool:
    return abs(new - old) <= CLOSE_TOLERANCE * max(abs(old), abs(new))


def _next_revision(old: sa.RowMapping, record: Record) -> Record:
    """Return the row of the next revision: its own values, and the old ones where it has none.

    The old open, high and low are not kept beside a close that lies outside them: no session was like that.
    """
    optional = [column.name for column in price_bars.columns if column.nullable]
    low, high = old["low"], old["high"]
    if (low is not None and record["close"] < low) or (high is not None and record["close"] > high):
        optional = [name for name in optional if name not in ("open", "high", "low")]
    kept = {name: old[name] for name in optional if record[name] is None}
    return {**record, **kept, "revision": old["revision"] + 1}


def _revised_frame(corrections: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame.from_records(corrections, columns=list(_REVISED_DTYPES))
    return frame.astype(_REVISED_DTYPES).sort_values(["instrument", "session"], ignore_index=True)
