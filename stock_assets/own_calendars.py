"""Calendars of markets that the package exchange_calendars has none of that is true, as a few rules.

They are named like exchanges in ``universe.yaml``, beside the package's codes (MICs). None of the
names is a MIC, which have four characters.

===== ==================== =============================================== ========================
code  market               sessions: weekdays without                      a day closes at
===== ==================== =============================================== ========================
COMEX gold and other       New York's exchange holidays                    17:00 America/New_York
      metal futures
USGOV US government bonds  US bank holidays, and Good Friday unless the    15:30 America/New_York
                           employment report comes on it
FX    exchange rates       1 January and 25 December                       24:00 Europe/London
===== ==================== =============================================== ========================

All of them are expectations and no exchange's word: instruments that follow them say
``session_expectation: soft``.

COMEX trades for part of most US holidays, but what is traded then belongs to the next day's settlement,
and the daily bars of its futures (Yahoo's GC=F, compared for 2015, 2022 and from October 2024 to August 2025)
have no row for the holidays of New York's exchanges, which
https://www.nyse.com/markets/hours-calendars lists. The package says that CMES, of which its COMEX is
another name, was open on Thanksgiving and closed on 2025-01-09; both are wrong of gold.

USGOV has the dates of the Treasury's par yields, which are made from quotes at about 15:30 in New York
(https://home.treasury.gov/policy-issues/financing-the-government/interest-rate-statistics/treasury-yield-curve-methodology).
They were compared with every date without a value in FRED's series DGS10 from April 2010 to August 2026
(https://fred.stlouisfed.org/series/DGS10): it differs on two days, which ``session_overrides.csv`` names. The
federal holidays of https://www.opm.gov/policy-data-oversight/pay-leave/federal-holidays/ are not quite
them: when New Year's Day or Veterans Day falls on a Saturday, bonds trade on the Friday before.

FX follows the labels of Yahoo's exchange rates, which are dates in London: a day ends at midnight there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import TYPE_CHECKING

# Whoever only wants to know which calendars there are does not wait for pandas.
if TYPE_CHECKING:
    from pandas.tseries.holiday import Holiday

#: To be raised with every change of the rules, so that the tables on disk are built again.
RULES_VERSION = "1"

#: The employment report comes on the first Friday of a month, and bonds are traded and quoted then.
_REPORT_FRIDAYS = range(1, 8)


@dataclass(frozen=True)
class OwnCalendar:
    """The rules of one market.

    Attributes
    ----------
    timezone : str
        IANA name.
    close_minutes : int
        When a session closes, in minutes after local midnight.
    holidays : callable
        Told two days, returns the days between them, both included, that are no session, with their names;
        weekends may be among them.
    """

    timezone: str
    close_minutes: int
    holidays: Callable[[date, date], dict[date, str]]

    def sessions(self, first: date, last: date) -> tuple[date, ...]:
        """Return the sessions from ``first`` to ``last``, both included."""
        off = self.holidays(first, last)
        days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
        return tuple(day for day in days if day.weekday() < 5 and day not in off)


def _new_york_holidays(first: date, last: date) -> dict[date, str]:
    return _dates(_rules_of_new_york(), first, last) | _good_fridays(first, last)


def _bank_holidays(first: date, last: date) -> dict[date, str]:
    from pandas.tseries.holiday import Holiday, USColumbusDay, sunday_to_monday

    veterans_day = Holiday("Veterans Day", month=11, day=11, observance=sunday_to_monday)
    good_fridays = _good_fridays(first, last).items()
    fridays = {day: name for day, name in good_fridays if day.day not in _REPORT_FRIDAYS}
    return _dates([*_rules_of_new_york(), USColumbusDay, veterans_day], first, last) | fridays


def _rules_of_new_york() -> "list[Holiday]":
    """Return the holidays of New York's exchanges, without Good Friday."""
    from pandas.tseries.holiday import (
        Holiday,
        USLaborDay,
        USMartinLutherKingJr,
        USMemorialDay,
        USPresidentsDay,
        USThanksgivingDay,
        nearest_workday,
        sunday_to_monday,
    )

    return [
        # Its Saturday is no reason to close on the last day of the year before.
        Holiday("New Year's Day", month=1, day=1, observance=sunday_to_monday),
        USMartinLutherKingJr,
        USPresidentsDay,
        USMemorialDay,
        # Markets kept it for the first time a year after it had become a federal holiday.
        Holiday("Juneteenth", month=6, day=19, start_date="2022-01-01", observance=nearest_workday),
        Holiday("Independence Day", month=7, day=4, observance=nearest_workday),
        USLaborDay,
        USThanksgivingDay,
        Holiday("Christmas Day", month=12, day=25, observance=nearest_workday),
    ]


def _good_fridays(first: date, last: date) -> dict[date, str]:
    from pandas.tseries.holiday import GoodFriday

    return _dates([GoodFriday], first, last)


def _dates(rules: "list[Holiday]", first: date, last: date) -> dict[date, str]:
    import pandas as pd

    bounds = pd.Timestamp(first), pd.Timestamp(last)
    return {stamp.date(): str(rule.name) for rule in rules for stamp in rule.dates(*bounds)}


def _new_year_and_christmas(first: date, last: date) -> dict[date, str]:
    named = ((1, 1, "New Year's Day"), (12, 25, "Christmas Day"))
    years = range(first.year, last.year + 1)
    return {date(year, month, day): name for year in years for month, day, name in named}


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


#: By code.
OWN_CALENDARS: Mapping[str, OwnCalendar] = {
    "COMEX": OwnCalendar("America/New_York", _minutes(time(17)), _new_york_holidays),
    "FX": OwnCalendar("Europe/London", 24 * 60, _new_year_and_christmas),
    "USGOV": OwnCalendar("America/New_York", _minutes(time(15, 30)), _bank_holidays),
}
