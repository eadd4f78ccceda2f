"""Exchange rates in a deployment: those that portfolios are valued with, and whether they can be on a day."""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from stock_assets.config.base_currency import rates_of
from stock_assets.config.portfolios import CovarianceConfig
from stock_assets.market_data.bars import InstrumentHistory
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.histories import MarketView
from stock_assets.pipeline.outcomes import Outcome


def used_rates(deployment: Deployment) -> tuple[str, ...]:
    """Return the ids of the exchange rates that portfolios are valued with, in the order of the universe."""
    used = set(rates_of(deployment.universe).values())
    return tuple(rate.id for rate in deployment.universe.exchange_rates if rate.id in used)


def rates_by_instrument(
    deployment: Deployment, histories: Mapping[str, InstrumentHistory]
) -> dict[str, InstrumentHistory]:
    """Return the history of each instrument's exchange rate; none of an instrument in the base currency."""
    return {name: histories[rate] for name, rate in rates_of(deployment.universe).items()}


def rate_problems(
    deployment: Deployment, view: MarketView, days: Sequence[date], covariance: CovarianceConfig
) -> dict[date, Outcome]:
    """Return the days on which an exchange rate does not reach back over the covariance window.

    Without this, the reason would name the instruments in that currency, whose own prices are all there.
    """
    grid = deployment.history_days.as_array
    rows = np.searchsorted(grid, np.array(days, dtype="datetime64[D]"))
    needed_from = grid[np.maximum(rows - covariance.window - covariance.overlap + 1, 0)]
    problems = {}
    for day, first in zip(days, needed_from, strict=True):
        late = [
            name
            for name in used_rates(deployment)
            if not len(view.histories[name]) or view.histories[name].trading_days[0] > first
        ]
        if late:
            reason = (
                f"The closes of the exchange rate {' and of '.join(late)} do not reach back to {first}, "
                f"where the covariance window of {day} begins."
            )
            problems[day] = Outcome(day, "", "refused", reason)
    return problems


def rate_remarks(deployment: Deployment, view: MarketView, days: Sequence[date]) -> dict[date, str]:
    """Return what is particular about the exchange rates of each day: that a close of them did not come."""
    remarks = {}
    for position, day in enumerate(days):
        lags = {name: int(view.staleness[name][position]) for name in used_rates(deployment)}
        if any(lags.values()):
            remarks[day] = " ".join(
                f"The last close of the exchange rate {name} lags {lag} of its sessions behind."
                for name, lag in lags.items()
                if lag
            )
    return remarks
