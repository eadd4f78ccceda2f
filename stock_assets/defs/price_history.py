"""``price_history``: all bars from ``history_start`` up to the first trading day."""

from datetime import UTC, datetime

import dagster as dg

from stock_assets.defs.columns import BAR_COLUMNS
from stock_assets.defs.descriptions import PRICE_HISTORY
from stock_assets.defs.resources import DatabaseResource
from stock_assets.pipeline.deployment import Deployment, current_deployment


def price_history_asset(deployment: Deployment) -> dg.AssetsDefinition:
    """Return the asset that loads the history."""

    @dg.asset(
        key="price_history",
        group_name="prices",
        kinds={"pandas"},
        owners=list(deployment.universe.owners),
        description=PRICE_HISTORY,
        metadata={"dagster/column_schema": BAR_COLUMNS},
    )
    def price_history(context: dg.AssetExecutionContext, database: DatabaseResource) -> dg.MaterializeResult:
        from stock_assets.defs.price_metadata import history_metadata
        from stock_assets.market_data.sources import build_sources
        from stock_assets.pipeline.prices import history_gaps, load_history
        from stock_assets.storage.engine import read_transaction

        sources = build_sources(deployment.universe, deployment.config.folder, deployment.settings)
        with read_transaction(database.engine) as connection:
            gaps = history_gaps(deployment, connection)
        reports = {}
        for number, (instrument, gap) in enumerate(gaps.items(), start=1):
            # Each instrument is its own transaction: a kill keeps those that are done.
            reports[instrument] = load_history(
                deployment,
                database.engine,
                sources,
                instrument,
                gap,
                run_id=context.run.run_id,
                now=datetime.now(UTC),
            )
            context.log.info(
                "%d of %d: %s, %d bars", number, len(gaps), instrument, reports[instrument].stored.added
            )
        return dg.MaterializeResult(metadata=history_metadata(deployment, reports))

    return price_history


@dg.definitions
def defs() -> dg.Definitions:
    """Return the asset."""
    return dg.Definitions(assets=[price_history_asset(current_deployment())])
