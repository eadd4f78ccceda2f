"""A day that turns out to have been no session anywhere stays a trading day, and moves no bar."""

from datetime import date, datetime, time

import pytest

from stock_assets.pipeline.plan import make_plan
from stock_assets.session_overrides import OVERRIDES_FILE
from stock_assets.storage.engine import read_transaction
from stock_assets_tests.worlds import NOW, World

#: A Tuesday. New York was closed on the Monday, so that no yield of that day is published on it.
CLOSED = date(2021, 2, 16)


@pytest.fixture(scope="module")
def closed_world(priced_world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The calendars have learned of it after all prices were loaded; the sources never had a bar of it."""
    world = priced_world.copy(tmp_path_factory.mktemp("closed") / "world")
    world.forget_prices(CLOSED)
    for name in world.instruments:
        world.remove_bars(name, CLOSED)
    world.load_days(world.between(CLOSED, world.days[-1]))
    with (world.deployment.config.folder.parent / OVERRIDES_FILE).open("a", encoding="utf-8") as file:
        file.writelines(f"{CLOSED},{name},closed,made up\n" for name in ("XLON", "XNYS", "XTKS"))
    world.engine.dispose()
    return World.open(world.folder)


def test_it_stays_a_trading_day_without_a_session(priced_world: World, closed_world: World) -> None:
    assert not any(calendar.is_session(CLOSED) for calendar in closed_world.deployment.calendars.values())
    assert closed_world.days == priced_world.days
    assert closed_world.deployment.history_days.days == priced_world.deployment.history_days.days


def test_no_other_session_belongs_to_another_day(priced_world: World, closed_world: World) -> None:
    for name, before in priced_world.deployment.expected_bars.items():
        after = closed_world.deployment.expected_bars[name]
        kept = before[before["session"] != datetime.combine(CLOSED, time())].reset_index(drop=True)
        assert after.equals(kept), name


def test_it_is_closed(closed_world: World) -> None:
    report = closed_world.load_days([CLOSED])
    (day,) = report.states.days.to_dict("records")
    assert (day["state"], day["reason"]) == (
        "closed",
        "No exchange of the universe has a session on this day.",
    )
    assert report.bars.empty
    assert report.findings.empty
    (row,) = closed_world.rows("days", CLOSED, CLOSED)
    assert row["state"] == "closed"


def test_nothing_is_left_to_do_of_it(closed_world: World) -> None:
    closed_world.load_days([CLOSED])
    with read_transaction(closed_world.engine) as connection:
        plan = make_plan(closed_world.deployment, connection, NOW)
    assert CLOSED not in [day for run in plan.price_runs for day in run]
