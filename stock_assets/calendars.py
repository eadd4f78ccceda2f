"""The sessions of an exchange: which dates, and when each of them closes.

Three layers make a calendar, the later ones over the earlier: the table of the package or of our own
rules (``session_tables``, ``own_calendars``), weekdays for whatever lies after the last day that the
table knows, and the overrides (``session_overrides``). A calendar is a hint and the data is the truth:
a bar on a day that is no session here is accepted and reported, and a session without a bar is no crash.
"""

import logging
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from stock_assets.errors import CalendarError
from stock_assets.session_overrides import SessionOverride, read_overrides
from stock_assets.session_tables import (
    SessionTable,
    build_table,
    known_exchanges,
    read_table,
    usual_close,
    weekdays,
    write_table,
)

__all__ = [
    "CalendarEnd",
    "SessionCalendar",
    "calendar_ends",
    "known_exchanges",
    "load_calendar",
    "read_overrides",
]

#: A calendar without an end is built again once it knows less of the future than this.
LEAST_AHEAD = timedelta(days=90)
#: A calendar without an end reaches so far ahead, by weekdays if need be: processes live for months.
REACH = timedelta(days=366)
#: How long before a calendar's end it is said that it ends.
NOTICE = timedelta(days=60)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SessionCalendar:
    """The sessions of one exchange between two days.

    Attributes
    ----------
    exchange : str
        ISO 10383 code (MIC), or a code of our own (``own_calendars``).
    first, last : date
        Bounds of what the calendar says, both included.
    sessions : tuple of date
        Exchange-local dates in ascending order.
    closes : tuple of datetime
        The close of each session, in UTC.
    timezone : str
        IANA name of the exchange's time zone.
    usual_closes : tuple of (date, int)
        From which day on, in minutes after local midnight, the exchange usually closes.
    known_until : date
        Last day of which anybody knows; every later weekday is taken for a session.
    holidays : tuple of (date, str)
        Weekdays without a session whose holiday has a name, in ascending order.
    """

    exchange: str
    first: date
    last: date
    sessions: tuple[date, ...]
    closes: tuple[datetime, ...]
    timezone: str
    usual_closes: tuple[tuple[date, int], ...]
    known_until: date = date.max
    holidays: tuple[tuple[date, str], ...] = ()

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on that day.

        Raises
        ------
        CalendarError
            If the day lies outside the calendar.
        """
        self._check(day)
        return day in self._close_of

    def why_closed(self, day: date) -> str:
        """Return why a day is no session: the holiday's name where it is known, "holiday" or "weekend".

        Raises
        ------
        CalendarError
            If the day is a session, or lies outside the calendar.
        """
        if self.is_session(day):
            raise CalendarError(
                f"{day} is a session of {self.exchange}; ask for a day on which it is closed."
            )
        if day.weekday() >= 5:
            return "weekend"
        return self._holiday_of.get(day, "holiday")

    def close_of(self, day: date) -> datetime:
        """Return when the session closes, in UTC; the usual time for a day that is no session.

        Raises
        ------
        CalendarError
            If the day lies outside the calendar.
        """
        self._check(day)
        close = self._close_of.get(day)
        return usual_close(day, self.timezone, self.usual_closes) if close is None else close

    def between(self, first: date, last: date) -> tuple[date, ...]:
        """Return the sessions from ``first`` to ``last``, both included.

        Raises
        ------
        CalendarError
            If one of the days lies outside the calendar.
        """
        self._check(first)
        self._check(last)
        return self.sessions[bisect_left(self.sessions, first) : bisect_right(self.sessions, last)]

    @cached_property
    def _close_of(self) -> dict[date, datetime]:
        return dict(zip(self.sessions, self.closes, strict=True))

    @cached_property
    def _holiday_of(self) -> dict[date, str]:
        return dict(self.holidays)

    def _check(self, day: date) -> None:
        if not self.first <= day <= self.last:
            raise CalendarError(
                f"{day} lies outside the calendar of {self.exchange}, which was loaded from {self.first} to "
                f"{self.last}; load it for a longer time."
            )


def load_calendar(
    exchange: str,
    first: date,
    last: date | None,
    cache_dir: Path,
    overrides: Iterable[SessionOverride] = (),
    today: date | None = None,
) -> SessionCalendar:
    """Return an exchange's calendar; build it and keep it on disk if what is there does not cover it.

    Parameters
    ----------
    exchange : str
        One of ``known_exchanges()``.
    first, last : date
        Exchange-local bounds, both included. Without ``last`` the calendar reaches about a year ahead.
    cache_dir : Path
        Folder of the tables, one file an exchange; made if it does not exist.
    overrides : iterable of SessionOverride
        Corrections; those of other exchanges are passed over.
    today : date, optional
        The day from which a calendar without ``last`` looks ahead; by default today in UTC.

    Raises
    ------
    CalendarError
        If there is no calendar of the exchange, or none that begins as early as ``first``.
    """
    today = today or datetime.now(UTC).date()
    needed = last or today + LEAST_AHEAD
    table = read_table(exchange, first, cache_dir)
    if table is None or (table.last < needed and not table.is_limit):
        table = build_table(exchange, first, last)
        try:
            write_table(table, cache_dir)
        except OSError as error:
            _log.warning("The calendar of %s is built anew by every process: %s", exchange, error)
    if table.last < needed:
        _log.warning(
            "The calendar of %s ends on %s: every weekday until %s is taken for a session.",
            exchange,
            table.last,
            last or today + REACH,
        )
    return _calendar(table, first, last or max(table.last, today + REACH), overrides)


class CalendarEnd(NamedTuple):
    """The last day that is known of an exchange."""

    exchange: str
    known_until: date

    @property
    def sentence(self) -> str:
        """What it means, and what to do."""
        return (
            f"The calendar of {self.exchange} ends on {self.known_until}, and every weekday after that is "
            "taken for a session; install a newer version of exchange_calendars, or write the days on which "
            "the exchange is closed into session_overrides.csv."
        )


def calendar_ends(calendars: Iterable[SessionCalendar], today: date) -> list[CalendarEnd]:
    """Return the calendars of which less is known than is needed within the next 60 days.

    A calendar that was asked for up to an earlier day, as that of a universe which has ended, is needed no
    further.

    Returns
    -------
    list of CalendarEnd
        Pairs of exchange and last known day, in the order of ``calendars``.
    """
    return [
        CalendarEnd(calendar.exchange, calendar.known_until)
        for calendar in calendars
        if calendar.known_until < min(calendar.last, today + NOTICE)
    ]


def _calendar(
    table: SessionTable, first: date, last: date, overrides: Iterable[SessionOverride]
) -> SessionCalendar:
    """Lay weekdays behind the table's end, and the overrides over both."""
    midnight = time(tzinfo=UTC)
    close_of = {
        day: datetime.combine(day, midnight) + timedelta(minutes=minutes)
        for day, minutes in table.sessions
        if first <= day <= last
    }
    for day in weekdays(max(first, table.last + timedelta(days=1)), last):
        close_of[day] = usual_close(day, table.timezone, table.usual_closes)
    for override in overrides:
        if override.exchange != table.exchange or not first <= override.day <= last:
            continue
        if not override.is_open:
            close_of.pop(override.day, None)
        elif override.day not in close_of:
            close_of[override.day] = usual_close(override.day, table.timezone, table.usual_closes)
    sessions = tuple(sorted(close_of))
    return SessionCalendar(
        exchange=table.exchange,
        first=first,
        last=last,
        sessions=sessions,
        closes=tuple(close_of[day] for day in sessions),
        timezone=table.timezone,
        usual_closes=table.usual_closes,
        known_until=table.last,
        holidays=tuple((day, name) for day, name in table.holidays if first <= day <= last),
    )
