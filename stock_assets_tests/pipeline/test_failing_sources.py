"""One failing instrument costs the others nothing, and is asked for again."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from stock_assets.errors import (
    BadPayload,
    ConfigurationError,
    NoDataForWindow,
    RateLimited,
    SourceError,
    SourceUnavailable,
    StorageError,
    UnknownSymbol,
)
from stock_assets_tests.pipeline.odd_sources import OddSource
from stock_assets_tests.worlds import CUTOFFS, NOW, World

DAY = date(2021, 3, 31)
DEADLINE = datetime(2021, 4, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LATER = NOW + timedelta(days=1)


def failing(world: World, **errors: Exception) -> dict[str, OddSource]:
    return {"csv": OddSource(world.sources()["csv"], errors)}


@pytest.fixture
def unloaded(priced_world: World, tmp_path: Path) -> World:
    """Without the last day's prices."""
    world = priced_world.copy(tmp_path / "world")
    world.forget_prices(DAY)
    return world


def kinds(world: World, instrument: str) -> list[tuple[object, object]]:
    return [(row["kind"], row["severity"]) for row in world.rows("findings", DAY, DAY, instrument=instrument)]


@pytest.mark.parametrize("kind", [RateLimited, SourceUnavailable, UnknownSymbol, BadPayload])
def test_the_others_are_stored_and_the_day_waits_then_is_partial(
    unloaded: World, kind: type[SourceError]
) -> None:
    world = unloaded
    sources = failing(world, gold=kind("gold: the source said 429."))
    report = world.load_days([DAY], DEADLINE - SECOND, sources=sources)
    assert report.failures == {"gold": "gold: the source said 429."}
    assert set(report.sources) == set(world.instruments) - {"gold"}
    stored = {row["instrument"] for row in world.rows("price_bars", DAY, DAY)}
    assert stored == set(world.instruments) - {"gold"}
    assert [row["state"] for row in world.rows("days", DAY, DAY)] == ["waiting"]
    assert kinds(world, "gold") == [("source_failed", "blocked")]
    (finding,) = world.rows("findings", DAY, DAY, instrument="gold")
    assert finding["detail"] == "gold: the source said 429."
    world.load_days([DAY], DEADLINE, sources=sources)
    (state,) = world.rows("days", DAY, DAY)
    assert (state["state"], "gold of 2021-03-31" in str(state["reason"])) == ("partial", True)
    assert len(world.rows("findings", DAY, DAY, instrument="gold")) == 1


def test_what_a_source_owes_is_asked_for_again_after_the_deadline_too(unloaded: World) -> None:
    world = unloaded
    world.load_days([DAY], sources=failing(world, gold=RateLimited("Too many.")))
    assert world.plan().price_runs[-1] == (DAY,)
    again = failing(world)
    world.load_days([DAY], LATER, sources=again, only_missing=True)
    assert again["csv"].asked == ["gold"]
    assert kinds(world, "gold") == []
    assert [row["state"] for row in world.rows("days", DAY, DAY)] == ["complete"]
    assert DAY not in sum(world.plan().price_runs, ())


def test_a_failure_takes_nothing_back(priced_world: World, tmp_path: Path) -> None:
    world = priced_world.copy(tmp_path / "world")
    days = world.between(date(2021, 1, 18), date(2021, 2, 17))
    before = world.contents(without=("run_id", "computed_at"))
    errors = {name: SourceUnavailable("Down.") for name in world.instruments}
    report = world.load_days(days, LATER, sources=failing(world, **errors))
    assert set(report.failures) == set(world.instruments)
    # What was found stands, bars that are known to be missing are not owed, and nothing new is.
    assert {row["kind"] for row in world.rows("findings", days[0], days[-1])} >= {
        "missing_session",
        "invalid_close",
        "unexpected_session",
    }
    after = world.contents(without=("run_id", "computed_at"))
    assert after == before


def test_a_range_that_one_source_owes_trains_nothing(unloaded: World) -> None:
    world = unloaded
    world.forget_prices(world.days[0])
    days = world.between(world.days[0], date(2021, 1, 14))
    world.load_days(days, sources=failing(world, us_index=SourceUnavailable("Down.")))
    # jp_index has it as a covariate, and the Sharpe net holds it.
    for wanted, sharpe_net in ((["us_index"], False), (["jp_index"], False), ([], True)):
        with pytest.raises(StorageError, match=r"sources of us_index owe 13 bars .* than the 3"):
            world.train(CUTOFFS[0], wanted, sharpe_net=sharpe_net)
    world.train(CUTOFFS[0], ["gold"], sharpe_net=False)


def test_a_few_bars_that_are_owed_keep_nobody_from_training(unloaded: World) -> None:
    world = unloaded
    world.forget_prices(date(2021, 1, 12))
    days = world.between(date(2021, 1, 12), date(2021, 1, 14))
    world.load_days(days, sources=failing(world, us_index=SourceUnavailable("Down.")))
    world.train(CUTOFFS[0], ["us_index"], sharpe_net=False)


def test_a_mistake_in_the_configuration_stops_everything(unloaded: World) -> None:
    with pytest.raises(ConfigurationError, match="no key"):
        unloaded.load_days([DAY], sources=failing(unloaded, gold=ConfigurationError("no key")))
    assert not unloaded.rows("price_bars", DAY, DAY)


def test_an_answer_without_even_the_stored_sessions_is_none(unloaded: World) -> None:
    """It would say of every session that there is no bar, for good."""

    def nothing_of_gold(name: str, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.iloc[:0] if name == "gold" else rows

    source = OddSource(unloaded.sources()["csv"], edit=nothing_of_gold)
    report = unloaded.load_days([DAY], sources={"csv": source})
    assert "not even those that are stored" in report.failures["gold"]
    assert kinds(unloaded, "gold") == [("source_failed", "blocked")]
    # Nor is it one of the history, of which nothing is stored.
    world = World.install(unloaded.folder.parent / "new")
    with pytest.raises(NoDataForWindow, match="has no bar from 2019-01-04 to 2020-12-24; choose another"):
        world.load_history(sources={"csv": OddSource(world.sources()["csv"], edit=nothing_of_gold)})
    assert {row["instrument"] for row in world.rows("price_bars")} == {"jp_index", "jp_stock", "uk_fund"}


def test_a_day_that_was_closed_for_want_of_sources_is_computed_once_they_answer(
    world: World,
) -> None:
    world.forget_prices(DAY)
    errors = {name: SourceUnavailable("Down.") for name in world.instruments}
    world.load_days([DAY], sources=failing(world, **errors))
    world.predict([DAY])
    world.weigh([DAY])
    assert [row["state"] for row in world.rows("days", DAY, DAY)] == ["closed"]
    assert DAY not in sum(world.plan().daily_runs, ())
    world.load_days([DAY], LATER, only_missing=True)
    assert [row["state"] for row in world.rows("days", DAY, DAY)] == ["complete"]
    assert DAY in sum(world.plan().daily_runs, ())
