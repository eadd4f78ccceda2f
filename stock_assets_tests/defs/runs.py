"""A series of real runs, whose materializations several tests look at."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import dagster as dg

from stock_assets_tests.defs.environments import definitions_of
from stock_assets_tests.defs.test_graph import MADE_UP, PORTFOLIOS, key_of
from stock_assets_tests.worlds import CUTOFFS, World, blemish, correct, environment

#: The range of one run; the day before it is the first that is published.
FIRST, LAST, SINGLE = date(2021, 2, 2), date(2021, 2, 17), date(2021, 2, 18)
BEFORE = date(2021, 2, 1)
DAILY = (
    *(f"stage1_prediction/{name}" for name in MADE_UP),
    *(f"portfolio_weights/{model}" for model in PORTFOLIOS),
)
_RANGE = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@dataclass(frozen=True)
class Runs:
    """What was run, in this order."""

    world: World
    instance: dg.DagsterInstance
    history: dg.ExecuteInProcessResult
    prices: dg.ExecuteInProcessResult
    training: dg.ExecuteInProcessResult
    before: dg.ExecuteInProcessResult
    range_of_days: dg.ExecuteInProcessResult
    single_day: dg.ExecuteInProcessResult

    def metadata(self, asset: str, partition: date | None = None) -> dict[str, object]:
        """The metadata of an asset's newest materialization, as plain values."""
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(
                asset_key=key_of(asset), asset_partitions=None if partition is None else [str(partition)]
            ),
            limit=1,
        ).records
        return {name: value.value for name, value in records[0].asset_materialization.metadata.items()}


@contextmanager
def series_of_runs(world: World) -> Iterator[Runs]:
    """Run the history, all prices, one cutoff, one day, a range and one more day, each by its job."""
    blemish(world)
    correct(world)
    with dg.DagsterInstance.ephemeral() as instance:
        with definitions_of(environment(world.folder)) as defs:

            def run(
                job: str, first: date | None = None, last: date | None = None, assets: tuple[str, ...] = ()
            ) -> dg.ExecuteInProcessResult:
                return run_job(defs, instance, job, first, last, assets)

            runs = Runs(
                world,
                instance,
                history=run("history"),
                prices=run("daily", world.days[0], world.days[-1], ("close_prices",)),
                training=run("training", CUTOFFS[0]),
                before=run("daily", BEFORE, assets=DAILY),
                range_of_days=run("daily", FIRST, LAST),
                single_day=run("daily", SINGLE),
            )
        yield runs


def run_job(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str,
    first: date | None = None,
    last: date | None = None,
    assets: tuple[str, ...] = (),
    *,
    raise_on_error: bool = True,
) -> dg.ExecuteInProcessResult:
    """Run a job in this process: of one partition, of a range of them, or of none."""
    tags = {}
    if first is not None:
        tags = {"dagster/partition": str(first)}
    if last is not None:
        tags = dict(zip(_RANGE, (str(first), str(last)), strict=True))
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        tags=tags,
        asset_selection=[key_of(name) for name in assets] or None,
        raise_on_error=raise_on_error,
    )


def records(value: object) -> list[dict[str, object]]:
    """The rows of a table in the metadata."""
    return [record.data for record in value.records]
