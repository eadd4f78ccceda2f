"""``price_history``: all bars from ``history_start`` up to the first trading day."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from stock_assets.defs.columns import BAR_COLUMNS
from stock_assets.defs.descriptions import PRICE_HISTORY
from stock_assets.defs.resources import DatabaseResource
from stock_assets.errors import HistoryIncomplete, SourceError, SourceUnavailable
from stock_assets.pipeline.deployment import Deployment, current_deployment

if TYPE_CHECKING:
    import pandas as pd


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
        from stock_assets.pipeline.price_gaps import history_gaps
        from stock_assets.pipeline.prices import load_history
        from stock_assets.storage.engine import read_transaction
        from stock_assets.storage.lost_connections import again_if_lost

        sources = build_sources(deployment.universe, deployment.config.folder, deployment.settings)

        @again_if_lost
        def find_gaps() -> "Mapping[str, pd.DataFrame]":
            with read_transaction(database.engine) as connection:
                return history_gaps(deployment, connection)

        gaps = find_gaps()
        reports, failures = {}, {}
        for number, (instrument, gap) in enumerate(gaps.items(), start=1):
            started = time.monotonic()
            # Each instrument is its own transaction: a kill keeps those that are done.
            try:
                report = load_history(
                    deployment,
                    database.engine,
                    sources,
                    instrument,
                    gap,
                    run_id=context.run.run_id,
                    now=datetime.now(UTC),
                )
            except SourceError as error:
                failures[instrument] = error
                context.log.warning(f"{number} of {len(gaps)}: {instrument} failed: {error}")
            else:
                reports[instrument] = report
                context.log.info(
                    f"{number} of {len(gaps)}: {instrument}, {report.stored.added:,} bars "
                    f"from {report.source} in {time.monotonic() - started:.1f} s"
                )
        metadata = history_metadata(deployment, reports)
        if failures:
            raise _failure(failures, metadata)
        return dg.MaterializeResult(metadata=metadata)

    return price_history


def _failure(failures: Mapping[str, SourceError], metadata: dict) -> dg.Failure:
    """Return the failure that names all instruments without their history, with its cause."""
    reasons = "; ".join(f"{name}: {str(error).rstrip('.')}" for name, error in failures.items())
    failure = dg.Failure(
        f"The sources of {', '.join(failures)} failed, and the bars of the others are stored: {reasons}.",
        metadata=metadata,
        # Asking again helps only if that may help each of them.
        allow_retries=all(isinstance(error, SourceUnavailable) for error in failures.values()),
    )
    failure.__cause__ = HistoryIncomplete(failure.description)
    return failure


@dg.definitions
def defs() -> dg.Definitions:
    """Return the asset."""
    return dg.Definitions(assets=[price_history_asset(current_deployment())])
