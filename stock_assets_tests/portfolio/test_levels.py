import numpy as np
import pytest

from stock_assets.portfolio.levels import level_grid, realised_grid
from stock_assets_tests.portfolio.worlds import history_of

DAYS = np.array(["2022-01-03", "2022-01-04", "2022-01-05", "2022-01-06", "2022-01-07"], dtype="datetime64[D]")
NAN = np.nan


def test_a_closed_market_carries_its_level_and_nothing_is_known_before_the_first_bar():
    # Open on the 4th and the 6th only; the 5th is its holiday.
    history = history_of("kospi", DAYS[[1, 3]], np.array([1.0, 1.1]))
    grid = level_grid([history], DAYS)
    assert grid.instruments == ("kospi",)
    np.testing.assert_array_equal(grid.levels[:, 0], [NAN, 1.0, 1.0, 1.1, 1.1])


def test_a_weekend_session_counts_from_monday_on_and_the_later_of_two_bars_of_a_day_wins():
    sessions = np.array(["2022-01-01", "2022-01-03", "2022-01-04"], dtype="datetime64[D]")
    monday_twice = np.array(["2022-01-03", "2022-01-03", "2022-01-04"], dtype="datetime64[D]")
    history = history_of("sensex", sessions, np.array([1.0, 1.02, 1.03]), monday_twice, monday_twice)
    np.testing.assert_array_equal(level_grid([history], DAYS).levels[:, 0], [1.02, 1.03, 1.03, 1.03, 1.03])


def test_a_bar_published_late_is_known_late_but_was_realised_at_its_close():
    # A yield of the 3rd is published on the 4th, and so on; that of the 7th is not known on the 7th.
    published = np.append(DAYS[1:], np.datetime64("2022-01-10"))
    history = history_of("us10y", DAYS, np.array([1.0, 1.1, 1.2, 1.3, 1.4]), published, DAYS)
    np.testing.assert_array_equal(level_grid([history], DAYS).levels[:, 0], [NAN, 1.0, 1.1, 1.2, 1.3])
    realised = realised_grid([history], DAYS)
    np.testing.assert_array_equal(realised.grid.levels[:, 0], [1.0, 1.1, 1.2, 1.3, NAN])
    np.testing.assert_array_equal(realised.known_on[:4], DAYS[1:])


def test_a_realised_level_is_known_no_earlier_than_its_slowest_instrument():
    published = np.append(DAYS[1:], np.datetime64("2022-01-10"))
    slow = history_of("us10y", DAYS, np.arange(1.0, 6.0), published, DAYS)
    fast = history_of("gold", DAYS, np.arange(1.0, 6.0))
    np.testing.assert_array_equal(realised_grid([fast], DAYS).known_on, DAYS)
    np.testing.assert_array_equal(realised_grid([fast, slow], DAYS).known_on[:4], DAYS[1:])


def test_bars_after_the_last_day_change_neither_grid():
    history = history_of("gold", DAYS, np.arange(1.0, 6.0))
    longer = history_of(
        "gold", np.append(DAYS, np.datetime64("2022-01-10")), np.array([1.0, 2.0, 3.0, 4.0, 5.0, 99.0])
    )
    assert level_grid([history], DAYS).levels.tobytes() == level_grid([longer], DAYS).levels.tobytes()
    for short, long in ((DAYS, DAYS), (DAYS[:3], DAYS[:3])):
        expected, found = realised_grid([history], short), realised_grid([longer], long)
        assert expected.grid.levels.tobytes() == found.grid.levels.tobytes()
        assert expected.known_on.tobytes() == found.known_on.tobytes()


def test_a_window_is_padded_above_the_grids_first_day():
    grid = level_grid([history_of("gold", DAYS, np.arange(1.0, 6.0))], DAYS)
    np.testing.assert_array_equal(grid.window(3, 2)[:, 0], [3.0, 4.0])
    np.testing.assert_array_equal(grid.window(1, 4)[:, 0], [NAN, NAN, 1.0, 2.0])


def test_positions_name_the_day_that_is_not_on_the_grid():
    grid = level_grid([history_of("gold", DAYS, np.arange(1.0, 6.0))], DAYS)
    np.testing.assert_array_equal(grid.positions(DAYS[[3, 0]]), [3, 0])
    with pytest.raises(ValueError, match="2022-01-08 is no day of the grid"):
        grid.positions(np.array(["2022-01-04", "2022-01-08"], dtype="datetime64[D]"))
    with pytest.raises(ValueError, match="2021-12-31 is no day of the grid"):
        grid.positions(np.array(["2021-12-31"], dtype="datetime64[D]"))


def test_days_out_of_order_are_refused():
    with pytest.raises(ValueError, match="days holds 2022-01-03 after 2022-01-04"):
        level_grid([], DAYS[[1, 0]])
