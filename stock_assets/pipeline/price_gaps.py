"""Which bars and which trading days are still to be loaded, judged by the tables alone."""

from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd
import sqlalchemy as sa

from stock_assets.market_data.finding_kinds import SOURCE_FAILED
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.settled import open_days
from stock_assets.storage.findings import read_findings
from stock_assets.storage.prices import stored_sessions


def unexplained_gaps(
    deployment: Deployment, connection: sa.Connection, first: date, last: date
) -> dict[str, pd.DataFrame]:
    """Return the expected bars that are neither stored nor known to be missing or bad.

    A source that failed has said nothing of its bars: those that it owes are among the gaps.

    Parameters
    ----------
    first, last : date
        Trading days that the bars belong to, both included.

    Returns
    -------
    dict of str to DataFrame
        By instrument, those with a gap only: rows as ``expected_bars`` returns them.
    """
    known = read_findings(connection, first, last)
    # A bar that a soft expectation waited for in vain is a warning, and known to be missing all the same.
    explaining = (known["severity"] == "blocked") | (known["kind"] == "missing_session")
    explained = known[explaining & (known["kind"] != SOURCE_FAILED)]
    gaps = {}
    for name, expected in deployment.expected_bars.items():
        wanted = expected[expected["trading_day"].between(pd.Timestamp(first), pd.Timestamp(last))]
        there = pd.Series(stored_sessions(connection, name)).astype("datetime64[s]")
        bad = explained.loc[explained["instrument"] == name, "session"]
        missing = wanted[~wanted["session"].isin(there) & ~wanted["session"].isin(bad)]
        if len(missing):
            gaps[name] = missing
    return gaps


def history_gaps(deployment: Deployment, connection: sa.Connection) -> dict[str, pd.DataFrame]:
    """Return the unexplained gaps before the first trading day, as ``unexplained_gaps`` does."""
    last = deployment.partition_days.first - timedelta(days=1)
    return unexplained_gaps(deployment, connection, deployment.universe.history_start, last)


def missing_days(
    deployment: Deployment, connection: sa.Connection, days: Sequence[date]
) -> dict[str, tuple[date, ...]]:
    """Return for each instrument the stretch of trading days that holds all that is still to be loaded of it.

    Those are the open days, which need every instrument, and the days with a gap of its own: an instrument
    that was added to the universe needs all days, and the others none of those that are settled.

    Parameters
    ----------
    days : sequence of date
        Trading days in ascending order.

    Returns
    -------
    dict of str to tuple of date
        In the order of the universe, without the instruments of which nothing is missing.
    """
    still_open = open_days(connection, days)
    gaps = unexplained_gaps(deployment, connection, days[0], days[-1])
    stretches = {}
    for name in deployment.universe.priced_ids:
        own = {stamp.date() for stamp in gaps[name]["trading_day"]} if name in gaps else set()
        wanted = sorted(still_open | own)
        stretch = tuple(day for day in days if wanted and wanted[0] <= day <= wanted[-1])
        if stretch:
            stretches[name] = stretch
    return stretches


def with_neighbours(
    stored: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp, count: int
) -> tuple[date, date]:
    """Return the first and the last session of a gap with some stored ones on either side.

    Parameters
    ----------
    stored : DataFrame
        Bars of the instrument, as ``read_bars`` returns them.
    first, last : Timestamp
        The gap's own.
    count : int
        How many stored sessions on either side, as far as there are any.
    """
    sessions = stored["session"]
    wide = [*sessions[sessions < first].tail(count), first, last, *sessions[sessions > last].head(count)]
    return wide[0].date(), wide[-1].date()
