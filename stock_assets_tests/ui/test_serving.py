"""``stock-assets ui``: what it serves, what its daemon runs, and how it ends."""

import signal

from stock_assets_tests.commands import Ended, Workplace, needs_proc
from stock_assets_tests.ui.served import Ui, served

INSTRUMENTS = ("jp_index", "jp_stock", "uk_fund", "gold", "us_index", "us10y")
MODELS = ("alpha", "black_litterman", "sharpe_net")
DAILY = (
    ("close_prices",),
    *(("stage1_prediction", name) for name in INSTRUMENTS),
    *(("portfolio_weights", model) for model in MODELS),
)
DAYS = ("2021-03-22", "2021-03-23", "2021-03-24")

ASSETS = "{assetNodes {assetKey {path} groupName description kinds owners {... on TeamAssetOwner {team}}}}"
LAUNCH = """mutation ($backfill: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfill) {... on LaunchBackfillSuccess {backfillId}}
}"""
BACKFILL = """query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) {... on PartitionBackfill {status numPartitions}}
  runsOrError(filter: {tags: [{key: "dagster/backfill", value: $id}]}) {
    ... on Runs {results {status tags {key value} stepStats {stepKey status}}}
  }
}"""
JOBS = """{workspaceOrError {... on Workspace {locationEntries {locationOrLoadError {
  ... on RepositoryLocation {name repositories {jobs {name runs(limit: 20) {status}}}}
}}}}}"""


@needs_proc
def test_the_ui_shows_everything_its_daemon_runs_a_backfill_and_nothing_outlives_it(
    finished: Workplace,
) -> None:
    before = finished.contents()
    with served(finished) as ui:
        the_graph_is_there(ui)
        the_runs_of_the_command_line_stand_on_their_jobs_pages(ui)
        a_second_one_on_the_port_says_so(finished, ui)
        a_backfill_of_all_daily_assets_is_one_run_with_a_range(ui)
        ui.command.signal(signal.SIGTERM)
        ended = ui.command.end()
    assert ended.status == 0
    assert f"Serving made_up on {ui.url} (stop with Ctrl-C)" in ended.out
    assert "Traceback" not in ended.said and "Warning" not in ended.said
    finished.wait_until_deserted()
    assert finished.contents() == before
    assert set(finished.dagster_runs()) == {(job, "SUCCESS") for job, _ in finished.dagster_runs()}


def the_graph_is_there(ui: Ui) -> None:
    nodes = {tuple(node["assetKey"]["path"]): node for node in ui.ask(ASSETS)["assetNodes"]}
    groups = {key: node["groupName"] for key, node in nodes.items()}
    assert groups == {
        ("price_history",): "prices",
        ("close_prices",): "prices",
        **{("stage1_model", name): "stage1_models" for name in INSTRUMENTS},
        **{("stage1_prediction", name): "stage1_predictions" for name in INSTRUMENTS},
        ("sharpe_net_model",): "portfolios",
        **{("portfolio_weights", model): "portfolios" for model in MODELS},
    }
    for node in nodes.values():
        assert node["description"] and node["kinds"] and node["owners"] == [{"team": "quant"}]


def the_runs_of_the_command_line_stand_on_their_jobs_pages(ui: Ui) -> None:
    (entry,) = ui.ask(JOBS)["workspaceOrError"]["locationEntries"]
    location = entry["locationOrLoadError"]
    assert location["name"] == "stock_assets"
    runs = {job["name"]: len(job["runs"]) for job in location["repositories"][0]["jobs"]}
    assert {name: runs[name] for name in ("history", "daily", "training")} == {
        "history": 1,
        "daily": 3,
        "training": 1,
    }


def a_second_one_on_the_port_says_so(workplace: Workplace, ui: Ui) -> None:
    ended: Ended = workplace.run("ui", "--port", str(ui.port))
    assert ended.fails_with_one_sentence().startswith("The UI cannot be served: Address already in use")


def a_backfill_of_all_daily_assets_is_one_run_with_a_range(ui: Ui) -> None:
    selection = [{"path": list(key)} for key in DAILY]
    launched = ui.ask(LAUNCH, backfill={"assetSelection": selection, "partitionNames": list(DAYS)})
    backfill = launched["launchPartitionBackfill"]["backfillId"]

    def is_over() -> bool:
        return ui.ask(BACKFILL, id=backfill)["partitionBackfillOrError"]["status"].startswith("COMPLETED")

    ui.wait_until(is_over, f"the backfill {backfill} did not end")
    seen = ui.ask(BACKFILL, id=backfill)
    assert seen["partitionBackfillOrError"]["status"] == "COMPLETED_SUCCESS"
    (run,) = seen["runsOrError"]["results"]
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    assert run["status"] == "SUCCESS"
    assert tags["dagster/asset_partition_range_start"] == DAYS[0]
    assert tags["dagster/asset_partition_range_end"] == DAYS[-1]
    steps = {step["stepKey"] for step in run["stepStats"] if step["status"] == "SUCCESS"}
    assert steps == {
        "close_prices",
        "close_prices_days_are_fresh",
        "stage1_predictions",
        *(f"portfolio_weights__{model}" for model in MODELS),
    }
