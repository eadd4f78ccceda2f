"""``stage1_model/<instrument>``: one network an instrument and cutoff, each trained in a step of its own."""

from datetime import UTC, date, datetime

import dagster as dg

from stock_assets.defs.columns import MODEL_COLUMNS
from stock_assets.defs.descriptions import STAGE1_MODEL
from stock_assets.defs.failures import repeats_what_may_pass, step_retries
from stock_assets.defs.partitions import cutoff_partitions, days_before_cutoff
from stock_assets.defs.resources import DatabaseResource
from stock_assets.pipeline.deployment import Deployment, current_deployment


def stage1_model_asset(deployment: Deployment, instrument: str) -> dg.AssetsDefinition:
    """Return the asset that trains one instrument's network."""

    @dg.asset(
        key=["stage1_model", instrument],
        group_name="stage1_models",
        partitions_def=cutoff_partitions(deployment),
        retry_policy=step_retries(deployment),
        backfill_policy=dg.BackfillPolicy.multi_run(1),
        deps=[
            dg.AssetDep("price_history"),
            dg.AssetDep("close_prices", partition_mapping=days_before_cutoff()),
        ],
        kinds={"pytorch"},
        owners=list(deployment.universe.owners),
        description=STAGE1_MODEL.format(name=deployment.universe.instrument(instrument).name),
        metadata={"dagster/column_schema": MODEL_COLUMNS},
    )
    @repeats_what_may_pass
    def stage1_model(context: dg.AssetExecutionContext, database: DatabaseResource) -> dg.MaterializeResult:
        # torch and matplotlib are imported by the step that trains, and by nothing that only looks.
        from stock_assets.defs.training_metadata import epoch_logger, stage1_metadata
        from stock_assets.pipeline import stage1

        cutoff = date.fromisoformat(context.partition_key)
        record, trained = stage1.train(
            deployment,
            database.engine,
            instrument,
            cutoff,
            run_id=context.run.run_id,
            now=datetime.now(UTC),
            logger=context.log,
            on_epoch=epoch_logger(context.log, deployment.config.stage1.for_instrument(instrument).training),
        )
        return dg.MaterializeResult(metadata=stage1_metadata(record, trained))

    return stage1_model


@dg.definitions
def defs() -> dg.Definitions:
    """Return one asset an instrument."""
    deployment = current_deployment()
    return dg.Definitions(
        assets=[stage1_model_asset(deployment, name) for name in deployment.universe.instrument_ids]
    )
