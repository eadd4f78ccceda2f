"""Trading days, and what belongs to which of them.

A trading day D is a weekday on which at least one exchange of the universe has a session. Its
decision time is 00:00 UTC of the next day. Whatever happens at a moment belongs to the first trading
day whose decision time is not earlier, so that a weekend's session belongs to Monday: a function of
sessions and configuration, never of the clock.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from stock_assets.calendars import SessionCalendar
from stock_assets.errors import CalendarError
from stock_assets.session_tables import weekdays

# Partitions are defined without numpy, which is only imported where arrays come in.
if TYPE_CHECKING:
    import numpy as np

_TICK = timedelta(microseconds=1)


def decision_time(day: date) -> datetime:
    """Return the decision time of a trading day: 00:00 UTC of the day after it."""
    return datetime.combine(day + timedelta(days=1), time(tzinfo=UTC))


def due_at(close: datetime, publication_lag: timedelta) -> datetime:
    """Return when the bar of a session falls due: its close plus its source's publication lag."""
    return close + publication_lag


@dataclass(frozen=True)
class TradingDays:
    """The trading days of a universe.

    Attributes
    ----------
    days : tuple of date
        Weekdays, strictly increasing, at least one.
    """

    days: tuple[date, ...]

    @classmethod
    def from_calendars(
        cls, calendars: Iterable[SessionCalendar], first: date, last: date, kept: Iterable[date] = ()
    ) -> "TradingDays":
        """Return the weekdays from ``first`` to ``last`` that are a session of at least one calendar.

        Parameters
        ----------
        first, last : date
            Both included.
        kept : iterable of date
            Days that are trading days whatever the calendars say (``past_days``); those outside the bounds
            are passed over.

        Raises
        ------
        CalendarError
            If a calendar does not reach that far, or if there is no such day.
        """
        known = list(calendars)
        days = {day for calendar in known for day in calendar.between(first, last)}
        days = {day for day in days.union(kept) if first <= day <= last and day.weekday() < 5}
        if not days:
            codes = ", ".join(calendar.exchange for calendar in known)
            raise CalendarError(
                f"No weekday from {first} to {last} is a session of {codes}; choose a longer time."
            )
        return cls(tuple(sorted(days)))

    @property
    def first(self) -> date:
        """The first trading day."""
        return self.days[0]

    @property
    def last(self) -> date:
        """The last trading day."""
        return self.days[-1]

    def __iter__(self) -> Iterator[date]:
        return iter(self.days)

    def __len__(self) -> int:
        return len(self.days)

    def __contains__(self, day: object) -> bool:
        return day in self._as_set

    def between(self, first: date, last: date) -> tuple[date, ...]:
        """Return the trading days from ``first`` to ``last``, both included."""
        return self.days[bisect_left(self.days, first) : bisect_right(self.days, last)]

    def weekdays_off(self, first: date, last: date) -> tuple[date, ...]:
        """Return the weekdays from ``first`` to ``last``, both included, that are no trading day."""
        return tuple(day for day in weekdays(first, last) if day not in self)

    def next(self, day: date) -> date:
        """Return the first trading day after ``day``.

        Raises
        ------
        CalendarError
            If none is known.
        """
        return self._at(bisect_right(self.days, day), f"after {day}")

    def previous(self, day: date) -> date:
        """Return the last trading day before ``day``.

        Raises
        ------
        CalendarError
            If none is known.
        """
        return self._at(bisect_left(self.days, day) - 1, f"before {day}")

    def day_of(self, moment: datetime) -> date:
        """Return the trading day that a moment belongs to.

        Parameters
        ----------
        moment : datetime
            With a time zone.

        Returns
        -------
        date
            The first trading day whose decision time is not earlier than the moment.

        Raises
        ------
        CalendarError
            If the moment lies after the last known decision time.
        """
        # A moment at 00:00 UTC is the decision time of the date before.
        day = (moment.astimezone(UTC) - _TICK).date()
        return self._at(bisect_left(self.days, day), f"on or after {day}")

    def days_of(self, moments: "np.ndarray") -> "np.ndarray":
        """Return the trading day that each moment belongs to, as ``day_of`` does.

        Parameters
        ----------
        moments : ndarray of datetime64, shape (n,)
            In UTC, without NaT.

        Returns
        -------
        ndarray of datetime64[D], shape (n,)
            The trading days.

        Raises
        ------
        CalendarError
            If a moment lies after the last known decision time.
        """
        import numpy as np

        dates = (moments.astype("datetime64[us]") - np.timedelta64(1, "us")).astype("datetime64[D]")
        positions = np.searchsorted(self.as_array, dates, side="left")
        if len(positions) and positions.max() == len(self.days):
            self._at(len(self.days), f"on or after {dates.max()}")
        return self.as_array[positions]

    @cached_property
    def as_array(self) -> "np.ndarray":
        """The trading days as an array of datetime64[D], shape (n_days,)."""
        import numpy as np

        return np.array(self.days, dtype="datetime64[D]")

    @cached_property
    def _as_set(self) -> frozenset[date]:
        return frozenset(self.days)

    def _at(self, position: int, wanted: str) -> date:
        if not 0 <= position < len(self.days):
            raise CalendarError(
                f"No trading day {wanted} is known: they reach from {self.first} to {self.last}; load the "
                "calendars for a longer time."
            )
        return self.days[position]
