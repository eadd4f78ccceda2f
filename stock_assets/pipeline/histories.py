"""Stored bars as histories, with how far each of them lags on the days that are asked for."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import sqlalchemy as sa

from stock_assets.errors import StorageError
from stock_assets.market_data.bars import InstrumentHistory
from stock_assets.market_data.day_state import day_states
from stock_assets.market_data.history import HISTORY_COLUMNS, build_histories
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.price_gaps import history_gaps, unexplained_gaps
from stock_assets.storage.days import read_days
from stock_assets.storage.held_bars import days_of_later_holds
from stock_assets.storage.prices import read_bars


@dataclass(frozen=True, eq=False)
class MarketView:
    """What the daily assets may see of the markets on some trading days.

    Attributes
    ----------
    histories : dict of str to InstrumentHistory
        Everything that the universe prices, in its order, up to the last of the days.
    staleness : dict of str to ndarray of int64, shape (n_days,)
        How many sessions of an instrument have fallen due since its last bar, by day.
    has_bar : dict of str to ndarray of bool, shape (n_days,)
        Whether any bar of an instrument belongs to the day or to one before.
    """

    histories: dict[str, InstrumentHistory]
    staleness: dict[str, np.ndarray]
    has_bar: dict[str, np.ndarray]


def load_histories(
    deployment: Deployment, connection: sa.Connection, before: date, only: Iterable[str] | None = None
) -> dict[str, InstrumentHistory]:
    """Return the histories of what belongs to days before a cutoff."""
    until = before - timedelta(days=1)
    bars = read_bars(connection, instruments=only, until=until, columns=HISTORY_COLUMNS)
    return build_histories(deployment.universe, bars, deployment.history_days)


def stretches(connection: sa.Connection, days: Sequence[date]) -> list[Sequence[date]]:
    """Split days, in ascending order, into stretches of days that may all use the same bars of the past.

    A new stretch begins on each day that holds a bar which days before it have used: one market view does not
    serve both. Without held bars, which is the rule, there is one stretch.
    """
    later_holds = days_of_later_holds(connection, days[0], days[-1])
    starts = sorted({0, *(bisect_left(days, day) for day in later_holds), len(days)})
    return [days[start:end] for start, end in pairwise(starts)]


def market_view(deployment: Deployment, connection: sa.Connection, days: Sequence[date]) -> MarketView:
    """Return the markets as the daily assets of ``days``, a stretch in ascending order, may see them."""
    universe = deployment.universe
    bars = read_bars(connection, until=days[-1], columns=HISTORY_COLUMNS)
    states = day_states(
        days,
        deployment.expected_bars,
        bars,
        now=datetime.now(UTC),  # it decides the state alone, which is not read here
        deadline=universe.deadline,
        max_staleness=universe.max_staleness,
    )
    return MarketView(
        histories=build_histories(universe, bars, deployment.history_days),
        staleness=dict(zip(states.instruments, states.staleness.T, strict=True)),
        has_bar=dict(zip(states.instruments, ~np.isnat(states.last_sessions).T, strict=True)),
    )


def require_prices(
    deployment: Deployment, connection: sa.Connection, cutoff: date, only: Iterable[str] | None = None
) -> None:
    """Check that the history is there, and that the prices of every trading day before a cutoff are settled.

    Parameters
    ----------
    only : iterable of str, optional
        Instruments whose history is needed; all of them by default.

    Raises
    ------
    StorageError
        If a bar is missing or a day still waits: a network trained now would know less than its cutoff says.
        Of the days as many bars may be owed by a source that failed as ``max_staleness`` forgives.
    """
    wanted = set(deployment.universe.priced_ids if only is None else only)
    gaps = history_gaps(deployment, connection)
    without = sorted(gaps.keys() & wanted)
    if without:
        raise StorageError(
            f"price_history lacks {len(gaps[without[0]])} bars of {without[0]}, and bars of "
            f"{len(without) - 1} more instruments; materialize price_history first."
        )
    days = [day for day in deployment.partition_days if day < cutoff]
    if not days:
        return
    states = read_days(connection, days[0], days[-1])
    settled = {stamp.date() for stamp in states.loc[states["state"] != "waiting", "date"]}
    lacking = [day for day in days if day not in settled]
    if lacking:
        raise StorageError(
            f"close_prices of {lacking[0]} and of {len(lacking) - 1} more days before the cutoff {cutoff} "
            "are not settled; materialize close_prices of these days first."
        )
    owed = unexplained_gaps(deployment, connection, days[0], days[-1])
    for name in sorted(owed.keys() & wanted):
        if len(owed[name]) > deployment.universe.max_staleness:
            raise StorageError(
                f"The sources of {name} owe {len(owed[name])} bars of days before the cutoff {cutoff}, more "
                f"than the {deployment.universe.max_staleness} of max_staleness; materialize close_prices of "
                "these days again."
            )
