"""``portfolio_weights``: the published portfolios."""

import datetime as dt
from collections.abc import Iterable

import pandas as pd
import sqlalchemy as sa

from stock_assets.config.portfolios import PortfolioModel
from stock_assets.storage.partitions import delete_days, insert_rows, plain_dates, refuse_others
from stock_assets.storage.rows import read_frame, to_records
from stock_assets.storage.run_workers import fence_days
from stock_assets.storage.schema import portfolio_weights


def replace_weights(
    connection: sa.Connection,
    model: PortfolioModel,
    days: Iterable[dt.date],
    weights: pd.DataFrame,
    *,
    computed_at: dt.datetime,
    run_id: str,
) -> None:
    """Replace one model's portfolios of exactly these trading days.

    Parameters
    ----------
    connection : Connection
        The caller's transaction.
    model : str
        Portfolio model; the rows of the others stay.
    days : iterable of date
        Trading days that were computed; one without a row loses its rows.
    weights : DataFrame, shape (n_weights, 6)
        ``date``, ``profile``, ``instrument``, ``weight`` (share of the portfolio), ``basis`` (model,
        min_variance or policy) and ``model_cutoff`` (may be missing).
    computed_at : datetime
        Now, with a time zone.
    run_id : str
        Dagster run that computed them.

    Raises
    ------
    InvalidRow
        For a weight that is not finite, one of another day, or a key that occurs twice.
    OutdatedRun
        If a newer run has written one of the rows, or the run was ended.
    """
    written = plain_dates(days)
    table = portfolio_weights
    constants = {"model": model, "computed_at": computed_at, "run_id": run_id}
    records = to_records(weights, table, constants)
    refuse_others(records, table.c.date, set(written))
    fence_days(connection, run_id, table.c.date, written, table.c.model == model)
    delete_days(connection, table.c.date, written, table.c.model == model)
    insert_rows(connection, table, records)


def read_weights(
    connection: sa.Connection, first: dt.date, last: dt.date, model: PortfolioModel | None = None
) -> pd.DataFrame:
    """Return the portfolios from ``first`` to ``last``, both included, of one model or of all.

    Returns
    -------
    DataFrame, shape (n_weights, 9)
        Columns of the table ``portfolio_weights``, in the order of its key.
    """
    table = portfolio_weights
    statement = sa.select(table).where(table.c.date.between(first, last)).order_by(*table.primary_key)
    if model is not None:
        statement = statement.where(table.c.model == model)
    return read_frame(connection, statement)


def last_day(connection: sa.Connection) -> dt.date | None:
    """Return the last trading day that has a portfolio of any model, or None."""
    return connection.execute(sa.select(sa.func.max(portfolio_weights.c.date))).scalar()


def last_weights_before(connection: sa.Connection, model: PortfolioModel, day: dt.date) -> pd.DataFrame:
    """Return a model's last portfolio before ``day``, of each profile that has one.

    Returns
    -------
    DataFrame, shape (n_weights, 9)
        Columns of the table ``portfolio_weights``, in the order of its key; empty if nothing was
        published before.
    """
    table = portfolio_weights
    last = (
        sa.select(table.c.profile, sa.func.max(table.c.date).label("date"))
        .where(table.c.model == model, table.c.date < day)
        .group_by(table.c.profile)
        .subquery()
    )
    same = sa.and_(table.c.profile == last.c.profile, table.c.date == last.c.date)
    statement = sa.select(table).join(last, same).where(table.c.model == model).order_by(*table.primary_key)
    return read_frame(connection, statement)
