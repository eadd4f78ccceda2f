"""``close_prices``: the bars that belong to a trading day, judged before they are stored."""

from datetime import UTC, date, datetime

import dagster as dg
from pydantic import Field

from stock_assets.defs.calendar_check import CALENDAR_CHECKS, calendar_check
from stock_assets.defs.columns import BAR_COLUMNS
from stock_assets.defs.descriptions import CLOSE_PRICES, PRICE_CHECKS
from stock_assets.defs.failures import repeats_what_may_pass, step_retries
from stock_assets.defs.partitions import DAILY_BACKFILL, daily_partitions
from stock_assets.defs.resources import DatabaseResource
from stock_assets.pipeline.deployment import Deployment, current_deployment


class PriceLoading(dg.Config):
    """What a run of ``close_prices`` asks the sources for."""

    only_missing: bool = Field(
        default=False,
        description="Whether to ask for each instrument only from the first to the last day that needs it: "
        "one that was never settled, or lacks a bar of it. Otherwise all is asked for, to find corrections.",
    )


def close_prices_asset(deployment: Deployment) -> dg.AssetsDefinition:
    """Return the asset that loads the bars of trading days."""

    @dg.asset(
        key="close_prices",
        group_name="prices",
        partitions_def=daily_partitions(deployment),
        retry_policy=step_retries(deployment),
        backfill_policy=DAILY_BACKFILL,
        deps=["price_history"],
        kinds={"pandas"},
        owners=list(deployment.universe.owners),
        description=CLOSE_PRICES,
        metadata={"dagster/column_schema": BAR_COLUMNS},
        check_specs=[
            dg.AssetCheckSpec(name=name, asset="close_prices", description=description)
            for name, description in (PRICE_CHECKS | CALENDAR_CHECKS).items()
        ],
    )
    @repeats_what_may_pass
    def close_prices(
        context: dg.AssetExecutionContext, config: PriceLoading, database: DatabaseResource
    ) -> dg.MaterializeResult:
        from stock_assets.defs.price_checks import price_checks
        from stock_assets.defs.price_metadata import add_days_metadata
        from stock_assets.market_data.sources import build_sources
        from stock_assets.pipeline.prices import load_days

        report = load_days(
            deployment,
            database.engine,
            build_sources(deployment.universe, deployment.config.folder, deployment.settings),
            [date.fromisoformat(key) for key in context.partition_keys],
            run_id=context.run.run_id,
            now=datetime.now(UTC),
            only_missing=config.only_missing,
            logger=context.log,
        )
        add_days_metadata(context, report)
        checks = [*price_checks(report), calendar_check(deployment, datetime.now(UTC).date())]
        return dg.MaterializeResult(check_results=checks)

    return close_prices


@dg.definitions
def defs() -> dg.Definitions:
    """Return the asset."""
    return dg.Definitions(assets=[close_prices_asset(current_deployment())])
