"""How far trading days have come, as plain rows: what is looked at every minute, without numpy or pandas."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from stock_assets.storage.schema import days as days_table
from stock_assets.storage.schema import findings, price_bars
from stock_assets.storage.schema import outcomes as outcomes_table


@dataclass(frozen=True)
class DayState:
    """What the table ``days`` says of a trading day's prices.

    Attributes
    ----------
    state : str
        waiting, complete, partial or closed.
    reason : str or None
    completed_at : datetime or None
        When it reached that state; None while it waits.
    computed_at : datetime
        When it was judged.
    """

    state: str
    reason: str | None
    completed_at: dt.datetime | None
    computed_at: dt.datetime


@dataclass(frozen=True)
class AssetOutcome:
    """What the table ``outcomes`` says of a daily asset on a trading day.

    Attributes
    ----------
    day : date
    asset, status : str
    settings : str or None
        Name of the settings that it was made under.
    computed_at : datetime
    """

    day: dt.date
    asset: str
    status: str
    settings: str | None
    computed_at: dt.datetime


def day_states(connection: sa.Connection, first: dt.date, last: dt.date) -> dict[dt.date, DayState]:
    """Return the stored states of the trading days from ``first`` to ``last``, both included."""
    table = days_table
    columns = (table.c.date, table.c.state, table.c.reason, table.c.completed_at, table.c.computed_at)
    statement = sa.select(*columns).where(table.c.date.between(first, last))
    return {day: DayState(*rest) for day, *rest in connection.execute(statement)}


def asset_outcomes(connection: sa.Connection, first: dt.date, last: dt.date) -> list[AssetOutcome]:
    """Return the outcomes of the trading days from ``first`` to ``last``, both included."""
    table = outcomes_table
    columns = (table.c.date, table.c.asset, table.c.status, table.c.settings, table.c.computed_at)
    statement = sa.select(*columns).where(table.c.date.between(first, last)).order_by(*table.primary_key)
    return [AssetOutcome(*row) for row in connection.execute(statement)]


def judged_between(connection: sa.Connection, first: dt.date, last: dt.date) -> set[dt.date]:
    """Return the trading days from ``first`` to ``last``, both included, whose prices were judged."""
    day = days_table.c.date
    return set(connection.execute(sa.select(day).where(day.between(first, last))).scalars())


def owed_days(connection: sa.Connection, kind: str, first: dt.date, last: dt.date) -> set[dt.date]:
    """Return the trading days from ``first`` to ``last``, both included, that have a finding of that kind."""
    day = findings.c.trading_day
    statement = sa.select(day).where(findings.c.kind == kind, day.between(first, last)).distinct()
    return set(connection.execute(statement).scalars())


def without_history(connection: sa.Connection, instruments: Iterable[str], first: dt.date) -> list[str]:
    """Return the instruments of which nothing is known before a trading day: no bar and no finding."""
    return [
        name
        for name in instruments
        if not any(
            connection.execute(
                sa.select(sa.literal(1))
                .where(table.c.instrument == name, table.c.trading_day < first)
                .limit(1)
            ).first()
            for table in (price_bars, findings)
        )
    ]
