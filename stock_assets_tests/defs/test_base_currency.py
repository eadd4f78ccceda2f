"""What the lineage page says of a universe with a base currency and a covariate."""

from pathlib import Path

from stock_assets_tests.defs.environments import definitions_of
from stock_assets_tests.pipeline.yen_world import COVARIATE, CURRENCY, RATE
from stock_assets_tests.worlds import World, environment


def descriptions(folder: Path) -> dict[str, str]:
    with definitions_of(environment(folder)) as defs:
        graph = defs.resolve_asset_graph()
        return {key.to_user_string(): str(graph.get(key).description) for key in graph.get_all_asset_keys()}


def test_assets_say_the_currency_and_nothing_else_is_drawn(tmp_path: Path) -> None:
    world = World.install(tmp_path / "world")
    local = descriptions(world.folder)
    first = "max_staleness: 3\n"
    world.configured("universe.yaml", first, f"{first}{COVARIATE}{CURRENCY}{RATE}")
    in_yen = descriptions(world.folder)
    assert set(in_yen) == set(local)
    for name in local:
        if name.startswith("portfolio_weights/"):
            assert "Returns are taken in each instrument's own currency, as if hedged" in local[name]
            assert "Returns are taken in JPY, unhedged; predictions are in each" in in_yen[name]
        elif name == "sharpe_net_model":
            assert local[name].endswith("Returns are taken in each instrument's own currency, as if hedged.")
            assert in_yen[name].endswith("Returns are taken in JPY, unhedged.")
        else:
            assert in_yen[name] == local[name]
