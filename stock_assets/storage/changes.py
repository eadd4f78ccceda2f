"""When what a trading day may use changed last: bars, what holds them, and networks.

What is to be done anew is judged by it, every minute: nothing here needs numpy or pandas.
"""

import datetime as dt
from typing import TYPE_CHECKING

import sqlalchemy as sa

from stock_assets.storage.schema import findings, price_bars
from stock_assets.storage.schema import models as models_table

if TYPE_CHECKING:
    from stock_assets.storage.models import ModelKind

_HELD = findings.c.severity == "held"

#: Calendar days that certainly hold the session before the first of a trading day.
_BAR_BEFORE = dt.timedelta(days=45)


def last_known_at(connection: sa.Connection, until: dt.date) -> dt.datetime | None:
    """Return when the newest bar or revision of the trading days up to ``until`` was stored, or None."""
    statement = sa.select(sa.func.max(price_bars.c.known_at)).where(price_bars.c.trading_day <= until)
    return connection.execute(statement).scalar()


def known_at_by_day(connection: sa.Connection, first: dt.date, last: dt.date) -> dict[dt.date, dt.datetime]:
    """Return when the newest bar or revision of each trading day was stored, both bounds included."""
    day = price_bars.c.trading_day
    statement = (
        sa.select(day, sa.func.max(price_bars.c.known_at)).where(day.between(first, last)).group_by(day)
    )
    return {trading_day: known_at for trading_day, known_at in connection.execute(statement)}


def bars_before_known_at(
    connection: sa.Connection, first: dt.date, last: dt.date
) -> dict[dt.date, dt.datetime]:
    """Return when what the bars of each trading day are compared with was stored last, both bounds included.

    That is the newest bar or revision of each instrument's session before. Whether a close is a spike is said
    by the close that follows: it is to say so of a corrected one as well, although it has not changed itself.
    A day none of whose bars has another before it is left out.
    """
    day, known_at = price_bars.c.trading_day, price_bars.c.known_at
    newest = (
        sa.select(price_bars.c.instrument, price_bars.c.session, day, sa.func.max(known_at).label("known_at"))
        .where(day.between(first - _BAR_BEFORE, last))
        .group_by(price_bars.c.instrument, price_bars.c.session, day)
        .subquery()
    )
    before = sa.func.lag(newest.c.known_at, type_=known_at.type).over(
        partition_by=newest.c.instrument, order_by=newest.c.session
    )
    pairs = sa.select(newest.c.trading_day, before.label("before")).subquery()
    statement = (
        sa.select(pairs.c.trading_day, sa.func.max(pairs.c.before))
        .where(pairs.c.before.is_not(None), pairs.c.trading_day >= first)
        .group_by(pairs.c.trading_day)
    )
    return {trading_day: at for trading_day, at in connection.execute(statement)}


def last_released_at(connection: sa.Connection, until: dt.date) -> dt.datetime | None:
    """Return when a bar that the trading days up to ``until`` may use was released last, or None."""
    statement = sa.select(sa.func.max(findings.c.released_at)).where(_HELD, findings.c.trading_day <= until)
    return connection.execute(statement).scalar()


def holds_changed_at(connection: sa.Connection, first: dt.date, last: dt.date) -> dict[dt.date, dt.datetime]:
    """Return when what a trading day has to say of held bars changed last, both bounds included.

    That is when the bar was released, or when a bar was stored from its session on up to that day. A source
    that corrects a held bar, or has one behind it come late, leaves the day that holds it to be judged anew,
    although the bar belongs to an earlier one.
    """
    day = findings.c.trading_day
    stored = (
        sa.select(day, sa.func.max(price_bars.c.known_at))
        .join_from(findings, price_bars, findings.c.instrument == price_bars.c.instrument)
        .where(
            _HELD,
            day.between(first, last),
            price_bars.c.session >= findings.c.session,
            price_bars.c.trading_day <= day,
        )
        .group_by(day)
    )
    released = (
        sa.select(day, sa.func.max(findings.c.released_at))
        .where(_HELD, findings.c.released_at.is_not(None), day.between(first, last))
        .group_by(day)
    )
    changed: dict[dt.date, dt.datetime] = {}
    for statement in (stored, released):
        for trading_day, moment in connection.execute(statement):
            changed[trading_day] = max(moment, changed.get(trading_day, moment))
    return changed


def last_trained_at(connection: sa.Connection, until: dt.date) -> dt.datetime | None:
    """Return when the newest model with a cutoff up to ``until`` was trained, or None."""
    table = models_table
    return connection.execute(
        sa.select(sa.func.max(table.c.computed_at)).where(table.c.cutoff <= until)
    ).scalar()


def trained_cutoffs(connection: sa.Connection, kind: "ModelKind") -> dict[str | None, tuple[dt.date, ...]]:
    """Return the cutoffs that have a model, in order, by instrument (or set of instruments)."""
    table = models_table
    statement = (
        sa.select(table.c.instrument, table.c.cutoff)
        .where(table.c.kind == kind)
        .distinct()
        .order_by(table.c.instrument, table.c.cutoff)
    )
    found: dict[str | None, tuple[dt.date, ...]] = {}
    for instrument, cutoff in connection.execute(statement):
        found[instrument] = (*found.get(instrument, ()), cutoff)
    return found
