"""What a table of prices must not get wrong: labels, repeated rows, invented prices, order, stale values."""

from datetime import date

import numpy as np
import pandas as pd

from stock_assets.storage.engine import read_transaction
from stock_assets.storage.prices import read_bars
from stock_assets_tests.commands import VOLATILE
from stock_assets_tests.end_to_end.live import Place, closes, morning_after
from stock_assets_tests.end_to_end.providers import walk_of
from stock_assets_tests.worlds import World

#: 26 May 2025 is Memorial Day, on which neither New York nor the Treasury has a session, and London neither.
FIRST, LAST, MEMORIAL_DAY = date(2025, 5, 2), date(2025, 5, 28), date(2025, 5, 26)
#: A session of Tokyo that Yahoo does not have.
GAP = date(2025, 5, 14)
NOW = morning_after(LAST)


def load(place: Place) -> World:
    place.configure()
    world = place.open()
    place.providers.edits["^N225", GAP] = None
    place.providers.tell(world.deployment, NOW)
    world.load_history(NOW)
    world.load_days(world.between(FIRST, LAST), NOW)
    return world


def test_each_instrument_gets_its_own_closes_and_nothing_else(place: Place) -> None:
    """In one go, since all of it is about the same rows."""
    world = load(place)
    for instrument in world.deployment.universe.priced:
        expected = world.deployment.expected_bars[instrument.id]
        due = set(expected.loc[expected["available_at"] <= pd.Timestamp(NOW), "session"].dt.date)
        truth = {
            day: close
            for day, close in walk_of(world.deployment, instrument.id).closes().items()
            if day in due
        }
        if instrument.id == "jp":
            # A gap stays a gap: it is not filled from before, after or between.
            del truth[GAP]
        assert closes(world, instrument.id) == truth, instrument.id
    assert len(closes(world, "us10y")) > 80

    # No bar on a closed day, and a yield that nobody quoted is not the last one passed as new: of the Monday
    # there is none, Friday's belongs to it, and nothing belongs to Tuesday.
    yields = {row["trading_day"]: row["session"] for row in world.rows("price_bars", instrument="us10y")}
    assert MEMORIAL_DAY not in yields.values()
    assert yields[MEMORIAL_DAY] == date(2025, 5, 23)
    assert date(2025, 5, 27) not in yields
    assert yields[LAST] == date(2025, 5, 27)

    # Once more: no row more.
    before = world.contents(without=VOLATILE)
    world.load_history(NOW)
    again = world.load_days(world.between(FIRST, LAST), NOW)
    assert world.contents(without=VOLATILE) == before
    assert again.stored.added == 0
    column = again.states.instruments.index("us10y")
    tuesday = world.between(FIRST, LAST).index(date(2025, 5, 27))
    assert again.states.last_sessions[tuesday, column] == np.datetime64("2025-05-23")


def test_bars_are_read_in_the_order_of_sessions_however_they_were_stored(place: Place) -> None:
    place.configure(only=["us", "jp", "us10y"])
    world = place.open()
    place.providers.tell(world.deployment, NOW)
    days = world.between(FIRST, LAST)
    for some in (days[10:], days[3:6], days[6:10], days[:3]):
        world.load_days(some, NOW)
    world.load_history(NOW)
    with read_transaction(world.engine) as connection:
        bars = read_bars(connection)
    for _, own in bars.groupby("instrument"):
        assert own["session"].is_monotonic_increasing and own["session"].is_unique
    last = dict(bars.groupby("instrument")["session"].last())
    assert last == {"us": pd.Timestamp(LAST), "jp": pd.Timestamp(LAST), "us10y": pd.Timestamp(2025, 5, 27)}
