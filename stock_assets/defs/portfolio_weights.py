"""``portfolio_weights/<model>``: the published portfolios, one asset a model with both profiles."""

from datetime import UTC, date, datetime

import dagster as dg

from stock_assets.config.base_currency import currency_sentence
from stock_assets.config.portfolios import PORTFOLIO_MODELS, PortfolioModel
from stock_assets.defs.columns import WEIGHT_COLUMNS
from stock_assets.defs.descriptions import PORTFOLIO_WEIGHTS
from stock_assets.defs.failures import repeats_what_may_pass, step_retries
from stock_assets.defs.partitions import DAILY_BACKFILL, daily_partitions, newest_cutoff
from stock_assets.defs.resources import DatabaseResource
from stock_assets.pipeline.deployment import Deployment, current_deployment


def portfolio_deps(deployment: Deployment, model: PortfolioModel) -> list[dg.AssetDep]:
    """Return what a model is computed from."""
    if model == "sharpe_net":
        return [
            dg.AssetDep("close_prices"),
            dg.AssetDep("sharpe_net_model", partition_mapping=newest_cutoff()),
        ]
    predictions = [dg.AssetDep(["stage1_prediction", name]) for name in deployment.universe.instrument_ids]
    return [dg.AssetDep("close_prices"), *predictions]


def portfolio_weights_asset(deployment: Deployment, model: PortfolioModel) -> dg.AssetsDefinition:
    """Return the asset of one portfolio model."""

    @dg.asset(
        key=["portfolio_weights", model],
        group_name="portfolios",
        partitions_def=daily_partitions(deployment),
        retry_policy=step_retries(deployment),
        backfill_policy=DAILY_BACKFILL,
        deps=portfolio_deps(deployment, model),
        kinds={"pytorch"} if model == "sharpe_net" else {"skfolio"},
        owners=list(deployment.universe.owners),
        description=f"{PORTFOLIO_WEIGHTS[model]}\n\n{currency_sentence(deployment.universe)}",
        metadata={"dagster/column_schema": WEIGHT_COLUMNS},
    )
    @repeats_what_may_pass
    def portfolio_weights(context: dg.AssetExecutionContext, database: DatabaseResource) -> None:
        from stock_assets.defs.daily_metadata import add_weights_metadata
        from stock_assets.pipeline.portfolios import weigh_days

        report = weigh_days(
            deployment,
            database.engine,
            model,
            [date.fromisoformat(key) for key in context.partition_keys],
            run_id=context.run.run_id,
            now=datetime.now(UTC),
        )
        add_weights_metadata(context, deployment, model, report)

    return portfolio_weights


@dg.definitions
def defs() -> dg.Definitions:
    """Return one asset a model, if the universe has portfolios."""
    deployment = current_deployment()
    models = PORTFOLIO_MODELS if deployment.config.portfolios else ()
    return dg.Definitions(assets=[portfolio_weights_asset(deployment, model) for model in models])
