"""Trading days, decision times, and which day a moment belongs to."""

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_assets.calendars import SessionCalendar
from stock_assets.errors import CalendarError
from stock_assets.trading_days import TradingDays, decision_time, due_at

#: Monday 4 to Friday 15 January 2021, without Wednesday 6 and Monday 11.
DAYS = TradingDays(tuple(date(2021, 1, day) for day in (4, 5, 7, 8, 12, 13, 14, 15)))


def calendar(exchange: str, *days: int) -> SessionCalendar:
    sessions = tuple(date(2021, 1, day) for day in days)
    closes = tuple(datetime(day.year, day.month, day.day, 16, tzinfo=UTC) for day in sessions)
    return SessionCalendar(
        exchange, date(2021, 1, 1), date(2021, 1, 31), sessions, closes, "UTC", ((date.min, 16 * 60),)
    )


def utc(day: int, hour: int = 0, minute: int = 0, microsecond: int = 0) -> datetime:
    return datetime(2021, 1, day, hour, minute, 0, microsecond, tzinfo=UTC)


def test_the_decision_time_is_midnight_after_the_day() -> None:
    assert decision_time(date(2020, 12, 31)) == datetime(2021, 1, 1, tzinfo=UTC)


def test_a_bar_is_due_its_lag_after_the_close() -> None:
    assert due_at(utc(4, 21), timedelta(days=1)) == utc(5, 21)
    assert due_at(utc(4, 21), timedelta(0)) == utc(4, 21)


def test_weekdays_with_a_session_anywhere_are_trading_days() -> None:
    # Saturday 9 and Sunday 10 have sessions, and are no trading days all the same.
    days = TradingDays.from_calendars(
        [calendar("AAAA", 4, 5, 9, 12), calendar("BBBB", 5, 7, 10, 28)], date(2021, 1, 4), date(2021, 1, 20)
    )
    assert days.days == (date(2021, 1, 4), date(2021, 1, 5), date(2021, 1, 7), date(2021, 1, 12))
    assert (days.first, days.last, len(days)) == (date(2021, 1, 4), date(2021, 1, 12), 4)
    assert date(2021, 1, 7) in days
    assert date(2021, 1, 9) not in days
    assert list(days) == list(days.days)


def test_a_range_without_a_trading_day_is_an_error() -> None:
    with pytest.raises(CalendarError) as raised:
        TradingDays.from_calendars([calendar("AAAA", 4, 9)], date(2021, 1, 5), date(2021, 1, 10))
    assert str(raised.value) == (
        "No weekday from 2021-01-05 to 2021-01-10 is a session of AAAA; choose a longer time."
    )


def test_weekdays_off_are_the_weekdays_that_are_no_trading_day() -> None:
    assert DAYS.weekdays_off(date(2021, 1, 1), date(2021, 1, 18)) == (
        date(2021, 1, 1),
        date(2021, 1, 6),
        date(2021, 1, 11),
        date(2021, 1, 18),
    )


def test_neighbours() -> None:
    assert DAYS.next(date(2021, 1, 5)) == date(2021, 1, 7)
    assert DAYS.next(date(2021, 1, 9)) == date(2021, 1, 12)
    assert DAYS.previous(date(2021, 1, 7)) == date(2021, 1, 5)
    assert DAYS.previous(date(2021, 1, 12)) == date(2021, 1, 8)
    assert DAYS.between(date(2021, 1, 6), date(2021, 1, 12)) == (
        date(2021, 1, 7),
        date(2021, 1, 8),
        date(2021, 1, 12),
    )


def test_beyond_the_known_days_is_an_error() -> None:
    with pytest.raises(CalendarError) as raised:
        DAYS.next(date(2021, 1, 15))
    assert str(raised.value) == (
        "No trading day after 2021-01-15 is known: they reach from 2021-01-04 to 2021-01-15; load the "
        "calendars for a longer time."
    )
    with pytest.raises(CalendarError, match="before 2021-01-04"):
        DAYS.previous(date(2021, 1, 4))


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (utc(4, 6, 0), 4),  # Tokyo closes
        (utc(4, 21, 0), 4),  # New York closes
        (utc(5, 0, 0), 4),  # the decision time itself is not too late
        (utc(5, 0, 0, 1), 5),  # a microsecond later is
        (utc(5, 23, 59), 5),
        (utc(6, 12, 0), 7),  # no exchange trades on the 6th
        (utc(9, 10, 0), 12),  # a session on Saturday belongs to the next trading day, since Monday is none
        (utc(10, 10, 0), 12),
        (utc(2, 10, 0), 4),  # on Saturday before the first day
        (datetime(2021, 1, 5, 9, 0, tzinfo=timezone(timedelta(hours=9))), 4),  # nine o'clock in Seoul
        (datetime(2021, 1, 5, 9, 1, tzinfo=timezone(timedelta(hours=9))), 5),
    ],
)
def test_a_moment_belongs_to_the_first_day_that_is_decided_after_it(moment: datetime, day: int) -> None:
    assert DAYS.day_of(moment) == date(2021, 1, day)
    array = np.array([moment.astimezone(UTC).replace(tzinfo=None)], dtype="datetime64[us]")
    assert DAYS.days_of(array).tolist() == [date(2021, 1, day)]


def test_a_moment_after_the_last_decision_time_belongs_to_no_known_day() -> None:
    assert DAYS.day_of(utc(16)) == date(2021, 1, 15)
    with pytest.raises(CalendarError, match="No trading day on or after 2021-01-16 is known"):
        DAYS.day_of(utc(16, 0, 0, 1))
    with pytest.raises(CalendarError, match="No trading day on or after 2021-01-16 is known"):
        DAYS.days_of(np.array(["2021-01-05", "2021-01-16T00:00:01"], dtype="datetime64[us]"))


def test_no_moments_belong_to_no_days() -> None:
    assert DAYS.days_of(np.array([], dtype="datetime64[us]")).shape == (0,)


@given(
    offsets=st.sets(st.integers(0, 60), min_size=1),
    minutes=st.lists(st.integers(-5 * 1440, 61 * 1440), min_size=1, max_size=30),
)
@settings(derandomize=True, deadline=None, max_examples=200)
def test_days_of_moments_follow_the_definition(offsets: set[int], minutes: list[int]) -> None:
    start = date(2021, 1, 1)
    days = TradingDays(tuple(start + timedelta(days=offset) for offset in sorted(offsets)))
    moments = [datetime(2021, 1, 1, tzinfo=UTC) + timedelta(minutes=offset) for offset in minutes]
    expected = [next((day for day in days if decision_time(day) >= moment), None) for moment in moments]
    known = [(moment, day) for moment, day in zip(moments, expected, strict=True) if day is not None]
    assert [days.day_of(moment) for moment, _ in known] == [day for _, day in known]
    array = np.array([moment.replace(tzinfo=None) for moment, _ in known], dtype="datetime64[us]")
    assert days.days_of(array).tolist() == [day for _, day in known]
    for moment, day in zip(moments, expected, strict=True):
        if day is None:
            with pytest.raises(CalendarError):
                days.day_of(moment)


@given(minutes=st.lists(st.integers(0, 10 * 1440), min_size=2, max_size=20))
@settings(derandomize=True, deadline=None, max_examples=100)
def test_a_later_moment_never_belongs_to_an_earlier_day(minutes: list[int]) -> None:
    moments = np.datetime64("2021-01-04", "us") + np.array(sorted(minutes)).astype("timedelta64[m]")
    days = DAYS.days_of(moments)
    assert (days[1:] >= days[:-1]).all()
