"""A run as alerts see it: whose work it does, for which partitions, as which attempt."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import dagster as dg

from stock_assets.alerts.facts import BACKFILL_GROUP, RunFacts
from stock_assets.defs.jobs import DAILY_JOB, HISTORY_JOB, TRAINING_JOB
from stock_assets.defs.requested_runs import CLOSED_TAG, REQUEST_TAG

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

#: Runs that are started from a selection of assets have no job of their own.
_SELECTION_JOB = "__ASSET_JOB"
_TRAINED = ("stage1_model", "sharpe_net_model")
_PARTITION, _BACKFILL = "dagster/partition", "dagster/backfill"
_FIRST, _LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
_PARENT, _RETRY = "dagster/parent_run_id", "dagster/retry_number"


@dataclass(frozen=True)
class AlertedRun:
    """A run with what its alerts need.

    Attributes
    ----------
    instance : DagsterInstance
    record : RunRecord
    engine : Engine
        The project's tables.
    ui_url : str
    """

    instance: dg.DagsterInstance
    record: dg.RunRecord
    engine: "sa.Engine"
    ui_url: str

    @property
    def run(self) -> dg.DagsterRun:
        """The run itself."""
        return self.record.dagster_run

    @property
    def job(self) -> str:
        """The job whose work it does, also if it was started from a selection of assets."""
        if self.run.job_name != _SELECTION_JOB:
            return self.run.job_name
        folders = {key.path[0] for key in self.run.asset_selection or ()}
        if folders & set(_TRAINED):
            return TRAINING_JOB
        return HISTORY_JOB if folders == {"price_history"} else DAILY_JOB

    @property
    def partitions(self) -> tuple[str, str] | None:
        """First and last partition, or None."""
        tags = self.run.tags
        if _FIRST in tags and _LAST in tags:
            return tags[_FIRST], tags[_LAST]
        return (tags[_PARTITION], tags[_PARTITION]) if _PARTITION in tags else None

    @property
    def is_retry(self) -> bool:
        """Whether it was started in place of another run, or requested again after one that failed."""
        return _PARENT in self.run.tags or self._runs_before > 0

    @cached_property
    def _runs_before(self) -> int:
        """How many runs have failed since the same was requested for the first time."""
        from stock_assets.storage.engine import read_transaction
        from stock_assets.storage.schedules import failed_requests_before

        own = self.run.tags.get(REQUEST_TAG)
        if own is None:
            return 0
        with read_transaction(self.engine) as connection:
            keys = failed_requests_before(connection, own)
        return sum(self.instance.get_runs_count(dg.RunsFilter(tags={REQUEST_TAG: key})) for key in keys)

    @property
    def facts(self) -> RunFacts:
        """What its messages say of it."""
        tags, partitions = self.run.tags, self.partitions
        single = partitions is not None and partitions[0] == partitions[1]
        span = "" if partitions is None else f" {partitions[0] if single else ' to '.join(partitions)}"
        seconds = self.record.end_time or self.record.create_timestamp.timestamp()
        hour = datetime.fromtimestamp(seconds, UTC)
        backfill = tags.get(_BACKFILL)
        return RunFacts(
            self.run.run_id,
            f"{self.job}{span}",
            f"{self.ui_url}/runs/{self.run.run_id}",
            date.fromisoformat(partitions[0]) if partitions and single and self.job == DAILY_JOB else None,
            self._runs_before + int(tags.get(_RETRY, 0)) + 1,
            f"{BACKFILL_GROUP}{backfill}" if backfill else f"{self.job}/{hour:%Y-%m-%dT%H}",
            tags.get(CLOSED_TAG, ""),
        )

    def events(self, *kinds: dg.DagsterEventType) -> "Sequence[dg.DagsterEvent]":
        """Return its events of some kinds, oldest first."""
        entries = self.instance.all_logs(self.run.run_id, of_type=set(kinds))
        return [entry.dagster_event for entry in entries if entry.dagster_event is not None]
