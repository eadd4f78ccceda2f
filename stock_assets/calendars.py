"""The sessions of an exchange: which dates, and when each of them closes.

Three layers make a calendar, the later ones over the earlier: the package's table
(``session_tables``), weekdays for whatever lies after the last day that the package knows, and the
overrides (``session_overrides``). A calendar is a hint and the data is the truth: a bar on a day
that is no session here is accepted and reported, and a session without a bar is no crash.
"""

import logging
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from stock_assets.errors import CalendarError
from stock_assets.session_overrides import SessionOverride, read_overrides
from stock_assets.session_tables import (
    SessionTable,
    build_table,
    known_exchanges,
    read_table,
    weekdays,
    write_table,
)

__all__ = ["SessionCalendar", "known_exchanges", "load_calendar", "read_overrides"]

#: A calendar without an end is built again once it reaches less far ahead than this.
LEAST_AHEAD = timedelta(days=90)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SessionCalendar:
    """The sessions of one exchange between two days.

    Attributes
    ----------
    exchange : str
        ISO 10383 code (MIC).
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
    """

    exchange: str
    first: date
    last: date
    sessions: tuple[date, ...]
    closes: tuple[datetime, ...]
    timezone: str
    usual_closes: tuple[tuple[date, int], ...]

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on that day.

        Raises
        ------
        CalendarError
            If the day lies outside the calendar.
        """
        self._check(day)
        return day in self._close_of

    def close_of(self, day: date) -> datetime:
        """Return when the session closes, in UTC; the usual time for a day that is no session.

        Raises
        ------
        CalendarError
            If the day lies outside the calendar.
        """
        self._check(day)
        close = self._close_of.get(day)
        return _usual_close(day, self.timezone, self.usual_closes) if close is None else close

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
        ISO 10383 code (MIC).
    first, last : date
        Exchange-local bounds, both included. Without ``last`` the calendar reaches as far ahead as it
        goes, about a year.
    cache_dir : Path
        Folder of the tables, one file an exchange; made if it does not exist.
    overrides : iterable of SessionOverride
        Corrections; those of other exchanges are passed over.
    today : date, optional
        The day from which a calendar without ``last`` looks ahead; by default today in UTC.

    Raises
    ------
    CalendarError
        If the package has no calendar of the exchange, or none that begins as early as ``first``.
    """
    needed = last or (today or datetime.now(UTC).date()) + LEAST_AHEAD
    table = read_table(exchange, first, cache_dir)
    if table is None or (table.last < needed and not table.is_limit):
        table = build_table(exchange, first, last)
        write_table(table, cache_dir)
    return _calendar(table, first, last or max(table.last, needed), overrides)


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
    if last > table.last:
        _log.warning(
            "The calendar of %s ends on %s: every weekday until %s is taken for a session.",
            table.exchange,
            table.last,
            last,
        )
        for day in weekdays(table.last + timedelta(days=1), last):
            close_of[day] = _usual_close(day, table.timezone, table.usual_closes)
    for override in overrides:
        if override.exchange != table.exchange or not first <= override.day <= last:
            continue
        if not override.is_open:
            close_of.pop(override.day, None)
        elif override.day not in close_of:
            close_of[override.day] = _usual_close(override.day, table.timezone, table.usual_closes)
    sessions = tuple(sorted(close_of))
    return SessionCalendar(
        exchange=table.exchange,
        first=first,
        last=last,
        sessions=sessions,
        closes=tuple(close_of[day] for day in sessions),
        timezone=table.timezone,
        usual_closes=table.usual_closes,
    )


def _usual_close(day: date, timezone: str, usual_closes: tuple[tuple[date, int], ...]) -> datetime:
    minutes = next(at for since, at in reversed(usual_closes) if since <= day)
    local = datetime.combine(day, time()) + timedelta(minutes=minutes)
    return local.replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)
