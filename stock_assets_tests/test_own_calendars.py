"""The calendars by rules, against dates that were looked up one by one."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_assets.calendars import load_calendar
from stock_assets.own_calendars import OWN_CALENDARS
from stock_assets.session_overrides import OVERRIDES_FILE, read_overrides
from stock_assets.settings import PROJECT_ROOT

#: The weekdays without a value in DGS10, the Treasury's 10-year yield at FRED. The series was looked at from
#: April 2010 to August 2026: in these years something happened that the rules have to know.
WITHOUT_A_YIELD = {
    2011: "01-17 02-21 04-22 05-30 07-04 09-05 10-10 11-11 11-24 12-26",
    2012: "01-02 01-16 02-20 05-28 07-04 09-03 10-08 10-30 11-12 11-22 12-25",
    2015: "01-01 01-19 02-16 05-25 07-03 09-07 10-12 11-11 11-26 12-25",
    2017: "01-02 01-16 02-20 04-14 05-29 07-04 09-04 10-09 11-23 12-25",
    2018: "01-01 01-15 02-19 03-30 05-28 07-04 09-03 10-08 11-12 11-22 12-05 12-25",
    2020: "01-01 01-20 02-17 04-10 05-25 07-03 09-07 10-12 11-11 11-26 12-25",
    2021: "01-01 01-18 02-15 05-31 07-05 09-06 10-11 11-11 11-25 12-24",
    2022: "01-17 02-21 04-15 05-30 06-20 07-04 09-05 10-10 11-11 11-24 12-26",
    2023: "01-02 01-16 02-20 05-29 06-19 07-04 09-04 10-09 11-23 12-25",
    2025: "01-01 01-20 02-17 04-18 05-26 06-19 07-04 09-01 10-13 11-11 11-27 12-25",
}
#: The weekdays without a bar of GC=F at Yahoo.
WITHOUT_GOLD = {
    2022: "01-17 02-21 04-15 05-30 06-20 07-04 09-05 11-24 12-26",
    2025: "01-01 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25",
}


def days_of(year: int, text: str) -> list[date]:
    return [date.fromisoformat(f"{year}-{day}") for day in text.split()]


def weekdays_off(code: str, first: date, last: date) -> list[date]:
    sessions = set(OWN_CALENDARS[code].sessions(first, last))
    days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5 and day not in sessions]


@pytest.mark.parametrize("year", WITHOUT_A_YIELD)
def test_us_bonds_have_a_session_where_the_treasury_has_a_yield(tmp_path: Path, year: int) -> None:
    first, last = date(year, 1, 1), date(year, 12, 31)
    overrides = read_overrides(PROJECT_ROOT / "configs" / OVERRIDES_FILE)
    sessions = load_calendar("USGOV", first, last, tmp_path, overrides).sessions
    days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    assert [day for day in days if day.weekday() < 5 and day not in sessions] == days_of(
        year, WITHOUT_A_YIELD[year]
    )


@pytest.mark.parametrize("year", WITHOUT_GOLD)
def test_gold_has_a_session_where_it_is_settled(year: int) -> None:
    assert weekdays_off("COMEX", date(year, 1, 1), date(year, 12, 31)) == days_of(year, WITHOUT_GOLD[year])


@pytest.mark.parametrize("day", [date(2021, 12, 31), date(2010, 12, 31), date(2027, 12, 31)])
@pytest.mark.parametrize("code", ["COMEX", "USGOV"])
def test_a_new_year_on_a_saturday_closes_nothing(code: str, day: date) -> None:
    assert (day + timedelta(days=1)).weekday() == 5
    assert OWN_CALENDARS[code].sessions(day, day) == (day,)


@pytest.mark.parametrize(
    ("day", "bonds"),
    [
        # With an employment report: its first Friday of the month.
        (date(2010, 4, 2), True),
        (date(2012, 4, 6), True),
        (date(2015, 4, 3), True),
        (date(2021, 4, 2), True),
        (date(2023, 4, 7), True),
        (date(2026, 4, 3), True),
        # Without one.
        (date(2018, 3, 30), False),
        (date(2019, 4, 19), False),
        (date(2022, 4, 15), False),
        (date(2024, 3, 29), False),
        (date(2025, 4, 18), False),
    ],
)
def test_good_friday(day: date, bonds: bool) -> None:
    assert OWN_CALENDARS["COMEX"].sessions(day, day) == ()
    assert OWN_CALENDARS["USGOV"].sessions(day, day) == ((day,) if bonds else ())
    assert OWN_CALENDARS["FX"].sessions(day, day) == (day,)


@pytest.mark.parametrize(
    ("code", "day", "is_session"),
    [
        ("USGOV", date(2021, 6, 18), True),  # Juneteenth had become a holiday the day before
        ("USGOV", date(2021, 6, 21), True),
        ("COMEX", date(2021, 6, 18), True),
        ("USGOV", date(2019, 6, 19), True),
        ("USGOV", date(2026, 6, 19), False),
        ("COMEX", date(2027, 6, 18), False),  # the 19th is a Saturday
        ("USGOV", date(2023, 11, 10), True),  # Veterans Day was a Saturday
        ("USGOV", date(2017, 11, 10), True),
        ("USGOV", date(2026, 7, 3), False),  # Independence Day is a Saturday
        ("USGOV", date(2025, 1, 9), True),  # exchanges of shares mourned
        ("COMEX", date(2025, 1, 9), True),
        ("COMEX", date(2024, 10, 14), True),  # Columbus Day
        ("COMEX", date(2024, 11, 11), True),
        ("USGOV", date(2024, 12, 24), True),
    ],
)
def test_days_on_which_markets_differ(code: str, day: date, is_session: bool) -> None:
    assert OWN_CALENDARS[code].sessions(day, day) == ((day,) if is_session else ())


def test_exchange_rates_are_there_on_all_weekdays_but_two() -> None:
    assert weekdays_off("FX", date(2025, 12, 20), date(2027, 1, 4)) == [
        date(2025, 12, 25),
        date(2026, 1, 1),
        date(2026, 12, 25),
        date(2027, 1, 1),
    ]
    # On a weekend they are no reason to close on another day.
    assert weekdays_off("FX", date(2022, 12, 19), date(2023, 1, 6)) == []


@given(
    st.sampled_from(sorted(OWN_CALENDARS)),
    st.dates(date(1995, 1, 1), date(2049, 12, 31)),
    st.integers(0, 40),
    st.integers(0, 400),
)
def test_a_session_does_not_depend_on_what_is_asked_for(
    code: str, first: date, inside: int, length: int
) -> None:
    rules = OWN_CALENDARS[code]
    last = first + timedelta(days=inside + length)
    inner = first + timedelta(days=inside)
    sessions = rules.sessions(first, last)
    assert rules.sessions(inner, last) == tuple(day for day in sessions if day >= inner)
    assert all(day.weekday() < 5 for day in sessions)


@pytest.mark.parametrize(
    ("code", "winter", "summer"),
    [
        ("COMEX", (22, 0), (21, 0)),
        ("USGOV", (20, 30), (19, 30)),
        ("FX", (24, 0), (23, 0)),
    ],
)
def test_closes_in_winter_and_summer(
    tmp_path: Path, code: str, winter: tuple[int, int], summer: tuple[int, int]
) -> None:
    calendar = load_calendar(code, date(2026, 1, 1), date(2026, 12, 31), tmp_path)
    for day, (hours, minutes) in ((date(2026, 2, 3), winter), (date(2026, 7, 7), summer)):
        expected = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
            hours=hours, minutes=minutes
        )
        assert calendar.close_of(day) == expected
    # A day without a session closes at the usual time too.
    assert calendar.close_of(date(2026, 12, 25)) == datetime(2026, 12, 25, tzinfo=UTC) + timedelta(
        hours=winter[0], minutes=winter[1]
    )
