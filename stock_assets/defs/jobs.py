"""The jobs: one of all daily assets, one of all training assets, and the loading of the history."""

import dagster as dg

from stock_assets.defs.executors import daily_executor, training_executor
from stock_assets.pipeline.deployment import current_deployment

HISTORY_JOB = "history"
DAILY_JOB = "daily"
TRAINING_JOB = "training"


@dg.definitions
def defs() -> dg.Definitions:
    """Return the jobs, and the executor of runs that the UI starts from a selection of assets."""
    config = current_deployment().config
    daily = dg.AssetSelection.assets("close_prices") | dg.AssetSelection.groups("stage1_predictions")
    training = dg.AssetSelection.groups("stage1_models")
    if config.universe.headlines is not None:
        daily |= dg.AssetSelection.assets("headlines")
    if config.portfolios is not None:
        daily |= dg.AssetSelection.key_prefixes("portfolio_weights")
        training |= dg.AssetSelection.assets("sharpe_net_model")
    return dg.Definitions(
        jobs=[
            dg.define_asset_job(
                HISTORY_JOB,
                selection=dg.AssetSelection.assets("price_history"),
                executor_def=daily_executor,
                description="Load all bars from history_start up to the first trading day.",
            ),
            dg.define_asset_job(
                DAILY_JOB,
                selection=daily,
                executor_def=daily_executor,
                description="All daily assets of a trading day, or of a range of them.",
            ),
            dg.define_asset_job(
                TRAINING_JOB,
                selection=training,
                executor_def=training_executor,
                description="Train all networks of a cutoff.",
            ),
        ],
        executor=daily_executor,
    )
