"""What belongs to a trading day, from the source's rows to predictions and weights."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from stock_assets_tests.made_up import LONDON_CLOSED, SATURDAY_SESSION
from stock_assets_tests.worlds import CUTOFFS, World

FRIDAY, MONDAY = date(2021, 2, 5), date(2021, 2, 8)
#: A day without a bar of uk_fund, and when it is waited for and not waited for any more.
MISSING = date(2021, 2, 12)
WAITING_UNTIL = datetime(2021, 2, 14, tzinfo=UTC)


def prediction(world: World, day: date, instrument: str) -> dict[str, object]:
    (row,) = world.rows("stage1_predictions", day, day, instrument=instrument)
    return row


def outcomes(world: World, day: date) -> dict[str, tuple[object, str]]:
    """Status and reason of every daily asset."""
    return {
        str(row["asset"]): (row["status"], str(row["reason"])) for row in world.rows("outcomes", day, day)
    }


def state(world: World, day: date) -> tuple[object, str]:
    (row,) = world.rows("days", day, day)
    return row["state"], str(row["reason"])


def assert_nothing(world: World, day: date, status: str) -> set[str]:
    """Demand no row and the same status of every daily asset, and return the reasons."""
    assert not world.rows("stage1_predictions", day, day)
    assert not world.rows("portfolio_weights", day, day)
    found = outcomes(world, day)
    assert len(found) == 6 + 3
    assert {status for status, _ in found.values()} == {status}
    return {reason for _, reason in found.values()}


@pytest.fixture
def unloaded(trained_world: World, tmp_path: Path) -> Callable[[date], World]:
    """A deployment with networks, and with prices up to a day alone."""

    def without(first: date) -> World:
        world = trained_world.copy(tmp_path / "world")
        world.forget_prices(first)
        return world

    return without


def test_a_weekend_session_belongs_to_monday(finished_world: World) -> None:
    for instrument in ("jp_index", "jp_stock"):
        rows = finished_world.rows("price_bars", MONDAY, MONDAY, instrument=instrument)
        assert [row["session"] for row in rows] == [SATURDAY_SESSION, MONDAY]
    # Tokyo's four, London's two, New York's index of Monday, and the yield of Friday.
    assert state(finished_world, MONDAY) == (
        "complete",
        "All 8 bars that fall due on this day are there.",
    )
    assert prediction(finished_world, FRIDAY, "jp_index")["as_of_session"] == FRIDAY
    assert prediction(finished_world, MONDAY, "jp_index")["as_of_session"] == MONDAY


def test_a_weekend_sessions_close_moves_monday_and_not_friday(
    finished_world: World, unloaded: Callable[[date], World]
) -> None:
    world = unloaded(FRIDAY)
    world.scale_bar("jp_index", SATURDAY_SESSION, 1.05)
    days = [FRIDAY, MONDAY]
    world.load_days(days)
    world.predict(days, ["jp_index"])
    before, after = (
        [prediction(one, day, "jp_index")["predicted_return"] for day in days]
        for one in (finished_world, world)
    )
    assert after[0] == before[0]
    assert after[1] != before[1]


@pytest.mark.parametrize(
    ("day", "instrument", "session"),
    [
        # New York's holiday on Monday 18 January: its last session is Friday's, and the yield's too, whose
        # bar fell due on Saturday.
        (date(2021, 1, 18), "us_index", date(2021, 1, 15)),
        (date(2021, 1, 18), "us10y", date(2021, 1, 15)),
        (date(2021, 1, 19), "us_index", date(2021, 1, 19)),
        (date(2021, 1, 19), "us10y", date(2021, 1, 15)),
        (date(2021, 1, 20), "us10y", date(2021, 1, 19)),
        # Tokyo's on Thursday 11 February; London's unscheduled one.
        (date(2021, 2, 11), "jp_index", date(2021, 2, 10)),
        (date(2021, 2, 11), "us_index", date(2021, 2, 11)),
        (LONDON_CLOSED, "gold", date(2021, 3, 16)),
        # An ordinary day.
        (date(2021, 2, 3), "us_index", date(2021, 2, 3)),
        (date(2021, 2, 3), "us10y", date(2021, 2, 2)),
        # A bar on a day that the calendar has no session on counts as one.
        (date(2021, 2, 11), "jp_stock", date(2021, 2, 11)),
    ],
)
def test_a_prediction_says_which_session_it_saw_last(
    finished_world: World, day: date, instrument: str, session: date
) -> None:
    assert prediction(finished_world, day, instrument)["as_of_session"] == session
    status, reason = outcomes(finished_world, day)[f"stage1_prediction/{instrument}"]
    assert status == "published"
    assert "lags" not in reason, "a closed market and a late source are not stale"


def test_a_bar_that_never_came_makes_the_day_partial_and_is_said(finished_world: World) -> None:
    assert state(finished_world, MISSING) == (
        "partial",
        "1 of 6 bars are missing: uk_fund of 2021-02-12, and the deadline of 2021-02-14 00:00 UTC is past.",
    )
    assert prediction(finished_world, MISSING, "uk_fund")["as_of_session"] == date(2021, 2, 11)
    found = outcomes(finished_world, MISSING)
    assert found["stage1_prediction/uk_fund"] == (
        "published",
        "The cutoff 2021-02-01 was never trained; the network of 2021-01-15 is used. "
        "The last bar lags 1 of the instrument's sessions behind.",
    )
    assert "lags" not in found["stage1_prediction/gold"][1]
    assert len(finished_world.rows("portfolio_weights", MISSING, MISSING)) == 3 * 2 * 6
    # The next day has a bar again.
    assert "lags" not in outcomes(finished_world, date(2021, 2, 15))["stage1_prediction/uk_fund"][1]


def test_beyond_max_staleness_nothing_that_holds_the_instrument_is_published(
    unloaded: Callable[[date], World],
) -> None:
    world = unloaded(MISSING)
    world.remove_bars("uk_fund", MISSING, date(2021, 2, 17))
    days = world.between(MISSING, date(2021, 2, 18))
    world.load_days(days)
    world.predict(days)
    world.weigh(days)
    for day, lag in zip(days, (1, 2, 3), strict=False):
        assert f"lags {lag} of the instrument's" in outcomes(world, day)["stage1_prediction/uk_fund"][1]
        assert len(world.rows("portfolio_weights", day, day)) == 3 * 2 * 6
    refused, next_day = days[3], days[4]
    assert (refused, next_day) == (date(2021, 2, 17), date(2021, 2, 18))
    found = outcomes(world, refused)
    assert found["stage1_prediction/uk_fund"] == (
        "refused",
        "The last bar of uk_fund lags 4 of its sessions behind, more than the 3 that max_staleness allows.",
    )
    published = {row["instrument"] for row in world.rows("stage1_predictions", refused, refused)}
    assert published == set(world.instruments) - {"uk_fund"}
    assert not world.rows("portfolio_weights", refused, refused)
    for model in ("alpha", "black_litterman", "sharpe_net"):
        assert found[f"portfolio_weights/{model}"] == (
            "refused",
            "The last bars of uk_fund (4 sessions) lag behind by more than the 3 of max_staleness.",
        )
    assert {status for status, _ in outcomes(world, next_day).values()} == {"published"}
    assert prediction(world, next_day, "uk_fund")["as_of_session"] == next_day


@pytest.mark.parametrize("seconds", [-1, 0])
def test_a_day_waits_until_its_deadline(unloaded: Callable[[date], World], seconds: int) -> None:
    world = unloaded(MISSING)
    now = WAITING_UNTIL + timedelta(seconds=seconds)
    world.load_days([MISSING], now)
    world.predict([MISSING], now=now)
    world.weigh([MISSING], now=now)
    if seconds < 0:
        reason = (
            "1 of 6 bars are missing: uk_fund of 2021-02-12; they are waited for until 2021-02-14 00:00 UTC."
        )
        assert state(world, MISSING) == ("waiting", reason)
        assert assert_nothing(world, MISSING, "waiting") == {reason}
        assert world.rows("days", MISSING, MISSING)[0]["completed_at"] is None
    else:
        assert state(world, MISSING)[0] == "partial"
        assert {status for status, _ in outcomes(world, MISSING).values()} == {"published"}
        assert world.rows("days", MISSING, MISSING)[0]["completed_at"] == now


def test_a_day_whose_prices_were_never_loaded_waits(unloaded: Callable[[date], World]) -> None:
    world = unloaded(MISSING)
    world.predict([MISSING])
    world.weigh([MISSING])
    assert assert_nothing(world, MISSING, "waiting") == {"close_prices of 2021-02-12 are not there yet."}


def test_weights_wait_for_predictions(unloaded: Callable[[date], World]) -> None:
    world = unloaded(date(2021, 4, 1))
    world.predict([FRIDAY], ["jp_index", "gold"])
    world.weigh([FRIDAY])
    found = outcomes(world, FRIDAY)
    for model in ("alpha", "black_litterman"):
        reason = "stage1_prediction/jp_stock of 2021-02-05 is not there yet."
        assert found[f"portfolio_weights/{model}"] == ("waiting", reason)
    assert found["portfolio_weights/sharpe_net"][0] == "published"


def test_a_day_that_waits_after_all_loses_its_rows(world: World) -> None:
    """What was published of it was not made from its prices."""
    world.forget_prices(MISSING)
    world.load_days([MISSING], WAITING_UNTIL - timedelta(hours=1))
    world.predict([MISSING])
    world.weigh([MISSING])
    assert_nothing(world, MISSING, "waiting")


def test_a_day_on_which_no_bar_came_is_closed(unloaded: Callable[[date], World]) -> None:
    closed, next_day = date(2021, 2, 17), date(2021, 2, 18)
    world = unloaded(closed)
    for instrument in world.instruments:
        # The yield's bar of the day before is the one that falls due.
        lag = 1 if instrument == "us10y" else 0
        world.remove_bars(instrument, closed - timedelta(days=lag))
    world.load_days([closed, next_day])
    world.predict([closed, next_day])
    world.weigh([closed, next_day])
    reason = "None of the 6 bars that fall due on this day came until 2021-02-19 00:00 UTC."
    assert state(world, closed) == ("closed", reason)
    assert assert_nothing(world, closed, "closed") == {reason}
    assert state(world, next_day)[0] == "complete"
    assert {status for status, _ in outcomes(world, next_day).values()} == {"published"}


def test_days_before_the_first_trained_cutoff_say_that_no_network_is_there(finished_world: World) -> None:
    before = [day for day in finished_world.days if day < CUTOFFS[0]]
    assert before[-1] == date(2021, 1, 14)
    for day in before:
        assert state(finished_world, day)[0] == "complete"
        reasons = assert_nothing(finished_world, day, "no_model")
        assert f"No stage1 network has a cutoff on or before {day}; train them." in reasons
        assert (
            f"No network of gold has a cutoff on or before {day}; train one to predict that day." in reasons
        )
    assert {status for status, _ in outcomes(finished_world, CUTOFFS[0]).values()} == {"published"}


@pytest.mark.parametrize(
    ("day", "used", "wanted"),
    [
        (date(2021, 1, 15), date(2021, 1, 15), None),
        (date(2021, 1, 29), date(2021, 1, 15), None),
        (date(2021, 2, 1), date(2021, 1, 15), date(2021, 2, 1)),
        (date(2021, 2, 26), date(2021, 1, 15), date(2021, 2, 15)),
        (date(2021, 3, 1), date(2021, 3, 1), None),
        (date(2021, 3, 31), date(2021, 3, 1), date(2021, 3, 15)),
    ],
)
def test_a_day_uses_the_newest_trained_cutoff_and_says_if_it_is_not_its_own(
    finished_world: World, day: date, used: date, wanted: date | None
) -> None:
    assert {row["model_cutoff"] for row in finished_world.rows("stage1_predictions", day, day)} == {used}
    assert {row["model_cutoff"] for row in finished_world.rows("portfolio_weights", day, day)} == {used}
    said = f"The cutoff {wanted} was never trained; the network of {used} is used."
    for asset, (_, reason) in outcomes(finished_world, day).items():
        assert (said in reason) == (wanted is not None), asset
        assert ("never trained" in reason) == (wanted is not None), asset


def test_an_instrument_without_a_network_of_its_own_is_not_held(priced_world: World, tmp_path: Path) -> None:
    world = priced_world.copy(tmp_path / "world")
    world.train(CUTOFFS[0], ["gold", "us_index"], sharpe_net=False)
    world.predict([FRIDAY])
    world.weigh([FRIDAY], ["alpha"])
    found = outcomes(world, FRIDAY)
    assert found["stage1_prediction/gold"][0] == "published"
    assert found["stage1_prediction/jp_index"][0] == "no_model"
    status, reason = found["portfolio_weights/alpha"]
    assert status == "refused"
    assert "jp_index, jp_stock, uk_fund, us10y have no finite prediction" in reason


def test_a_prediction_is_live_until_the_next_decision(unloaded: Callable[[date], World]) -> None:
    world = unloaded(date(2021, 4, 1))
    next_decision = datetime(2021, 2, 9, tzinfo=UTC)
    world.predict([FRIDAY], ["jp_index"], next_decision - timedelta(seconds=1))
    world.predict([FRIDAY], ["us_index"], next_decision)
    assert prediction(world, FRIDAY, "jp_index")["live"] is True
    assert prediction(world, FRIDAY, "us_index")["live"] is False
    # Computed again with the same result it stays what it was.
    world.predict([FRIDAY], ["jp_index"], next_decision + timedelta(days=30))
    assert prediction(world, FRIDAY, "jp_index")["live"] is True
