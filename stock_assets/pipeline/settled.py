"""Which trading days are settled, and which another run may bring further, judged by the tables alone.

The plan of the command line and the sensor of the daemon both ask here. The sensor does so every minute, so
that nothing of it needs numpy or pandas.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cached_property

import sqlalchemy as sa

from stock_assets.config.portfolios import PORTFOLIO_MODELS
from stock_assets.pipeline.assets import prediction_asset, weights_asset
from stock_assets.pipeline.deployment import Deployment
from stock_assets.storage.changes import (
    bars_before_known_at,
    holds_changed_at,
    known_at_by_day,
    last_known_at,
    last_released_at,
    last_trained_at,
)
from stock_assets.storage.day_progress import AssetOutcome, DayState, asset_outcomes, day_states


def daily_settings(deployment: Deployment) -> dict[str, str]:
    """Return the name of the settings of each daily asset that has outcomes, by asset."""
    names = deployment.universe.instrument_ids
    assets = {prediction_asset(name): deployment.prediction_settings for name in names}
    if deployment.config.portfolios is not None:
        assets |= {weights_asset(model): deployment.weight_settings for model in PORTFOLIO_MODELS}
    return assets


def open_days(
    connection: sa.Connection, days: Sequence[date], states: Mapping[date, DayState] | None = None
) -> set[date]:
    """Return the trading days that were never judged, that wait, or that are to be judged anew.

    A later day reads the sessions before it again and stores what has come; what the quality checks and the
    state say of the day that such a bar or correction belongs to is to be said anew. So is what the day of
    the next bar says, which alone can deny it, and what a day says of a bar that it holds, when the bar was
    corrected or released.

    Parameters
    ----------
    days : sequence of date
        Trading days in ascending order, at least one.
    states : mapping of date to DayState, optional
        What the table says of them, for who has read it already.
    """
    if states is None:
        states = day_states(connection, days[0], days[-1])
    judged = {day: row.computed_at for day, row in states.items() if row.state != "waiting"}
    asked = (known_at_by_day, bars_before_known_at, holds_changed_at)
    changes = [change(connection, days[0], days[-1]) for change in asked]
    outdated = {
        day for changed in changes for day, at in changed.items() if day in judged and at > judged[day]
    }
    return {day for day in days if day not in judged or day in outdated}


def unsettled_days(
    deployment: Deployment, connection: sa.Connection, days: Sequence[date], firsts: Mapping[str, date]
) -> list[date]:
    """Return the days with a daily asset that another attempt may bring further.

    Parameters
    ----------
    days : sequence of date
        Trading days in ascending order.
    firsts : mapping of str to date
        As ``first_cutoffs`` returns it.
    """
    if not days:
        return []
    assets = daily_settings(deployment)
    changes = _Changes(connection, days[0], days[-1])
    settled: Counter[date] = Counter()
    for outcome in asset_outcomes(connection, days[0], days[-1]):
        settings = assets.get(outcome.asset)
        if settings is not None and _is_settled(changes, outcome, settings, firsts):
            settled[outcome.day] += 1
    return [day for day in days if settled[day] < len(assets)]


class _Changes:
    """When what the days between two may use changed last; what is asked of a day is asked once."""

    def __init__(self, connection: sa.Connection, first: date, last: date) -> None:
        self._connection = connection
        self._bounds = first, last
        self._until: dict[date, list[datetime]] = {}
        self._on: dict[date, list[datetime]] = {}

    def until(self, day: date) -> list[datetime]:
        """Return when a bar or a network that the day may use came last, and when a bar was released."""
        if day not in self._until:
            came = [self._before, *(at for other, at in self._came.items() if other <= day)]
            found = (*came, *(ask(self._connection, day) for ask in (last_released_at, last_trained_at)))
            self._until[day] = [moment for moment in found if moment is not None]
        return self._until[day]

    @cached_property
    def _before(self) -> datetime | None:
        # All bars are read for it: once, and not once a day.
        return last_known_at(self._connection, self._bounds[0])

    @cached_property
    def _came(self) -> dict[date, datetime]:
        return known_at_by_day(self._connection, *self._bounds)

    def on(self, day: date) -> list[datetime]:
        """Return when a bar of the day came last, and when what the day says of held ones changed."""
        if day not in self._on:
            found = (ask(self._connection, day, day).get(day) for ask in (known_at_by_day, holds_changed_at))
            self._on[day] = [moment for moment in found if moment is not None]
        return self._on[day]


def _is_settled(changes: _Changes, outcome: AssetOutcome, settings: str, firsts: Mapping[str, date]) -> bool:
    """Return whether an outcome stands.

    What was published under other settings stands, since customers have seen it; but not portfolios of other
    instruments. What was refused is tried again under other settings, or when a bar or a network that the day
    may use has come, or was released, since. A day on which no bar came is closed until one comes after all.
    """
    day, status = outcome.day, outcome.status
    if status == "published":
        return str(outcome.settings).partition("/")[0] == settings.partition("/")[0] or "/" not in settings
    if status == "no_model":
        return firsts.get(outcome.asset, date.max) > day
    if status == "refused":
        return outcome.settings == settings and all(at <= outcome.computed_at for at in changes.until(day))
    return status == "closed" and all(at <= outcome.computed_at for at in changes.on(day))
