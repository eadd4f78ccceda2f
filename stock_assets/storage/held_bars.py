"""Held bars: stored like any other, and left out by who reads them until somebody releases them.

A held finding keeps its bar from use from the finding's own trading day on. The bar that only the next one
contradicts is used on its own day for ever: that day could not know better.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import sqlalchemy as sa

from stock_assets.errors import NothingToRelease
from stock_assets.storage.rows import read_frame
from stock_assets.storage.schema import findings, price_bars

#: What a reader of bars gets of those that are held: none; those that were not held yet on the trading day
#: that they belong to; all of them.
HeldBars = Literal["none", "held_later", "all"]

_HELD = findings.c.severity == "held"
_OF_THE_BAR = sa.and_(
    findings.c.instrument == price_bars.c.instrument, findings.c.session == price_bars.c.session
)
_UNRELEASED = sa.and_(_HELD, findings.c.released_at.is_(None))


@dataclass(frozen=True)
class Release:
    """A bar that was released.

    Attributes
    ----------
    kinds : tuple of str
        The findings that had held it.
    trading_days : tuple of date
        The days whose checks had found them, in ascending order: they are to be judged anew.
    """

    instrument: str
    session: dt.date
    kinds: tuple[str, ...]
    trading_days: tuple[dt.date, ...]


def may_be_used(held: HeldBars, until: dt.date | None, as_of: dt.datetime | None) -> sa.ColumnElement[bool]:
    """Return the condition on ``price_bars`` that leaves out what is held.

    Parameters
    ----------
    held : HeldBars
        "none" or "held_later".
    until : date, optional
        Trading day on which the bars are used; without it, any finding counts.
    as_of : datetime, optional
        Instant at which a finding was there and not released yet; without it, now.
    """
    conditions = [
        findings.c.instrument == price_bars.c.instrument,
        findings.c.session == price_bars.c.session,
    ]
    if until is not None:
        conditions.append(findings.c.trading_day <= until)
    if held == "held_later":
        conditions.append(findings.c.trading_day <= price_bars.c.trading_day)
    if as_of is None:
        conditions.append(_UNRELEASED)
    else:
        released = sa.or_(findings.c.released_at.is_(None), findings.c.released_at > as_of)
        conditions += [_HELD, findings.c.found_at <= as_of, released]
    return ~sa.exists().where(*conditions)


def days_of_later_holds(connection: sa.Connection, first: dt.date, last: dt.date) -> list[dt.date]:
    """Return the trading days from which on a bar is held that an earlier day has used.

    Both bounds are included; days are in ascending order, each once.
    """
    day = findings.c.trading_day
    statement = (
        sa.select(day)
        .join_from(findings, price_bars, _OF_THE_BAR)
        .where(_UNRELEASED, day.between(first, last), price_bars.c.trading_day < day)
        .distinct()
        .order_by(day)
    )
    return list(connection.execute(statement).scalars())


def read_held(connection: sa.Connection, instruments: Iterable[str] | None = None) -> pd.DataFrame:
    """Return the findings that hold bars, released or not, of some instruments or of all.

    Returns
    -------
    DataFrame, shape (n_findings, 12)
        Columns of the table ``findings``, in the order of instrument, session and kind.
    """
    statement = sa.select(findings).where(_HELD).order_by(*findings.primary_key)
    if instruments is not None:
        statement = statement.where(findings.c.instrument.in_(sorted(set(instruments))))
    return read_frame(connection, statement)


def released_sessions(connection: sa.Connection) -> dict[str, list[dt.date]]:
    """Return the sessions of the bars that were released, by instrument, in ascending order."""
    statement = (
        sa.select(findings.c.instrument, findings.c.session)
        .where(_HELD, findings.c.released_at.is_not(None))
        .distinct()
        .order_by(findings.c.instrument, findings.c.session)
    )
    sessions: dict[str, list[dt.date]] = {}
    for instrument, session in connection.execute(statement):
        sessions.setdefault(instrument, []).append(session)
    return sessions


def release_bar(
    connection: sa.Connection, instrument: str, session: dt.date, *, by: str, reason: str, at: dt.datetime
) -> Release:
    """Release a bar from all findings that hold it, so that it is used like any other from then on.

    Parameters
    ----------
    connection : Connection
        The caller's transaction.
    instrument : str
    session : date
        Exchange-local date of the bar.
    by : str
        Who releases it.
    reason : str
        Why it is right.
    at : datetime
        Now, with a time zone.

    Raises
    ------
    NothingToRelease
        If nothing holds the bar. The message says who has released it, or names the bars that are held.
    """
    own = (findings.c.instrument == instrument, findings.c.session == session)
    statement = sa.select(findings.c.kind, findings.c.trading_day).where(*own, _UNRELEASED)
    held = connection.execute(statement.order_by(findings.c.kind).with_for_update()).all()
    if not held:
        raise NothingToRelease(_why_nothing(connection, instrument, session))
    connection.execute(
        sa.update(findings)
        .where(*own, _UNRELEASED)
        .values(released_by=by, released_at=at, release_reason=reason)
    )
    return Release(
        instrument,
        session,
        tuple(kind for kind, _ in held),
        tuple(sorted({day for _, day in held})),
    )


def _why_nothing(connection: sa.Connection, instrument: str, session: dt.date) -> str:
    found = read_held(connection)
    own = found[(found["instrument"] == instrument) & (found["session"] == pd.Timestamp(session))]
    if len(own):
        row = own.sort_values("released_at").iloc[-1]
        return (
            f"The bar of {instrument} of {session} was released by {row['released_by']} on "
            f"{row['released_at']:%Y-%m-%d %H:%M} UTC already: {row['release_reason'].rstrip('.')}."
        )
    held = found[found["released_at"].isna()].drop_duplicates(["instrument", "session"])
    names = [f"{name} of {day.date()}" for name, day in zip(held["instrument"], held["session"], strict=True)]
    which = f"held are {', '.join(names)}" if names else "no bar is held"
    return f"The bar of {instrument} of {session} is not held; {which}."
