"""``close_prices``: the bars that belong to a trading day, judged before they are stored."""

from datetime import UTC, date, datetime

import dagster as dg

from stock_assets.defs.columns import BAR_COLUMNS
from stock_assets.defs.descriptions import CLOSE_PRICES, PRICE_CHECKS
from stock_assets.defs.partitions import DAILY_BACKFILL, daily_partitions
from stock_assets.defs.resources import DatabaseResource
from stock_assets.pipeline.deployment import Deployment, current_deployment


def close_prices_asset(deployment: Deployment) -> dg.AssetsDefinition:
    """Return the asset that loads the bars of trading days."""

    @dg.asset(
        key="close_prices",
        group_name="prices",
        partitions_def=daily_partitions(deployment),
        backfill_policy=DAILY_BACKFILL,
        deps=["price_history"],
        kinds={"pandas"},
        owners=list(deployment.universe.owners),
        description=CLOSE_PRICES,
        metadata={"dagster/column_schema": BAR_COLUMNS},
        check_specs=[
            dg.AssetCheckSpec(name=name, asset="close_prices", description=description)
            for name, description in PRICE_CHECKS.items()
        ],
    )
    def close_prices(context: dg.AssetExecutionContext, database: DatabaseResource) -> dg.MaterializeResult:
        from stock_assets.defs.price_metadata import add_days_metadata, price_checks
        from stock_assets.market_data.sources import build_sources
        from stock_assets.pipeline.prices import load_days

        report = load_days(
            deployment,
            database.engine,
            build_sources(deployment.universe, deployment.config.folder, deployment.settings),
            [date.fromisoformat(key) for key in context.partition_keys],
            run_id=context.run.run_id,
            now=datetime.now(UTC),
        )
        add_days_metadata(context, report)
        return dg.MaterializeResult(check_results=price_checks(report))

    return close_prices


@dg.definitions
def defs() -> dg.Definitions:
    """Return the asset."""
    return dg.Definitions(assets=[close_prices_asset(current_deployment())])
