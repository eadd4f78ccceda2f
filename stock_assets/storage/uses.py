"""Who had used a bar: what was predicted, weighed and trained before a moment."""

import datetime as dt
from collections.abc import Collection

import sqlalchemy as sa

from stock_assets.storage.models import ModelKind
from stock_assets.storage.schema import models, portfolio_weights, stage1_predictions


def predicted_days(
    connection: sa.Connection, instruments: Collection[str], since: dt.date, computed_before: dt.datetime
) -> set[dt.date]:
    """Return the trading days from ``since`` on with a prediction of one of the instruments.

    Parameters
    ----------
    computed_before : datetime
        With a time zone: predictions that were computed at that moment or later are left out.
    """
    table = stage1_predictions
    statement = (
        sa.select(table.c.date)
        .where(
            table.c.date >= since,
            table.c.instrument.in_(sorted(instruments)),
            table.c.computed_at < computed_before,
        )
        .distinct()
    )
    return set(connection.execute(statement).scalars())


def weighed_days(connection: sa.Connection, since: dt.date, computed_before: dt.datetime) -> set[dt.date]:
    """Return the trading days from ``since`` on with a portfolio that was computed before a moment."""
    table = portfolio_weights
    statement = (
        sa.select(table.c.date).where(table.c.date >= since, table.c.computed_at < computed_before).distinct()
    )
    return set(connection.execute(statement).scalars())


def trained_models(
    connection: sa.Connection, cutoff_after: dt.date, computed_before: dt.datetime
) -> list[tuple[ModelKind, str | None, dt.date]]:
    """Return kind, instrument and cutoff of the models trained before a moment, each once and in order.

    Parameters
    ----------
    cutoff_after : date
        A model knows nothing that belongs to its cutoff or later: one of that cutoff is left out.
    computed_before : datetime
        With a time zone; a model that was trained at that moment is left out.
    """
    columns = (models.c.kind, models.c.instrument, models.c.cutoff)
    statement = (
        sa.select(*columns)
        .where(models.c.cutoff > cutoff_after, models.c.computed_at < computed_before)
        .distinct()
        .order_by(models.c.cutoff, models.c.kind, models.c.instrument)
    )
    return [(kind, instrument, cutoff) for kind, instrument, cutoff in connection.execute(statement)]
