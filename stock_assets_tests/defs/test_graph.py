"""The graph as data: assets, what is said of them, jobs, and who depends on whom."""

from collections.abc import Iterator

import dagster as dg
import pytest

from stock_assets.defs.calendar_check import CALENDAR_CHECKS
from stock_assets.defs.descriptions import PRICE_CHECKS
from stock_assets.defs.freshness_check import DAYS_ARE_FRESH, FRESHNESS_JOB
from stock_assets.defs.on_demand import ON_DEMAND_JOB
from stock_assets.pipeline.deployment import current_deployment
from stock_assets.storage.tables import TABLES
from stock_assets_tests.defs.environments import definitions_of, sample_environment
from stock_assets_tests.worlds import World, environment

MADE_UP = ("jp_index", "jp_stock", "uk_fund", "gold", "us_index", "us10y")
SAMPLE = ("aapl", "amd", "cvx", "ge", "jpm", "lly", "msft", "xom", "jnj", "ko", "pep", "pg", "wmt")
PORTFOLIOS = ("alpha", "black_litterman", "sharpe_net")
UNIVERSES = {"made_up": MADE_UP, "sample": SAMPLE}


@pytest.fixture(scope="module", params=list(UNIVERSES))
def universe(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[tuple[str, ...], dg.Definitions]]:
    """The instruments of a universe, and its definitions."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "made_up":
        World.install(folder / "world")
        variables = environment(folder / "world")
    else:
        variables = sample_environment(folder)
    with definitions_of(variables) as defs:
        yield UNIVERSES[request.param], defs


Universe = tuple[tuple[str, ...], dg.Definitions]


def parents(name: str, instruments: tuple[str, ...]) -> set[str]:
    """What the table of assets says of an asset's inputs."""
    folder, _, instrument = name.partition("/")
    if name == "price_history":
        return set()
    if name == "close_prices":
        return {"price_history"}
    if folder in ("stage1_model", "sharpe_net_model"):
        return {"price_history", "close_prices"}
    if folder == "stage1_prediction":
        return {"close_prices", f"stage1_model/{instrument}"}
    if name == "portfolio_weights/sharpe_net":
        return {"close_prices", "sharpe_net_model"}
    return {"close_prices", *(f"stage1_prediction/{one}" for one in instruments)}


def keys(instruments: tuple[str, ...]) -> set[str]:
    each = {f"{folder}/{name}" for folder in ("stage1_model", "stage1_prediction") for name in instruments}
    weights = {f"portfolio_weights/{model}" for model in PORTFOLIOS}
    return {"price_history", "close_prices", "sharpe_net_model"} | each | weights


def test_exactly_these_assets_are_there(universe: Universe) -> None:
    instruments, defs = universe
    found = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    assert found == keys(instruments)


def test_every_asset_depends_on_what_it_reads(universe: Universe) -> None:
    instruments, defs = universe
    graph = defs.resolve_asset_graph()
    for name in keys(instruments):
        found = {key.to_user_string() for key in graph.get(key_of(name)).parent_keys}
        assert found == parents(name, instruments), name


GROUPS = {
    "price_history": ("prices", {"pandas"}, "price_bars"),
    "close_prices": ("prices", {"pandas"}, "price_bars"),
    "stage1_model": ("stage1_models", {"pytorch"}, "models"),
    "stage1_prediction": ("stage1_predictions", {"pytorch"}, "stage1_predictions"),
    "sharpe_net_model": ("portfolios", {"pytorch"}, "models"),
    "portfolio_weights": ("portfolios", {"skfolio"}, "portfolio_weights"),
}


def test_what_the_lineage_page_says_of_every_asset(universe: Universe) -> None:
    instruments, defs = universe
    graph = defs.resolve_asset_graph()
    for name in keys(instruments):
        node = graph.get(key_of(name))
        group, kinds, table = GROUPS[name.partition("/")[0]]
        if name == "portfolio_weights/sharpe_net":
            kinds = {"pytorch"}
        assert node.group_name == group
        assert node.kinds == kinds
        assert node.owners == ["team:quant"]
        assert node.description and "{" not in node.description
        schema = node.metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns] == [one.name for one in TABLES[table].columns]
        for column in schema.columns:
            assert column.description, column.name
            assert column.constraints.nullable == (
                next(one for one in TABLES[table].columns if one.name == column.name).role == "optional"
            )


def test_descriptions_name_their_instrument_and_its_numbers(universe: Universe) -> None:
    _, defs = universe
    graph, deployment = defs.resolve_asset_graph(), current_deployment()
    for instrument in deployment.universe.instruments:
        assert instrument.name in graph.get(key_of(f"stage1_model/{instrument.id}")).description
        prediction = graph.get(key_of(f"stage1_prediction/{instrument.id}")).description
        assert instrument.name in prediction
        assert f"over {deployment.config.stage1.horizon} sessions" in prediction
        assert f"the last {deployment.config.stage1.lookback} sessions" in prediction


@pytest.mark.parametrize(
    ("table", "column", "unit"),
    [
        ("price_bars", "close", "or percent"),
        ("price_bars", "open", "in currency and unit"),
        ("price_bars", "dividend", "in currency per unit"),
        ("price_bars", "known_at", "UTC"),
        ("stage1_predictions", "predicted_return", "decimal"),
        ("portfolio_weights", "weight", "from 0 to 1"),
        ("models", "cutoff", "knows nothing due from then on"),
    ],
)
def test_columns_say_their_unit(universe: Universe, table: str, column: str, unit: str) -> None:
    instruments, defs = universe
    prefix = next(prefix for prefix, said in GROUPS.items() if said[2] == table)
    name = next(name for name in sorted(keys(instruments)) if name.partition("/")[0] == prefix)
    schema = defs.resolve_asset_graph().get(key_of(name)).metadata["dagster/column_schema"]
    (found,) = (one for one in schema.columns if one.name == column)
    assert unit in found.description


def test_the_checks_of_close_prices(universe: Universe) -> None:
    _, defs = universe
    found = defs.resolve_asset_graph().asset_check_keys
    assert {(key.asset_key.to_user_string(), key.name) for key in found} == {
        ("close_prices", name) for name in (*PRICE_CHECKS, *CALENDAR_CHECKS, DAYS_ARE_FRESH)
    }


def test_jobs_and_what_they_run(universe: Universe) -> None:
    instruments, defs = universe
    models = {f"stage1_model/{name}" for name in instruments} | {"sharpe_net_model"}
    expected = {
        "history": {"price_history"},
        "training": models,
        "daily": keys(instruments) - models - {"price_history"},
    }
    found = {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    assert found == {*expected, ON_DEMAND_JOB, FRESHNESS_JOB, "prune_runs"}
    assert not defs.resolve_job_def(ON_DEMAND_JOB).asset_layer.executable_asset_keys
    for name, assets in expected.items():
        job = defs.resolve_job_def(name)
        selected = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
        assert selected == assets
        assert job.description


def test_what_starts_runs_by_itself(universe: Universe) -> None:
    repository = universe[1].get_repository_def()
    sensors = {sensor.name: sensor for sensor in repository.sensor_defs}
    schedules = {schedule.name: schedule for schedule in repository.schedule_defs}
    assert set(sensors) == {"daily", "missed_training", "deliver_alerts", "run_alerts"}
    assert set(schedules) == {"training", "freshness", "prune_runs_schedule"}
    assert {target.job_name for target in sensors["daily"].targets} == {"daily", "history"}
    assert sensors["missed_training"].job_name == schedules["training"].job_name == "training"


def test_a_training_step_is_one_network_and_predictions_are_one_step(universe: Universe) -> None:
    instruments, defs = universe
    training = {node.name for node in defs.resolve_job_def("training").nodes}
    assert training == {f"stage1_model__{name}" for name in instruments} | {"sharpe_net_model"}
    daily = {node.name for node in defs.resolve_job_def("daily").nodes}
    assert daily == {"close_prices", "stage1_predictions"} | {
        f"portfolio_weights__{model}" for model in PORTFOLIOS
    }


def test_ranges_are_one_run_a_year_and_cutoffs_one_run_each(universe: Universe) -> None:
    instruments, defs = universe
    graph = defs.resolve_asset_graph()
    for name in keys(instruments) - {"price_history"}:
        node = graph.get(key_of(name))
        training = name.partition("/")[0] in ("stage1_model", "sharpe_net_model")
        assert node.backfill_policy == dg.BackfillPolicy.multi_run(1 if training else 300), name
    assert graph.get(key_of("price_history")).partitions_def is None


def test_a_universe_without_portfolios_has_none_of_their_assets(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    world = World.install(tmp_path_factory.mktemp("alone") / "world")
    (world.deployment.config.folder / "portfolios.yaml").unlink()
    with definitions_of(environment(world.folder)) as defs:
        found = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
        assert found == {
            name for name in keys(MADE_UP) if not name.startswith(("portfolio_weights", "sharpe_net"))
        }
        training = defs.resolve_job_def("training").asset_layer.executable_asset_keys
        assert {key.to_user_string() for key in training} == {f"stage1_model/{name}" for name in MADE_UP}


def key_of(name: str) -> dg.AssetKey:
    return dg.AssetKey(name.split("/"))
