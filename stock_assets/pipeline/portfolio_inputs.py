"""What one portfolio model is given of some trading days: from bars, exchange rates and networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import sqlalchemy as sa

from stock_assets.config.portfolios import PortfolioModel, PortfoliosConfig
from stock_assets.learning.randomness import single_threaded
from stock_assets.pipeline.base_currency import rate_problems, rate_remarks, rates_by_instrument, used_rates
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.histories import MarketView, market_view
from stock_assets.pipeline.model_inputs import ModelInputs, gather_predictions, gather_sharpe_net
from stock_assets.pipeline.outcomes import Outcome, day_problems
from stock_assets.portfolio.inputs import PortfolioInputs, build_inputs
from stock_assets.portfolio.levels import LevelGrid, level_grid


@dataclass(frozen=True, eq=False)
class GatheredDays:
    """One model's inputs of a stretch of trading days.

    Attributes
    ----------
    days : sequence of date
        In ascending order.
    grid : LevelGrid
        Levels of all instruments up to the last of the days.
    gathered : ModelInputs
        What the networks say.
    problems : dict of date to Outcome
        Days that cannot be published, and why.
    remarks : tuple of dict of date to str
        What is particular about a day.
    """

    days: Sequence[date]
    grid: LevelGrid
    gathered: ModelInputs
    problems: Mapping[date, Outcome]
    remarks: tuple[Mapping[date, str], ...]

    def inputs(self, deployment: Deployment, config: PortfoliosConfig) -> Sequence[PortfolioInputs]:
        """Return the inputs of each day."""
        return build_inputs(
            self.grid,
            np.array(self.days, dtype="datetime64[D]"),
            {instrument.id for instrument in deployment.universe.instruments if instrument.safe},
            config,
            predictions=self.gathered.predictions,
            network_weights=self.gathered.network_weights,
        )


def gather_days(
    deployment: Deployment,
    connection: sa.Connection,
    model: PortfolioModel,
    days: Sequence[date],
    config: PortfoliosConfig,
) -> GatheredDays:
    """Read what one model needs of a stretch of trading days."""
    view = market_view(deployment, connection, days)
    known_days = deployment.history_days.as_array
    grid = level_grid(
        [view.histories[name] for name in deployment.universe.instrument_ids],
        known_days[known_days <= np.datetime64(days[-1])],
        rates_by_instrument(deployment, view.histories),
    )
    problems = (
        rate_problems(deployment, view, days, config.covariance)
        | _stale_days(deployment, view, days)
        | day_problems(connection, days)
    )
    if model == "sharpe_net":
        with single_threaded():
            gathered = gather_sharpe_net(deployment, connection, grid, days)
    else:
        gathered = gather_predictions(deployment, connection, days)
    remarks = (gathered.remarks, rate_remarks(deployment, view, days))
    return GatheredDays(days, grid, gathered, gathered.problems | problems, remarks)


def _stale_days(deployment: Deployment, view: MarketView, days: Sequence[date]) -> dict[date, Outcome]:
    """Return the days on which an instrument's last bar, or its currency's, is too old for any portfolio."""
    limit = deployment.universe.max_staleness
    titles = {name: name for name in deployment.universe.instrument_ids}
    titles |= {name: f"the exchange rate {name}" for name in used_rates(deployment)}
    problems = {}
    for position, day in enumerate(days):
        old = [
            f"{title} ({view.staleness[name][position]} sessions)"
            for name, title in titles.items()
            if view.staleness[name][position] > limit
        ]
        if old:
            reason = (
                f"The last bars of {', '.join(old)} lag behind by more than the {limit} of max_staleness."
            )
            problems[day] = Outcome(day, "", "refused", reason)
    return problems
