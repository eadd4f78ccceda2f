"""The made-up universe seen from Tokyo: yen as its base currency, a dollar rate, and a covariate."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from stock_assets_tests import made_up
from stock_assets_tests.worlds import World

#: A Friday, with a cutoff on the next trading day; and New York's holiday before it, when London traded.
DAY = date(2021, 1, 29)
HOLIDAY = date(2021, 1, 18)
FIRST_CUTOFF, SECOND_CUTOFF = date(2021, 1, 15), date(2021, 2, 1)
#: The days with predictions and weights: two weeks until DAY, and some after it.
FIRST, LAST = date(2021, 1, 15), date(2021, 2, 4)

CURRENCY = "base_currency: JPY\n"
#: Closes in London and is published a day later.
RATE = """exchange_rates:
  - id: usd_jpy
    name: Dollar in yen
    exchange: XLON
    currency: JPY
    unit_currency: USD
    publication_lag: P1D
    sources: [{source: csv, symbol: USDJPY}]
"""
COVARIATE = """covariates:
  - id: vix
    name: Volatility
    exchange: XNYS
    currency: USD
    return_kind: price
    sources: [{source: csv, symbol: VIX}]
"""


def install(folder: Path, spoil: Callable[[World], None] = lambda world: None) -> World:
    """Make the deployment with all prices, and with the networks of the first cutoff.

    The network of gold reads the covariate, that of jp_index the exchange rate.

    Parameters
    ----------
    spoil : callable
        Told the world before anything is loaded.
    """
    world = World.install(folder)
    first = "max_staleness: 3\n"
    world = world.configured("universe.yaml", first, f"{first}{COVARIATE}{CURRENCY}{RATE}")
    world = world.configured("stage1.yaml", "  gold:\n", "  gold:\n    covariates: [vix]\n")
    world = world.configured("stage1.yaml", "covariates: [us_index]", "covariates: [usd_jpy]")
    universe, calendars = world.deployment.universe, world.deployment.calendars
    for added in (*universe.covariates, *universe.exchange_rates):
        made_up.write_prices(world.deployment.config, added, calendars[added.exchange], made_up.SEED)
    spoil(world)
    world.load_history()
    world.load_days(world.days)
    world.train(FIRST_CUTOFF)
    return world


def finish(world: World) -> None:
    """Train two networks of the second cutoff, predict and weigh."""
    world.train(SECOND_CUTOFF, ["gold"])
    days = world.between(FIRST, LAST)
    world.predict(days)
    world.weigh(days)
