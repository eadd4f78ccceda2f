"""Jobs that leave every kind of event in the event log, and the runs of them that the tests compare."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import dagster as dg

DAYS = dg.DailyPartitionsDefinition("2022-01-03", end_date="2022-01-15")
MARKETS = dg.MultiPartitionsDefinition({"day": DAYS, "market": dg.StaticPartitionsDefinition(["kr", "us"])})
UNIVERSES = dg.DynamicPartitionsDefinition(name="universes")
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
TABLES = ("alpha", "beta", "gamma")


class Attempts:
    """How often the step that is to be retried has run, by run id."""

    count: dict[str, int] = {}  # noqa: RUF012 one process runs one of the compared storages at a time


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def close_prices(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    context.log.info("one partition")
    return dg.MaterializeResult(
        metadata={
            "rows": 13,
            "day": context.partition_keys[-1],
            "table": dg.MetadataValue.md("|a|\n|-|\n|1|"),
        },
        tags={"state": "complete"},
    )


@dg.multi_asset(
    specs=[dg.AssetSpec(name, partitions_def=DAYS, deps=[close_prices]) for name in TABLES],
    check_specs=[dg.AssetCheckSpec("sums_to_one", asset="beta"), dg.AssetCheckSpec("finite", asset="alpha")],
    backfill_policy=dg.BackfillPolicy.single_run(),
    can_subset=False,
)
def weights(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    for number, name in enumerate(TABLES):
        for day in context.partition_keys:
            context.add_asset_metadata(
                {"turnover": number / 10, "day": day}, asset_key=name, partition_key=day
            )
        checks = {
            "alpha": [
                dg.AssetCheckResult(
                    asset_key="alpha", check_name="finite", passed=True, metadata={"values": 39}
                )
            ],
            "beta": [
                dg.AssetCheckResult(
                    asset_key="beta",
                    check_name="sums_to_one",
                    passed=False,
                    severity=dg.AssetCheckSeverity.WARN,
                )
            ],
        }.get(name, [])
        yield dg.MaterializeResult(
            asset_key=name,
            metadata={"model": name},
            data_version=dg.DataVersion(f"v{number}"),
            check_results=checks,
        )


@dg.asset(partitions_def=MARKETS, backfill_policy=dg.BackfillPolicy.single_run())
def by_market(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"partitions": len(context.partition_keys)})


@dg.asset(partitions_def=UNIVERSES)
def by_universe() -> None: ...


@dg.asset
def price_history(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    context.log_event(dg.AssetObservation("price_history", metadata={"seen": 1}))
    context.log_event(dg.AssetMaterialization("outside", partition="a", metadata={"rows": 2}))
    context.log_event(dg.AssetMaterialization("outside", partition="b"))
    return dg.MaterializeResult(metadata={"rows": 100_000})


@dg.asset_check(asset=price_history, blocking=False)
def no_duplicates() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, metadata={"duplicates": 0})


@dg.multi_observable_source_asset(specs=[dg.AssetSpec("feed", partitions_def=DAYS)])
def feed(context: dg.AssetExecutionContext) -> Iterator[dg.ObserveResult]:
    yield dg.ObserveResult(asset_key="feed", metadata={"items": 3}, data_version=dg.DataVersion("d1"))


@dg.multi_asset(
    specs=[dg.AssetSpec("before", partitions_def=DAYS), dg.AssetSpec("after", partitions_def=DAYS)],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def fails_halfway(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    yield dg.MaterializeResult(asset_key="before")
    raise dg.Failure("the solver gave up", metadata={"day": context.partition_keys[-1]}, allow_retries=False)


@dg.asset(
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    retry_policy=dg.RetryPolicy(max_retries=1),
)
def second_try(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    Attempts.count[context.run.run_id] = Attempts.count.get(context.run.run_id, 0) + 1
    if Attempts.count[context.run.run_id] == 1:
        raise ConnectionError("the source is busy")
    return dg.MaterializeResult(metadata={"tries": Attempts.count[context.run.run_id]})


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def environment(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    return dg.MaterializeResult(
        metadata={
            "batch_size": os.environ.get("DAGSTER_EVENT_BATCH_SIZE", "unset"),
            "storage": type(context.instance.event_log_storage).__name__,
        }
    )


ASSETS = [
    close_prices,
    weights,
    by_market,
    by_universe,
    price_history,
    feed,
    fails_halfway,
    second_try,
    environment,
]


defs = dg.Definitions(
    assets=ASSETS,
    asset_checks=[no_duplicates],
    jobs=[
        dg.define_asset_job(
            "days",
            selection=dg.AssetSelection.assets(close_prices, weights),
            executor_def=dg.in_process_executor,
        ),
        dg.define_asset_job("markets", selection=[by_market]),
        dg.define_asset_job("universes", selection=[by_universe]),
        dg.define_asset_job("history", selection=dg.AssetSelection.assets(price_history)),
        dg.define_asset_job("feeds", selection=dg.AssetSelection.assets(feed)),
        dg.define_asset_job("failing", selection=dg.AssetSelection.assets(fails_halfway)),
        dg.define_asset_job("retried", selection=[second_try]),
        dg.define_asset_job(
            "environment_job", selection=[environment], executor_def=dg.multiprocess_executor
        ),
    ],
)


def environment_job() -> dg.JobDefinition:
    """Return the job whose steps have a process each, for such a process to load."""
    return defs.resolve_job_def("environment_job")


def days(first: str, last: str) -> dict[str, str]:
    """Return the run tags of a range of days."""
    return {RANGE_START: first, RANGE_END: last}


@dataclass(frozen=True)
class Run:
    """One run: a job, and its partition or its range of partitions."""

    job: str
    partition: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    succeeds: bool = True

    def execute(self, instance: dg.DagsterInstance, run_id: str) -> None:
        """Run it in this process."""
        result = defs.resolve_job_def(self.job).execute_in_process(
            instance=instance,
            run_id=run_id,
            partition_key=self.partition,
            tags=self.tags,
            raise_on_error=False,
        )
        if result.success is not self.succeeds:
            raise RuntimeError(f"{self} ended with success={result.success}")


RUNS = (
    Run("days", "2022-01-03"),
    Run("days", tags=days("2022-01-03", "2022-01-07")),
    Run("markets", tags=days("2022-01-03|us", "2022-01-06|us")),
    Run("universes", "sample"),
    Run("history"),
    Run("feeds", tags=days("2022-01-05", "2022-01-07")),
    Run("failing", tags=days("2022-01-05", "2022-01-07"), succeeds=False),
    Run("retried", tags=days("2022-01-06", "2022-01-12")),
    Run("days", tags=days("2022-01-06", "2022-01-10")),
)


def prepare(instance: dg.DagsterInstance) -> None:
    """Add what the runs need."""
    instance.add_dynamic_partitions("universes", ["sample", "global13"])


def run_all(instance: dg.DagsterInstance) -> None:
    """Execute the runs, with ids that are the same on every storage, and leave another one in progress."""
    prepare(instance)
    for number, run in enumerate(RUNS):
        run.execute(instance, run_id(number))
    instance.create_run_for_job(
        defs.resolve_job_def("days"),
        run_id=run_id(len(RUNS)),
        tags=days("2022-01-10", "2022-01-13"),
        status=dg.DagsterRunStatus.STARTED,
    )


def run_id(number: int) -> str:
    """Return the id of the run with this number: the same on every storage."""
    return f"00000000-0000-4000-8000-{number:012d}"
