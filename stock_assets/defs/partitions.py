"""The two partition sets, and how one depends on the other.

Daily partitions are keyed by trading day D, training partitions by cutoff C. Both are in UTC. A key is
the start of its window; the window of D ends at the decision time of D. All assets share one definition of
each set: to make it takes as long as the rest of an asset.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

import dagster as dg

from stock_assets.cutoffs import cutoffs_between, next_cutoff
from stock_assets.pipeline.deployment import Deployment

DATE_FORMAT = "%Y-%m-%d"
WEEKENDS = ("0 0 * * 6", "0 0 * * 0")

#: A year a run: a range is one vectorised pass, and a broken backfill keeps the years that it has.
DAILY_BACKFILL = dg.BackfillPolicy.multi_run(max_partitions_per_run=300)


@lru_cache(maxsize=1)
def daily_partitions(deployment: Deployment) -> dg.TimeWindowPartitionsDefinition:
    """Return one partition a trading day.

    Weekends are excluded as cron strings, since Dagster scans dated exclusions one by one; the weekdays
    on which no exchange trades are dated. A cron of weekdays instead would hide Friday until Monday, and an
    ``end_offset`` would show a future Monday on Saturday.
    """
    days = deployment.partition_days
    closed = [_midnight(day) for day in days.weekdays_off(days.first, days.last)]
    return dg.TimeWindowPartitionsDefinition(
        start=_midnight(days.first),
        end=_midnight(days.last + timedelta(days=1)) if deployment.universe.end is not None else None,
        cron_schedule="0 0 * * *",
        fmt=DATE_FORMAT,
        exclusions=[*WEEKENDS, *closed],
    )


@lru_cache(maxsize=1)
def cutoff_partitions(deployment: Deployment) -> dg.TimeWindowPartitionsDefinition:
    """Return one partition a cutoff: from the last one on or before the first trading day.

    ``end_offset=1`` makes a cutoff available from its first moment on; the ``end`` of a universe that
    ends lies after the last cutoff's window, and so lists that cutoff too.
    """
    cron = deployment.universe.cutoffs
    days = deployment.partition_days
    cutoffs = cutoffs_between(cron, days.first, days.last)
    ended = deployment.universe.end is not None
    return dg.TimeWindowPartitionsDefinition(
        start=_midnight(cutoffs[0]),
        end=_midnight(next_cutoff(cron, cutoffs[-1])) if ended else None,
        cron_schedule=cron,
        fmt=DATE_FORMAT,
        end_offset=0 if ended else 1,
    )


def days_before_cutoff() -> dg.TimeWindowPartitionMapping:
    """Map a cutoff to trading days before it.

    The default mapping would tie a cutoff to the days that follow it, which is look-ahead. The first
    cutoff's days lie before the first partition: ``price_history`` holds them.
    """
    return dg.TimeWindowPartitionMapping(
        start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True
    )


def newest_cutoff() -> dg.TimeWindowPartitionMapping:
    """Map a trading day to the last cutoff on or before it."""
    return dg.TimeWindowPartitionMapping()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
