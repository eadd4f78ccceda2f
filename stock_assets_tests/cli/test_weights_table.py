"""The table of weights says in which currency returns were taken."""

from io import StringIO

from rich.console import Console

from stock_assets.cli.weights_table import print_last_weights
from stock_assets_tests.pipeline.yen_world import COVARIATE, CURRENCY, RATE
from stock_assets_tests.worlds import World


def printed(world: World) -> str:
    out = StringIO()
    print_last_weights(world.deployment, world.engine, Console(file=out, width=200))
    return out.getvalue()


def test_the_currency_is_said_and_only_instruments_are_shown(world: World) -> None:
    local = printed(world)
    assert "Returns are taken in each instrument's own currency, as if hedged, carry ignored." in local
    assert "other settings" not in local
    first = "max_staleness: 3\n"
    in_yen = printed(world.configured("universe.yaml", first, f"{first}{COVARIATE}{CURRENCY}{RATE}"))
    assert "Returns are taken in JPY, unhedged; predictions are in each instrument's own currency" in in_yen
    assert "These weights were published under other settings than today's" in in_yen
    for name in ("vix", "usd_jpy"):
        assert name not in in_yen
