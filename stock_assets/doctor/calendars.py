"""The exchanges' calendars: whether there are any, and how far they go."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

from stock_assets.calendars import calendar_ends, load_calendar
from stock_assets.config.universe import Universe
from stock_assets.doctor.diagnosis import Diagnosis
from stock_assets.errors import CalendarError, ConfigurationError
from stock_assets.pipeline.deployment import MARGIN_DAYS
from stock_assets.session_overrides import OVERRIDES_FILE, SessionOverride, read_overrides
from stock_assets.session_tables import PACKAGE, package_version
from stock_assets.settings import Settings

SUBJECT = "calendars"


def calendar_diagnoses(universe: Universe, settings: Settings, today: date) -> Iterator[Diagnosis]:
    """Load the calendar of each exchange, and say which of them end within the next 60 days.

    Before the state folder is prepared, they are built in a folder that is removed again.

    Parameters
    ----------
    universe : Universe
        Whose exchanges.
    settings : Settings
        Where the tables and the overrides lie.
    today : date
        In UTC.
    """
    overrides = _overrides(settings.config_dir / OVERRIDES_FILE)
    calendars = []
    with ExitStack() as stack:
        folder = settings.calendar_dir
        if not folder.is_dir():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for exchange in universe.exchanges:
            end = universe.end and universe.end + timedelta(days=MARGIN_DAYS)
            try:
                calendar = load_calendar(exchange, universe.history_start, end, folder, overrides, today)
            except CalendarError as error:
                yield Diagnosis(SUBJECT, "failed", str(error))
            else:
                calendars.append(calendar)
    ends = calendar_ends(calendars, today)
    for end_of_one in ends:
        yield Diagnosis(SUBJECT, "warning", end_of_one.sentence)
    ending = {end_of_one.exchange for end_of_one in ends}
    others = [calendar for calendar in calendars if calendar.exchange not in ending]
    if others:
        until = min(min(calendar.known_until, calendar.last) for calendar in others)
        codes = ", ".join(calendar.exchange for calendar in others)
        origin = f"{PACKAGE} {package_version()} and {len(overrides)} overrides"
        yield Diagnosis(SUBJECT, "ok", f"The sessions of {codes} are known until {until}, by {origin}.")


def _overrides(path: Path) -> tuple[SessionOverride, ...]:
    try:
        return read_overrides(path)
    except ConfigurationError:
        # It is a mistake of the configuration, and has been said there.
        return ()
