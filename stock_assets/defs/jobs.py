"""The jobs: one of all daily assets, one of all training assets, and the loading of the history.

With them come the sensors and the schedule that start them by themselves.
"""

import dagster as dg

from stock_assets.defs.daily_sensor import daily_sensor
from stock_assets.defs.executors import daily_executor, training_executor
from stock_assets.defs.freshness_check import DAYS_ARE_FRESH
from stock_assets.defs.training_schedule import missed_training_sensor, training_schedule
from stock_assets.pipeline.deployment import current_deployment

HISTORY_JOB = "history"
DAILY_JOB = "daily"
TRAINING_JOB = "training"


@dg.definitions
def defs() -> dg.Definitions:
    """Return the jobs, what starts them, and the executor of runs that the UI starts from a selection."""
    deployment = current_deployment()
    config = deployment.config
    daily = dg.AssetSelection.assets("close_prices") | dg.AssetSelection.groups("stage1_predictions")
    training = dg.AssetSelection.groups("stage1_models")
    if config.universe.headlines is not None:
        daily |= dg.AssetSelection.assets("headlines")
    if config.portfolios is not None:
        daily |= dg.AssetSelection.key_prefixes("portfolio_weights")
        training |= dg.AssetSelection.assets("sharpe_net_model")
    # The check of freshness has a schedule of its own; only runs of chosen assets bring it along.
    daily -= dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("close_prices"), DAYS_ARE_FRESH))
    history_job = dg.define_asset_job(
        HISTORY_JOB,
        selection=dg.AssetSelection.assets("price_history"),
        executor_def=daily_executor,
        description="Load all bars from history_start up to the first trading day.",
    )
    daily_job = dg.define_asset_job(
        DAILY_JOB,
        selection=daily,
        executor_def=daily_executor,
        description="All daily assets of a trading day, or of a range of them.",
    )
    training_job = dg.define_asset_job(
        TRAINING_JOB,
        selection=training,
        executor_def=training_executor,
        # Every other run has the limit of the instance.
        tags={
            "dagster/max_runtime": str(int(config.universe.operations.training_time_limit.total_seconds()))
        },
        description="Train all networks of a cutoff.",
    )
    return dg.Definitions(
        jobs=[history_job, daily_job, training_job],
        sensors=[
            daily_sensor(deployment, daily_job, history_job),
            missed_training_sensor(deployment, training_job),
        ],
        schedules=[training_schedule(deployment, training_job)],
        executor=daily_executor,
    )
