"""``sharpe_net_model``: the end-to-end portfolio network of a cutoff."""

from datetime import UTC, date, datetime

import dagster as dg

from stock_assets.config.base_currency import currency_of_returns
from stock_assets.defs.columns import MODEL_COLUMNS
from stock_assets.defs.descriptions import SHARPE_NET_MODEL
from stock_assets.defs.failures import repeats_what_may_pass, step_retries
from stock_assets.defs.partitions import cutoff_partitions, days_before_cutoff
from stock_assets.defs.resources import DatabaseResource
from stock_assets.pipeline.deployment import Deployment, current_deployment


def sharpe_net_model_asset(deployment: Deployment) -> dg.AssetsDefinition:
    """Return the asset that trains the Sharpe net."""

    @dg.asset(
        key="sharpe_net_model",
        group_name="portfolios",
        partitions_def=cutoff_partitions(deployment),
        retry_policy=step_retries(deployment),
        backfill_policy=dg.BackfillPolicy.multi_run(1),
        deps=[
            dg.AssetDep("price_history"),
            dg.AssetDep("close_prices", partition_mapping=days_before_cutoff()),
        ],
        kinds={"pytorch"},
        owners=list(deployment.universe.owners),
        description=SHARPE_NET_MODEL.format(currency=currency_of_returns(deployment.universe)),
        metadata={"dagster/column_schema": MODEL_COLUMNS},
    )
    @repeats_what_may_pass
    def sharpe_net_model(
        context: dg.AssetExecutionContext, database: DatabaseResource
    ) -> dg.MaterializeResult:
        from stock_assets.defs.training_metadata import epoch_logger, sharpe_net_metadata
        from stock_assets.pipeline import portfolios

        record, trained = portfolios.train(
            deployment,
            database.engine,
            date.fromisoformat(context.partition_key),
            run_id=context.run.run_id,
            now=datetime.now(UTC),
            logger=context.log,
            on_epoch=epoch_logger(context.log, portfolios.portfolios_config(deployment).sharpe_net.training),
        )
        return dg.MaterializeResult(metadata=sharpe_net_metadata(record, trained))

    return sharpe_net_model


@dg.definitions
def defs() -> dg.Definitions:
    """Return the asset, if the universe has portfolios."""
    deployment = current_deployment()
    return dg.Definitions(assets=[sharpe_net_model_asset(deployment)] if deployment.config.portfolios else [])
