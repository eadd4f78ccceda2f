"""``stage1_prediction/<instrument>``: what each network predicts at the decision time of a trading day.

All instruments are one multi-asset: one process and one import of torch predict them all, and any subset
can be materialized on its own.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import dagster as dg

from stock_assets.defs.columns import PREDICTION_COLUMNS
from stock_assets.defs.descriptions import STAGE1_PREDICTION
from stock_assets.defs.failures import repeats_what_may_pass, step_retries
from stock_assets.defs.partitions import DAILY_BACKFILL, daily_partitions, newest_cutoff
from stock_assets.defs.resources import DatabaseResource
from stock_assets.pipeline.deployment import Deployment, current_deployment


def prediction_spec(deployment: Deployment, instrument: str) -> dg.AssetSpec:
    """Return the asset of one instrument's predictions."""
    return dg.AssetSpec(
        key=["stage1_prediction", instrument],
        group_name="stage1_predictions",
        partitions_def=daily_partitions(deployment),
        deps=[
            dg.AssetDep("close_prices"),
            dg.AssetDep(["stage1_model", instrument], partition_mapping=newest_cutoff()),
        ],
        kinds={"pytorch"},
        owners=list(deployment.universe.owners),
        description=STAGE1_PREDICTION.format(
            name=deployment.universe.instrument(instrument).name,
            horizon=deployment.config.stage1.horizon,
            lookback=deployment.config.stage1.lookback,
        ),
        metadata={"dagster/column_schema": PREDICTION_COLUMNS},
    )


def prediction_assets(deployment: Deployment) -> dg.AssetsDefinition:
    """Return the multi-asset of all instruments' predictions."""

    @dg.multi_asset(
        name="stage1_predictions",
        specs=[prediction_spec(deployment, name) for name in deployment.universe.instrument_ids],
        can_subset=True,
        retry_policy=step_retries(deployment),
        backfill_policy=DAILY_BACKFILL,
    )
    @repeats_what_may_pass
    def stage1_predictions(
        context: dg.AssetExecutionContext, database: DatabaseResource
    ) -> Iterator[dg.MaterializeResult]:
        from stock_assets.defs.daily_metadata import add_prediction_metadata
        from stock_assets.pipeline.stage1 import predict_days

        selected = {key.path[-1] for key in context.selected_asset_keys}
        instruments = [name for name in deployment.universe.instrument_ids if name in selected]
        report = predict_days(
            deployment,
            database.engine,
            instruments,
            [date.fromisoformat(key) for key in context.partition_keys],
            run_id=context.run.run_id,
            now=datetime.now(UTC),
        )
        add_prediction_metadata(context, report)
        for name in instruments:
            yield dg.MaterializeResult(asset_key=["stage1_prediction", name])

    return stage1_predictions


@dg.definitions
def defs() -> dg.Definitions:
    """Return all instruments' predictions."""
    return dg.Definitions(assets=[prediction_assets(current_deployment())])
