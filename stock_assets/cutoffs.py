"""The cutoffs: the dates of the training partitions, from a cron expression in UTC.

The model of a cutoff C knows nothing that falls due from C on, which is a date at 00:00 UTC: the cron
has to fire at midnight.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cronsim import CronSim, CronSimError

_ITEM = r"([0-9]{1,2}|[a-zA-Z]{3})"
#: What every reader of crons takes alike: numbers, names, lists, ranges and steps. L, W and # are not.
PLAIN_CRON_FIELD = re.compile(rf"^(\*|{_ITEM}(-{_ITEM})?)(/[0-9]+)?$")
_RANGE_OF_ONE = re.compile(r"(?i)^([0-9a-z]+)-\1(/|$)")
_EXAMPLE = "such as '0 0 1,15 * *'"
_TICK = timedelta(seconds=1)


@dataclass(frozen=True)
class CutoffSchedule:
    """The dates on which a cron expression fires.

    Attributes
    ----------
    cron : str
        A five-field cron that fires at midnight, as ``parse`` has checked it.
    """

    cron: str

    @classmethod
    def parse(cls, cron: str) -> "CutoffSchedule":
        """Read a five-field cron expression.

        Raises
        ------
        ValueError
            If it is no cron at midnight, or if it restricts day and weekday both, which some programs
            read as "and" and some as "or".
        """
        fields = cron.split()
        if len(fields) != 5 or fields[:2] != ["0", "0"]:
            raise ValueError(
                f"{cron!r} is no schedule of cutoffs; allowed are five-field crons at midnight UTC, "
                f"{_EXAMPLE}"
            )
        for field in fields[2:]:
            if not is_plain(field):
                raise ValueError(_refusal(cron, f"{field!r} is no list of numbers, ranges and steps"))
        if restricts_both(fields):
            raise ValueError(
                f"{cron!r} restricts the day of the month and the weekday both; allowed is one of them, "
                "such as '0 0 1,15 * *' or '0 0 * * 1'"
            )
        schedule = cls(cron)
        try:
            schedule.first_after(date(2020, 1, 1))
        except CronSimError as error:
            # Its message begins with a capital: "Bad day-of-month".
            raise ValueError(_refusal(cron, str(error).lower())) from error
        return schedule

    def matches(self, day: date) -> bool:
        """Whether the cron fires on that day."""
        return self.last_until(day) == day

    def last_until(self, day: date) -> date:
        """Return the last date on or before ``day`` on which the cron fires."""
        return next(CronSim(self.cron, _midnight(day) + _TICK, reverse=True)).date()

    def first_after(self, day: date) -> date:
        """Return the first date after ``day`` on which the cron fires."""
        return next(CronSim(self.cron, _midnight(day))).date()


def is_plain(field: str) -> bool:
    """Return whether every reader of crons takes a field alike.

    A range from a number to itself is a number to one reader, and Dagster takes it for every value.
    """
    return all(PLAIN_CRON_FIELD.match(part) and not _RANGE_OF_ONE.match(part) for part in field.split(","))


def restricts_both(fields: Sequence[str]) -> bool:
    """Return whether five fields restrict the day of the month and the weekday both.

    So does a step: of ``*/2`` with a weekday one reader takes either day, another one those that are both.
    """
    return fields[2] != "*" and fields[4] != "*"


def cutoff_for(cron: str, day: date) -> date:
    """Return the cutoff whose model a trading day uses: the last one on or before it."""
    return CutoffSchedule.parse(cron).last_until(day)


def next_cutoff(cron: str, day: date) -> date:
    """Return the first cutoff after ``day``."""
    return CutoffSchedule.parse(cron).first_after(day)


def cutoffs_between(cron: str, first_trading_day: date, last_day: date) -> tuple[date, ...]:
    """Return the cutoffs of a universe, the keys of its training partitions.

    Parameters
    ----------
    cron : str
        Five-field cron in UTC.
    first_trading_day : date
        The first cutoff is the last one on or before it, so that every trading day has one.
    last_day : date
        The last cutoff is on or before it.
    """
    schedule = CutoffSchedule.parse(cron)
    cutoffs = [schedule.last_until(first_trading_day)]
    while (following := schedule.first_after(cutoffs[-1])) <= last_day:
        cutoffs.append(following)
    return tuple(cutoffs)


def _refusal(cron: str, reason: str) -> str:
    return (
        f"{cron!r} is no schedule of cutoffs: {reason}; allowed are days 1-31, months 1-12 and weekdays 0-7 "
        f"that exist, with lists, ranges and steps, {_EXAMPLE}"
    )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)
