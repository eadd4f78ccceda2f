"""Which partitions there are, and which of them depend on which."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from stock_assets.defs import sharpe_net_model, stage1_models, stage1_predictions
from stock_assets_tests.defs.environments import definitions_of, sample_environment
from stock_assets_tests.defs.test_graph import MADE_UP, key_of
from stock_assets_tests.lookahead import LookAhead
from stock_assets_tests.worlds import World, environment

CLOSE_PRICES = key_of("close_prices")
TRAINED = (*(f"stage1_model/{name}" for name in MADE_UP), "sharpe_net_model")
#: Every test asks what there is at some moment, so that none depends on the day on which it runs.
AFTER_THE_END = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    world = World.install(tmp_path_factory.mktemp("made_up") / "world")
    return environment(world.folder)


@pytest.fixture(scope="module")
def graph(variables: dict[str, str]) -> Iterator[AssetGraph]:
    with definitions_of(variables) as defs:
        yield defs.resolve_asset_graph()


@pytest.fixture(scope="module")
def live_graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AssetGraph]:
    """Of the same universe without an end."""
    world = World.install(tmp_path_factory.mktemp("live") / "world")
    world.configured("universe.yaml", "end: 2021-03-31", "")
    with definitions_of(environment(world.folder)) as defs:
        yield defs.resolve_asset_graph()


def partition_keys(graph: AssetGraph, name: str, now: datetime = AFTER_THE_END) -> list[date]:
    partitions = graph.get(key_of(name)).partitions_def
    return [date.fromisoformat(key) for key in partitions.get_partition_keys(current_time=now)]


def upstream(graph: AssetGraph, name: str, parent: str, key: date) -> list[date]:
    """The partitions of a parent that a partition reads, as Dagster maps them."""
    partitions, parent_partitions = (graph.get(key_of(one)).partitions_def for one in (name, parent))
    result = graph.get_partition_mapping(
        key_of(name), key_of(parent)
    ).get_upstream_mapped_partitions_result_for_partitions(
        downstream_partitions_subset=partitions.subset_with_partition_keys([str(key)]),
        downstream_partitions_def=partitions,
        upstream_partitions_def=parent_partitions,
        current_time=AFTER_THE_END,
    )
    return sorted(date.fromisoformat(one) for one in result.partitions_subset.get_partition_keys())


def demand_days_before_cutoffs(graph: AssetGraph) -> None:
    """Demand that a training partition reads no trading day that is not over at its cutoff.

    Raises
    ------
    LookAhead
        With the asset, the cutoff and the day.
    """
    for name in TRAINED:
        for cutoff in partition_keys(graph, name):
            for day in upstream(graph, name, "close_prices", cutoff):
                if day >= cutoff:
                    raise LookAhead(f"{name} of the cutoff {cutoff} reads close_prices of {day}.")


def test_daily_partitions_are_the_trading_days(graph: AssetGraph) -> None:
    days = partition_keys(graph, "close_prices")
    assert (days[0], days[-1]) == (date(2020, 12, 28), date(2021, 3, 31))
    weekdays = [
        day
        for day in (date(2020, 12, 28) + timedelta(days=number) for number in range(94))
        if day.weekday() < 5
    ]
    # New Year is the one weekday on which none of the three exchanges trades. Holidays of New York or Tokyo
    # alone, and Tokyo's Saturday session, leave no trace.
    assert days == [day for day in weekdays if day != date(2021, 1, 1)]
    assert len(days) == 67


def test_all_daily_assets_have_the_same_partitions(graph: AssetGraph) -> None:
    daily = graph.get(CLOSE_PRICES).partitions_def
    for key in graph.get_all_asset_keys():
        name = key.to_user_string()
        if name.startswith(("stage1_prediction", "portfolio_weights")):
            assert graph.get(key).partitions_def == daily, name


def test_cutoffs_reach_from_before_the_first_day_to_the_last_one(graph: AssetGraph) -> None:
    for name in TRAINED:
        assert partition_keys(graph, name) == [
            date(2020, 12, 15),
            date(2021, 1, 1),
            date(2021, 1, 15),
            date(2021, 2, 1),
            date(2021, 2, 15),
            date(2021, 3, 1),
            date(2021, 3, 15),
        ]


def test_partitions_of_the_sample(tmp_path_factory: pytest.TempPathFactory) -> None:
    with definitions_of(sample_environment(tmp_path_factory.mktemp("sample"))) as defs:
        graph = defs.resolve_asset_graph()
        days = partition_keys(graph, "close_prices")
        cutoffs = partition_keys(graph, "sharpe_net_model")
    assert len(days) == 501
    assert sum(day.year == 2022 for day in days) == 249
    assert (days[0], days[-1]) == (date(2021, 1, 4), date(2022, 12, 28))
    # Twice a month for two years, from the first one on.
    months = [(year, month) for year in (2021, 2022) for month in range(1, 13)]
    assert cutoffs == [date(*month, day) for month in months for day in (1, 15)]


@pytest.mark.parametrize(
    ("now", "last"),
    [
        (datetime(2021, 2, 5, 23, 59, tzinfo=UTC), date(2021, 2, 4)),
        # A Friday ends at midnight, and nothing follows before Tuesday.
        (datetime(2021, 2, 6, tzinfo=UTC), date(2021, 2, 5)),
        (datetime(2021, 2, 7, 12, tzinfo=UTC), date(2021, 2, 5)),
        (datetime(2021, 2, 8, 12, tzinfo=UTC), date(2021, 2, 5)),
        (datetime(2021, 2, 9, tzinfo=UTC), date(2021, 2, 8)),
    ],
)
@pytest.mark.parametrize("which", ["graph", "live_graph"])
def test_a_trading_day_is_there_from_its_decision_time_on(
    request: pytest.FixtureRequest, which: str, now: datetime, last: date
) -> None:
    graph = request.getfixturevalue(which)
    assert partition_keys(graph, "close_prices", now)[-1] == last


@pytest.mark.parametrize(
    ("now", "last"),
    [
        (datetime(2021, 2, 14, 23, 59, tzinfo=UTC), date(2021, 2, 1)),
        (datetime(2021, 2, 15, tzinfo=UTC), date(2021, 2, 15)),
        (datetime(2021, 2, 28, 23, 59, tzinfo=UTC), date(2021, 2, 15)),
    ],
)
def test_a_cutoff_of_a_live_universe_is_there_from_its_first_moment_on(
    live_graph: AssetGraph, now: datetime, last: date
) -> None:
    assert partition_keys(live_graph, "stage1_model/gold", now)[-1] == last


def test_a_cutoff_reads_the_days_between_it_and_the_cutoff_before(graph: AssetGraph) -> None:
    days = partition_keys(graph, "close_prices")
    for name in TRAINED:
        cutoffs = partition_keys(graph, name)
        assert upstream(graph, name, "close_prices", cutoffs[0]) == []
        for before, cutoff in pairwise(cutoffs):
            first = days.index(next(day for day in days if day >= before))
            # Of a window that begins on a day off, Dagster takes the day before it too.
            first -= days[first] != before and first > 0
            expected = [day for day in days[first:] if day < cutoff]
            assert upstream(graph, name, "close_prices", cutoff) == expected
            assert expected


@pytest.mark.parametrize("which", ["graph", "live_graph"])
def test_no_cutoff_reads_a_day_that_is_not_over(request: pytest.FixtureRequest, which: str) -> None:
    demand_days_before_cutoffs(request.getfixturevalue(which))


@pytest.mark.parametrize("module", [stage1_models, sharpe_net_model])
def test_the_default_mapping_is_caught(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, module: object
) -> None:
    monkeypatch.setattr(module, "days_before_cutoff", dg.TimeWindowPartitionMapping)
    with definitions_of(variables) as defs, pytest.raises(LookAhead, match="reads close_prices of"):
        demand_days_before_cutoffs(defs.resolve_asset_graph())


def test_a_day_uses_the_newest_cutoff_on_or_before_it(graph: AssetGraph) -> None:
    for name, parent in [
        *((f"stage1_prediction/{one}", f"stage1_model/{one}") for one in MADE_UP),
        ("portfolio_weights/sharpe_net", "sharpe_net_model"),
    ]:
        cutoffs = partition_keys(graph, parent)
        for day in partition_keys(graph, name):
            newest = max(cutoff for cutoff in cutoffs if cutoff <= day)
            assert upstream(graph, name, parent, day) == [newest], name


def test_a_mapping_that_looks_ahead_from_a_day_is_caught(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    later = dg.TimeWindowPartitionMapping(start_offset=1, end_offset=1)
    monkeypatch.setattr(stage1_predictions, "newest_cutoff", lambda: later)
    with definitions_of(variables) as defs:
        graph = defs.resolve_asset_graph()
        with pytest.raises(AssertionError, match="stage1_prediction"):
            test_a_day_uses_the_newest_cutoff_on_or_before_it(graph)


def test_daily_assets_read_their_own_day(graph: AssetGraph) -> None:
    daily = [f"stage1_prediction/{name}" for name in MADE_UP]
    weights = [f"portfolio_weights/{model}" for model in ("alpha", "black_litterman", "sharpe_net")]
    pairs = [(name, "close_prices") for name in (*daily, *weights)]
    pairs += [(name, parent) for name in weights[:2] for parent in daily]
    days = partition_keys(graph, "close_prices")
    for name, parent in pairs:
        for day in (days[0], days[4], date(2021, 2, 8), days[-1]):
            assert upstream(graph, name, parent, day) == [day], name
