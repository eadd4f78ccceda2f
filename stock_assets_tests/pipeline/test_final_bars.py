"""A bar is final or it is not there, whenever the sources are asked and whatever they append."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stock_assets_tests.pipeline.odd_sources import OddSource
from stock_assets_tests.worlds import NOW, PriceRow, World

#: A Wednesday. Tokyo closes at 06:00 UTC, London at 16:30, New York at 20:00; the yield of Tuesday is
#: published at 20:00 too, a day after New York's close.
DAY, BEFORE = date(2021, 3, 31), date(2021, 3, 30)
LATER = NOW + timedelta(days=1)


@pytest.fixture
def unloaded(priced_world: World, tmp_path: Path) -> World:
    world = priced_world.copy(tmp_path / "world")
    world.forget_prices(DAY)
    return world


@pytest.mark.parametrize(
    ("now", "there"),
    [
        (datetime(2021, 3, 31, 5, 59, 59, tzinfo=UTC), set()),
        (datetime(2021, 3, 31, 6, tzinfo=UTC), {"jp_index", "jp_stock"}),
        (datetime(2021, 3, 31, 12, tzinfo=UTC), {"jp_index", "jp_stock"}),
        (datetime(2021, 3, 31, 19, 59, tzinfo=UTC), {"jp_index", "jp_stock", "uk_fund", "gold"}),
        (
            datetime(2021, 3, 31, 20, tzinfo=UTC),
            {"jp_index", "jp_stock", "uk_fund", "gold", "us_index", "us10y"},
        ),
    ],
)
def test_a_bar_of_a_session_that_is_still_open_is_neither_stored_nor_missed(
    unloaded: World, now: datetime, there: set[str]
) -> None:
    unloaded.load_days([DAY], now)
    rows = unloaded.rows("price_bars", DAY, DAY)
    assert {row["instrument"] for row in rows} == there
    assert all(row["available_at"] <= now for row in rows)
    assert not unloaded.rows("findings", DAY, DAY)
    (state,) = unloaded.rows("days", DAY, DAY)
    assert state["state"] == ("complete" if len(there) == 6 else "waiting")
    unloaded.load_days([DAY])
    assert len(unloaded.rows("price_bars", DAY, DAY)) == 6
    assert [row["state"] for row in unloaded.rows("days", DAY, DAY)] == ["complete"]


def test_the_history_has_final_bars_alone(tmp_path: Path) -> None:
    world = World.install(tmp_path / "world")
    now = datetime(2020, 12, 23, 12, tzinfo=UTC)
    world.load_history(now)
    last = {row["instrument"]: row["session"] for row in world.rows("price_bars")}
    # In New York and London the session of the 23rd is not over.
    assert last == {
        "jp_index": date(2020, 12, 23),
        "jp_stock": date(2020, 12, 23),
        "uk_fund": date(2020, 12, 22),
        "gold": date(2020, 12, 22),
        "us_index": date(2020, 12, 22),
        "us10y": date(2020, 12, 21),
    }
    assert not world.rows("findings")


def test_a_row_that_a_source_appends_is_left_out(unloaded: World) -> None:
    """As live sources append the session that is going on, which may lie behind the calendar's end."""

    def appended(_: str, rows: pd.DataFrame) -> pd.DataFrame:
        strays = [rows.iloc[[-1]].assign(session=pd.Timestamp(day)) for day in ("2019-06-04", "2031-01-06")]
        return pd.concat([rows, *strays], ignore_index=True)

    before = unloaded.contents()["price_bars"]
    report = unloaded.load_days([DAY], sources={"csv": OddSource(unloaded.sources()["csv"], edit=appended)})
    assert report.stored.added == 6
    assert len(unloaded.contents()["price_bars"]) == len(before) + 6
    assert not report.failures


@pytest.mark.parametrize("close", ["nothing", "nan", "0"])
def test_what_is_stored_outlives_a_source_that_has_it_no_more(world: World, close: str) -> None:
    before = world.contents()["price_bars"]

    def lost(rows: list[PriceRow]) -> list[PriceRow]:
        for row in rows:
            if row[0] in (str(BEFORE), str(DAY)):
                row[4] = {"nothing": "", "nan": "nan"}.get(close, close)
        return rows

    world.edit_prices("gold", lost)
    report = world.load_days([DAY], LATER)
    assert world.contents()["price_bars"] == before
    assert len(report.stored.revised) == report.stored.added == 0
    assert {row["kind"] for row in world.rows("findings", DAY, DAY)} == {"invalid_close"}
    assert [row["state"] for row in world.rows("days", DAY, DAY)] == ["complete"]
    assert all(np.isfinite(row["close"]) for row in world.rows("price_bars"))


# What a soft expectation means.

SOFT = ("symbol: GOLD}]\n", "symbol: GOLD}]\n    session_expectation: soft\n")


def test_a_soft_bar_is_waited_for_and_then_not_missed(unloaded: World) -> None:
    world = unloaded.configured("universe.yaml", *SOFT)
    world.remove_bars("gold", DAY)
    world.load_days([DAY], datetime(2021, 4, 2, tzinfo=UTC) - timedelta(seconds=1))
    assert [row["state"] for row in world.rows("days", DAY, DAY)] == ["waiting"]
    world.load_days([DAY])
    (state,) = world.rows("days", DAY, DAY)
    assert (state["state"], state["reason"]) == (
        "complete",
        "1 of 6 bars are missing: gold of 2021-03-31; that their sessions took place is a guess, so that "
        "nothing is amiss.",
    )
    (finding,) = world.rows("findings", DAY, DAY)
    assert (finding["kind"], finding["severity"]) == ("missing_session", "warning")
    assert DAY not in sum(world.plan().price_runs, ()), "it is known to be missing"


def test_a_soft_bar_does_not_hide_a_firm_one(unloaded: World) -> None:
    world = unloaded.configured("universe.yaml", *SOFT)
    for instrument in ("gold", "uk_fund"):
        world.remove_bars(instrument, DAY)
    world.load_days([DAY])
    (state,) = world.rows("days", DAY, DAY)
    assert state["state"] == "partial"
    assert "uk_fund of 2021-03-31, gold of 2021-03-31" in str(state["reason"])
    severities = {row["instrument"]: row["severity"] for row in world.rows("findings", DAY, DAY)}
    assert severities == {"gold": "warning", "uk_fund": "blocked"}
