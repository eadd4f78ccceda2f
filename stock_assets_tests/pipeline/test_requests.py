"""What the sources are asked for: each instrument once, fallbacks and second sources, and nothing twice."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from stock_assets.errors import SourceUnavailable
from stock_assets_tests.pipeline.odd_sources import OddSource
from stock_assets_tests.pipeline.test_changed_universe import NEW_INSTRUMENT
from stock_assets_tests.worlds import NOW, World

LATER = NOW + timedelta(days=1)
FIRST, LAST = date(2021, 3, 24), date(2021, 3, 31)

#: A second source of gold, whose symbol is a file of the same rows.
TWO_SOURCES = (
    "[{source: csv, symbol: GOLD}]",
    "[{source: csv, symbol: GOLD}, {source: sample, symbol: GOLD}]",
)


def counting(world: World) -> OddSource:
    return OddSource(world.sources()["csv"])


def scaled(factor: float) -> Callable[[str, pd.DataFrame], pd.DataFrame]:
    return lambda _, rows: rows.assign(close=rows["close"] * factor)


@pytest.fixture
def unloaded(priced_world: World, tmp_path: Path) -> World:
    world = priced_world.copy(tmp_path / "world")
    world.forget_prices(FIRST)
    return world


@pytest.fixture
def doubled(unloaded: World) -> World:
    """Gold has a second source; tests give one that reads the same file."""
    return unloaded.configured("universe.yaml", *TWO_SOURCES)


def test_a_range_is_one_request_an_instrument_with_what_is_read_again(unloaded: World) -> None:
    source = counting(unloaded)
    unloaded.load_days(unloaded.between(FIRST, LAST), sources={"csv": source})
    # From five sessions before on. The yield of the 23rd belongs to the 24th.
    assert source.requests == [
        ("jp_index", date(2021, 3, 17), LAST),
        ("jp_stock", date(2021, 3, 17), LAST),
        ("uk_fund", date(2021, 3, 16), LAST),
        ("gold", date(2021, 3, 16), LAST),
        ("us_index", date(2021, 3, 17), LAST),
        ("us10y", date(2021, 3, 16), LAST),
    ]


def test_a_second_source_is_asked_once_for_the_same_window(doubled: World) -> None:
    first, second = counting(doubled), OddSource(doubled.sources()["csv"], edit=scaled(1.01))
    report = doubled.load_days(doubled.between(FIRST, LAST), sources={"csv": first, "sample": second})
    assert second.requests == [request for request in first.requests if request[0] == "gold"]
    found = report.findings[report.findings["kind"] == "source_disagreement"]
    assert set(found["instrument"]) == {"gold"}
    assert len(found) == 6, "the sessions that were read again are judged on their own days"
    assert report.silent == {}
    assert {row["source"] for row in doubled.rows("price_bars", FIRST, instrument="gold")} == {"csv"}


def test_a_second_source_that_does_not_answer_is_said_and_costs_nothing(doubled: World) -> None:
    silent = OddSource(doubled.sources()["csv"], {"gold": SourceUnavailable("sample is down.")})
    report = doubled.load_days([LAST], sources={"csv": counting(doubled), "sample": silent})
    assert report.silent == {"gold": ("sample is down.",)}
    assert not report.failures
    assert len(doubled.rows("price_bars", LAST, LAST, instrument="gold")) == 1


def test_the_history_asks_no_second_source(doubled: World, tmp_path: Path) -> None:
    world = World.install(tmp_path / "new").configured("universe.yaml", *TWO_SOURCES)
    sources = {"csv": counting(world), "sample": counting(world)}
    world.load_history(sources=sources)
    assert sources["csv"].asked == list(world.instruments)
    assert sources["sample"].asked == []


def fallback(world: World, factor: float) -> dict[str, OddSource]:
    """The first source of gold is down, and the second one says something else."""
    down = OddSource(world.sources()["csv"], {"gold": SourceUnavailable("csv is down.")})
    return {"csv": down, "sample": OddSource(world.sources()["csv"], edit=scaled(factor))}


def gold(world: World, first: date | None = None) -> list[tuple[object, object, object, object]]:
    rows = world.rows("price_bars", first, instrument="gold")
    return [(row["session"], row["source"], row["revision"], row["close"]) for row in rows]


def test_a_fallback_adds_what_is_missing_and_corrects_nothing(doubled: World) -> None:
    before = gold(doubled)
    report = doubled.load_days([FIRST], sources=fallback(doubled, 1.0005))
    assert (report.sources["gold"], report.silent) == ("sample", {"gold": ("csv is down.",)})
    assert not report.failures and not report.corrections
    added = gold(doubled)[len(before) :]
    assert [(session, source, revision) for session, source, revision, _ in added] == [(FIRST, "sample", 0)]
    assert gold(doubled)[: len(before)] == before
    # The first source has the last word when it is back.
    after = doubled.load_days(doubled.between(FIRST, date(2021, 3, 25)), LATER, sources=None)
    (correction,) = after.corrections
    assert (correction.instrument, correction.session) == ("gold", FIRST)
    assert [row[1] for row in gold(doubled, FIRST)] == ["sample", "csv", "csv"]


def test_a_fallback_that_differs_everywhere_is_not_taken(doubled: World) -> None:
    """Its closes beside the stored ones would make a return that never was; restated or not, nobody knows."""
    before = gold(doubled)
    report = doubled.load_days([FIRST], sources=fallback(doubled, 0.5))
    assert "more apart than quality.disagreement" in report.failures["gold"]
    assert gold(doubled) == before


def test_a_fallback_that_differs_on_one_session_restates_nothing(doubled: World) -> None:
    before = gold(doubled)

    def glitch(_: str, rows: pd.DataFrame) -> pd.DataFrame:
        odd = rows["session"] == rows["session"].min()
        return rows.assign(close=rows["close"].where(~odd, rows["close"] * 1.05))

    sources = fallback(doubled, 1) | {"sample": OddSource(doubled.sources()["csv"], edit=glitch)}
    report = doubled.load_days([FIRST], sources=sources)
    assert not report.corrections
    assert len(sources["sample"].requests) == 1
    assert gold(doubled)[: len(before)] == before


# An instrument that is added later, and what is loaded by day.


@pytest.fixture
def grown(planned_world: World, tmp_path: Path) -> World:
    world = planned_world.copy(tmp_path / "world")
    prices = world.deployment.config.folder / "prices"
    (prices / "EUF.csv").write_text((prices / "FUND.csv").read_text())
    return world.configured("universe.yaml", "  - id: us10y\n", NEW_INSTRUMENT)


def test_an_instrument_that_is_added_loads_only_its_own(grown: World) -> None:
    source = counting(grown)
    sources = {"csv": source}
    grown.load_history(sources=sources)
    assert source.asked == ["eu_fund"]
    before = grown.contents(without=("computed_at", "run_id"))["findings"]
    plan = grown.plan()
    for run in plan.price_runs:
        grown.load_days(run, LATER, sources=sources, only_missing=True)
    assert set(source.asked) == {"eu_fund"}
    assert len(source.asked) == 1 + len(plan.price_runs)
    assert not grown.plan().price_runs
    after = grown.contents(without=("computed_at", "run_id"))["findings"]
    assert set(before) <= set(after), "what was found of the others stands"
    sessions = {row["session"] for row in grown.rows("price_bars", instrument="eu_fund")}
    assert sessions == {row["session"] for row in grown.rows("price_bars", instrument="uk_fund")}


def test_beside_a_new_instrument_the_others_load_their_open_days(grown: World) -> None:
    grown.load_history()
    grown.forget_prices(LAST)
    source = counting(grown)
    for run in grown.plan().price_runs:
        grown.load_days(run, LATER, sources={"csv": source}, only_missing=True)
    assert not grown.plan().price_runs
    days = {
        name: [first for asked, first, _ in source.requests if asked == name] for name in set(source.asked)
    }
    assert min(days.pop("eu_fund")) < date(2020, 12, 28)
    # The last day, and the sessions that every day reads again.
    assert {min(firsts) for firsts in days.values()} <= {date(2021, 3, 23), date(2021, 3, 24)}
    assert {len(firsts) for firsts in days.values()} == {1}
    assert len(days) == 6


def test_a_correction_beside_a_new_instrument_leaves_its_day_and_the_next_to_be_judged(grown: World) -> None:
    spike, next_day = date(2021, 3, 29), date(2021, 3, 30)
    grown.load_history()
    grown.forget_prices(LAST)
    grown.scale_bar("us_index", spike, 1.5)
    for run in grown.plan().price_runs:
        grown.load_days(run, LATER, only_missing=True)
    assert grown.plan().price_runs == ((spike, next_day),)
    grown.load_days([spike, next_day], LATER + timedelta(hours=1), only_missing=True)
    found = grown.rows("findings", spike, LAST, instrument="us_index")
    assert [(row["kind"], row["session"], row["trading_day"]) for row in found] == [
        ("jump", spike, spike),
        ("jump_denied_by_next_bar", spike, next_day),
    ]
    assert not grown.plan().price_runs


def test_a_day_that_waits_asks_for_every_instrument(unloaded: World) -> None:
    """Whose bars it has by now may have been corrected."""
    unloaded.remove_bars("gold", LAST)
    unloaded.load_days(unloaded.between(FIRST, LAST), datetime(2021, 4, 1, 6, tzinfo=UTC))
    source = counting(unloaded)
    unloaded.load_days([LAST], LATER, sources={"csv": source}, only_missing=True)
    assert source.asked == list(unloaded.instruments)


def test_days_that_are_loaded_again_by_hand_ask_for_everything(up_to_date: World) -> None:
    source = counting(up_to_date)
    up_to_date.scale_bar("us_index", date(2021, 3, 25), 1.01)
    days = up_to_date.between(FIRST, LAST)
    nothing = up_to_date.load_days(days, LATER, sources={"csv": source}, only_missing=True)
    assert (source.asked, nothing.sources) == ([], {})
    report = up_to_date.load_days(days, LATER, sources={"csv": source})
    assert source.asked == list(up_to_date.instruments)
    assert [one.session for one in report.corrections] == [date(2021, 3, 25)]


def test_an_interrupted_history_asks_for_what_is_left(tmp_path: Path) -> None:
    world = World.install(tmp_path / "world")
    down = {"gold": SourceUnavailable("Down.")}
    with pytest.raises(SourceUnavailable):
        world.load_history(sources={"csv": OddSource(world.sources()["csv"], down)})
    source = counting(world)
    world.load_history(LATER, sources={"csv": source})
    assert source.asked == ["gold", "us_index", "us10y"]
