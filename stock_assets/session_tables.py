"""What the package exchange_calendars, or a rule of our own, says of an exchange, kept on disk as JSON.

Building a calendar costs up to 3 s and imports pandas. The table on disk is read with the standard
library alone in a few milliseconds, so that whatever only needs sessions never pays for building.
"""

import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from stock_assets.errors import CalendarError
from stock_assets.own_calendars import OWN_CALENDARS, RULES_VERSION

PACKAGE = "exchange_calendars"
_FILE_PREFIX = "exchange_calendar_"
#: To be raised when the files hold something else, so that those on disk are built again.
_FORMAT = 2
#: How far ahead a calendar by rules is built, as far as the package builds its own.
_RULES_AHEAD = timedelta(days=366)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SessionTable:
    """The sessions of one exchange as its origin knows them.

    Attributes
    ----------
    exchange : str
        ISO 10383 code (MIC), or one of ``OWN_CALENDARS``.
    origin : str
        What it comes from, with the version, as ``origin_of`` says.
    first, last : date
        Bounds of what the table knows, both included.
    is_limit : bool
        Whether this origin knows nothing after ``last``, however it is asked.
    timezone : str
        IANA name of the exchange's time zone.
    usual_closes : tuple of (date, int)
        From which day on, in minutes after local midnight, the exchange usually closes.
    sessions : tuple of (date, int)
        Exchange-local date, and the close in minutes after midnight UTC of that date.
    holidays : tuple of (date, str)
        The weekdays without a session whose holiday has a name, in ascending order.
    """

    exchange: str
    origin: str
    first: date
    last: date
    is_limit: bool
    timezone: str
    usual_closes: tuple[tuple[date, int], ...]
    sessions: tuple[tuple[date, int], ...]
    holidays: tuple[tuple[date, str], ...] = ()


def package_version() -> str:
    """Return the installed version of exchange_calendars without importing it.

    Raises
    ------
    CalendarError
        If it is not installed.
    """
    try:
        return version(PACKAGE)
    except PackageNotFoundError as error:
        raise CalendarError(
            f"The package {PACKAGE} is not installed; install it to know sessions."
        ) from error


def origin_of(exchange: str) -> str:
    """Return what the calendar of an exchange is built from: the package or our rules, with the version.

    Raises
    ------
    CalendarError
        If the package is not installed.
    """
    if exchange in OWN_CALENDARS:
        return f"stock_assets rules {RULES_VERSION}"
    return f"{PACKAGE} {package_version()}"


def known_exchanges() -> tuple[str, ...]:
    """Return the codes of all calendars there are, our own included, without importing the package.

    Raises
    ------
    CalendarError
        If the package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise CalendarError(f"The package {PACKAGE} is not installed; install it to know sessions.")
    folder = Path(spec.submodule_search_locations[0])
    codes = {path.stem.removeprefix(_FILE_PREFIX).upper() for path in folder.glob(_FILE_PREFIX + "*.py")}
    return tuple(sorted(codes | set(OWN_CALENDARS)))


def build_table(exchange: str, first: date, last: date | None) -> SessionTable:
    """Build the table of the sessions from ``first`` to ``last``, or about a year ahead if that is later.

    Raises
    ------
    CalendarError
        If there is no calendar of the exchange, or none that begins as early as ``first``.
    """
    if exchange in OWN_CALENDARS:
        return _table_by_rules(exchange, first, last)
    # Imported here because it takes half a second and brings pandas along.
    import exchange_calendars
    import pandas as pd

    if exchange not in known_exchanges():
        raise CalendarError(
            f"{exchange!r} is no exchange with a calendar; allowed are {', '.join(known_exchanges())}."
        )
    try:
        calendar = exchange_calendars.get_calendar(exchange, start=first.isoformat())
        end, bound = calendar.default_end().date(), calendar.bound_max()
        limit = None if bound is None else bound.date()
        if last is not None and last > end and end != limit:
            end = last if limit is None else min(last, limit)
            calendar = exchange_calendars.get_calendar(exchange, start=first.isoformat(), end=end.isoformat())
    except ValueError as error:
        raise CalendarError(
            f"The calendar of {exchange} cannot begin on {first}: {' '.join(str(error).split())}"
        ) from error
    closes = calendar.closes
    minutes = (closes.dt.tz_localize(None) - closes.index.to_series()).dt.total_seconds() // 60
    # Of some exchanges the package knows dates alone.
    rules = [] if calendar.regular_holidays is None else calendar.regular_holidays.rules
    bounds = pd.Timestamp(first), pd.Timestamp(end)
    named = {stamp.date(): str(rule.name) for rule in rules for stamp in rule.dates(*bounds)}
    return SessionTable(
        exchange=exchange,
        origin=origin_of(exchange),
        first=first,
        last=end,
        is_limit=end == limit,
        timezone=str(calendar.tz),
        usual_closes=tuple(
            (
                date.min if since is None else since.date(),
                at.hour * 60 + at.minute + calendar.close_offset * 24 * 60,
            )
            for since, at in calendar.close_times
        ),
        sessions=tuple(
            (session.date(), int(close)) for session, close in zip(closes.index, minutes, strict=True)
        ),
        holidays=_without_session(named, {session.date() for session in closes.index}),
    )


def _table_by_rules(exchange: str, first: date, last: date | None) -> SessionTable:
    rules = OWN_CALENDARS[exchange]
    ahead = datetime.now(UTC).date() + _RULES_AHEAD
    end = ahead if last is None else max(ahead, last)
    usual_closes = ((date.min, rules.close_minutes),)

    def close(day: date) -> int:
        midnight = datetime.combine(day, time(tzinfo=UTC))
        return (usual_close(day, rules.timezone, usual_closes) - midnight) // timedelta(minutes=1)

    sessions = rules.sessions(first, end)
    return SessionTable(
        exchange=exchange,
        origin=origin_of(exchange),
        first=first,
        last=end,
        is_limit=False,
        timezone=rules.timezone,
        usual_closes=usual_closes,
        sessions=tuple((day, close(day)) for day in sessions),
        holidays=_without_session(rules.holidays(first, end), set(sessions)),
    )


def _without_session(named: Mapping[date, str], sessions: set[date]) -> tuple[tuple[date, str], ...]:
    """Return the weekdays without a session among named days: some exchanges are open on some holidays."""
    return tuple((day, named[day]) for day in sorted(named) if day.weekday() < 5 and day not in sessions)


def usual_close(day: date, timezone: str, usual_closes: tuple[tuple[date, int], ...]) -> datetime:
    """Return when a session of that day closes if it closes as usual, in UTC.

    Parameters
    ----------
    timezone, usual_closes
        As in ``SessionTable``.
    """
    minutes = next(at for since, at in reversed(usual_closes) if since <= day)
    local = datetime.combine(day, time()) + timedelta(minutes=minutes)
    return local.replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def write_table(table: SessionTable, folder: Path) -> None:
    """Write the table so that a reader sees the old file or the new one, never a part."""
    content = {
        "format": _FORMAT,
        "exchange": table.exchange,
        "origin": table.origin,
        "first": table.first.isoformat(),
        "last": table.last.isoformat(),
        "is_limit": table.is_limit,
        "timezone": table.timezone,
        "usual_closes": [[day.isoformat(), minutes] for day, minutes in table.usual_closes],
        "sessions": [[day.isoformat(), minutes] for day, minutes in table.sessions],
        "holidays": [[day.isoformat(), name] for day, name in table.holidays],
    }
    write_json(folder / f"{table.exchange}.json", content)


def write_json(path: Path, content: Any) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False) as file:
        written = Path(file.name)
        try:
            json.dump(content, file, separators=(",", ":"))
            os.fchmod(file.fileno(), 0o644)  # temporary files are their writer's alone
            file.flush()
            os.fsync(file.fileno())
            written.replace(path)
        except BaseException:
            written.unlink(missing_ok=True)
            raise


def read_table(exchange: str, first: date, folder: Path) -> SessionTable | None:
    """Read the table of an exchange.

    Returns
    -------
    SessionTable or None
        None if there is none, if it cannot be read, if it comes from another version of its origin or of
        this module, or if it begins after ``first``: then it has to be built again.
    """
    path = folder / f"{exchange}.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("format") != _FORMAT:
            return None
        table = SessionTable(
            exchange=content["exchange"],
            origin=content["origin"],
            first=date.fromisoformat(content["first"]),
            last=date.fromisoformat(content["last"]),
            is_limit=content["is_limit"],
            timezone=content["timezone"],
            usual_closes=_pairs(content["usual_closes"]),
            sessions=_pairs(content["sessions"]),
            holidays=_pairs(content["holidays"]),
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("%s is damaged (%s) and is built again.", path, error)
        return None
    fits = table.exchange == exchange and table.origin == origin_of(exchange) and table.first <= first
    return table if fits else None


def _pairs(rows: list[list]) -> tuple[tuple[date, Any], ...]:
    return tuple((date.fromisoformat(day), value) for day, value in rows)


def weekdays(first: date, last: date) -> Iterator[date]:
    """Yield Monday to Friday from ``first`` to ``last``, both included."""
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        if day.weekday() < 5:
            yield day
