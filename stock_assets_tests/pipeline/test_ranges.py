"""A range gives the very rows that its single days give, and computing something again changes nothing."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from stock_assets.config.portfolios import PORTFOLIO_MODELS
from stock_assets_tests.worlds import CUTOFFS, DAY_COLUMNS, NOW, World

#: The first days of the first trained cutoff, with New York's holiday on 18 January; and the days around
#: Tokyo's Saturday session, with its holiday on 11 February, a missing bar, a repeated close, and a bar on a
#: day without a session. The yield is published a day late on all of them.
RANGES = ((date(2021, 1, 13), date(2021, 1, 20)), (date(2021, 2, 4), date(2021, 2, 15)))
WRITTEN = ("computed_at", "run_id")


def compute(world: World, days: Sequence[date]) -> None:
    world.load_days(days)
    world.predict(days)
    world.weigh(days)


@pytest.mark.parametrize(("first", "last"), RANGES, ids=str)
def test_a_range_gives_what_its_days_give(
    finished_world: World, trained_world: World, tmp_path: Path, first: date, last: date
) -> None:
    days = trained_world.between(first, last)
    in_one, one_by_one, in_disorder = (trained_world.copy(tmp_path / str(number)) for number in range(3))
    for world in (in_one, one_by_one, in_disorder):
        world.forget_prices(first)
    compute(in_one, days)
    for day in days:
        compute(one_by_one, [day])
    for day in (*days[1::2], *reversed(days[::2])):
        in_disorder.load_days([day])
    expected = in_one.contents(first, last)
    assert one_by_one.contents(first, last) == expected
    for table in ("price_bars", "findings", "days"):
        assert in_disorder.contents(first, last)[table] == expected[table]
    # The range of all days, whose bars came in two loads, had other days in every batch.
    times = ("computed_at", "completed_at", "found_at")
    all_days, of_range = (one.contents(first, last, times) for one in (finished_world, in_one))
    for table in ("days", "findings", "stage1_predictions", "portfolio_weights", "outcomes"):
        assert all_days[table] == of_range[table], table


def test_the_ranges_hold_what_makes_days_differ(finished_world: World) -> None:
    first, last = RANGES[1]
    assert {row["kind"] for row in finished_world.rows("findings", first, last)} == {
        "stale_repeat",
        "unexpected_session",
        "missing_session",
    }
    assert {row["state"] for row in finished_world.rows("days", first, last)} == {"complete", "partial"}
    statuses = {row["status"] for row in finished_world.rows("outcomes", *RANGES[0])}
    assert statuses == {"no_model", "published"}


@pytest.mark.parametrize("subset", ["everything", "a range", "a day"])
def test_computing_again_changes_when_and_by_whom_alone(world: World, subset: str) -> None:
    days = {
        "everything": world.days,
        "a range": world.between(date(2021, 1, 20), date(2021, 2, 12)),
        "a day": [date(2021, 2, 5)],
    }[subset]
    before, bars = world.contents(without=WRITTEN), world.contents()["price_bars"]
    later = {"now": NOW + timedelta(days=3), "run_id": "another run"}
    assert world.load_history(**later) == {}
    world.load_days(days, **later)
    world.train(CUTOFFS[0], **later)
    world.predict(days, **later)
    world.weigh(days, **later)
    assert world.contents(without=WRITTEN) == before
    assert world.contents()["price_bars"] == bars
    for table in ("days", "findings", "stage1_predictions", "portfolio_weights", "outcomes"):
        written = {row["run_id"] for row in world.rows(table, days[0], days[-1])}
        assert written == {"another run"}, table


def test_a_subset_of_assets_leaves_the_others_alone(world: World) -> None:
    first, last = RANGES[0]
    days = world.between(first, last)
    before = world.contents()
    world.predict(days, ["gold", "jp_index"], run_id="another run")
    world.weigh(days, ["alpha"], run_id="another run")
    assert before == {
        table: [row.replace("'another run'", "'a run'") for row in rows]
        for table, rows in world.contents().items()
    }
    rerun = {"stage1_prediction/gold", "stage1_prediction/jp_index", "portfolio_weights/alpha"}
    assert {row["asset"] for row in world.rows("outcomes", run_id="another run")} == rerun
    written = world.rows("stage1_predictions", run_id="another run")
    assert {(row["date"], row["instrument"]) for row in written} == {
        (day, name) for day in days if day >= CUTOFFS[0] for name in ("gold", "jp_index")
    }
    assert {row["model"] for row in world.rows("portfolio_weights", run_id="another run")} == {"alpha"}


def test_every_daily_asset_has_an_outcome_for_every_day(finished_world: World) -> None:
    assets = {f"stage1_prediction/{name}" for name in finished_world.instruments}
    assets |= {f"portfolio_weights/{model}" for model in PORTFOLIO_MODELS}
    rows = finished_world.rows("outcomes")
    assert {(row["date"], row["asset"]) for row in rows} == {
        (day, asset) for day in finished_world.days for asset in assets
    }
    assert [row["date"] for row in finished_world.rows("days")] == list(finished_world.days)
    assert set(DAY_COLUMNS) == set(finished_world.contents())


def test_outcomes_count_their_rows(finished_world: World) -> None:
    counted: dict[tuple[object, str], int] = {}
    for row in finished_world.rows("stage1_predictions"):
        counted[row["date"], f"stage1_prediction/{row['instrument']}"] = 1
    for row in finished_world.rows("portfolio_weights"):
        key = row["date"], f"portfolio_weights/{row['model']}"
        counted[key] = counted.get(key, 0) + 1
    rows = finished_world.rows("outcomes")
    assert {(row["date"], row["asset"]): row["rows"] for row in rows if row["rows"]} == counted
    assert all((row["status"] == "published") == (row["rows"] > 0) for row in rows)
