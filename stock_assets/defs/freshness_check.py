"""``days_are_fresh``: a check of ``close_prices`` that says by the calendar how far each day has come."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from stock_assets.defs.executors import own_process_executor
from stock_assets.defs.resources import DatabaseResource
from stock_assets.pipeline.deployment import Deployment, current_deployment

if TYPE_CHECKING:
    import sqlalchemy as sa

DAYS_ARE_FRESH = "days_are_fresh"
FRESHNESS_JOB = "freshness"
#: An hour after a day is late at the earliest, by the default settings.
_CRON = "0 2 * * *"


def freshness_check(deployment: Deployment) -> dg.AssetChecksDefinition:
    """Return the check, which fails if a trading day is late; a closed market is never late."""

    @dg.asset_check(
        asset="close_prices",
        name=DAYS_ARE_FRESH,
        description="Each trading day of the last weeks is complete by its deadline, which the markets that "
        "were open decide.",
    )
    def check(database: DatabaseResource) -> dg.AssetCheckResult:
        return freshness_result(deployment, database.engine, datetime.now(UTC))

    return check


def freshness_result(deployment: Deployment, engine: "sa.Engine", now: datetime) -> dg.AssetCheckResult:
    """Return the result at a moment, with a row for each calendar day."""
    from stock_assets.pipeline.freshness import calendar_table, day_freshness, days_looked_at
    from stock_assets.storage.engine import read_transaction

    with read_transaction(engine) as connection:
        days = day_freshness(deployment, connection, days_looked_at(deployment, now), now)
    late = [one for one in days if one.is_late]
    rows = [
        dg.TableRecord({"day": str(day), "state": state, "why": why})
        for day, state, why in calendar_table(deployment, days, now)
    ]
    columns = [dg.TableColumn(name, "string") for name in ("day", "state", "why")]
    only_partial = all(one.freshness == "partial" for one in late)
    return dg.AssetCheckResult(
        check_name=DAYS_ARE_FRESH,
        passed=not late,
        severity=dg.AssetCheckSeverity.WARN if only_partial else dg.AssetCheckSeverity.ERROR,
        metadata={
            "trading days": len(days),
            "late": ", ".join(str(one.day) for one in late) or "none",
            "days": dg.MetadataValue.table(rows, schema=dg.TableSchema(columns)),
        },
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Return the check, the job that runs it alone, and its schedule."""
    deployment = current_deployment()
    check = freshness_check(deployment)
    job = dg.define_asset_job(
        FRESHNESS_JOB,
        selection=dg.AssetSelection.checks(check),
        executor_def=own_process_executor,
        description="Say by the calendar which trading days are complete, waiting, partial, late or closed.",
    )
    live = deployment.universe.end is None
    schedule = dg.ScheduleDefinition(
        name=FRESHNESS_JOB,
        job=job,
        cron_schedule=_CRON,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if live else dg.DefaultScheduleStatus.STOPPED,
        description="Looks once a day which trading days are complete, and which are late.",
    )
    return dg.Definitions(asset_checks=[check], jobs=[job], schedules=[schedule])
