"""The trading days that are over, kept beside the session tables, so that none of them is ever taken back.

Trading days are computed from calendars, and calendars change: a newer version of the package, or a new
line in ``session_overrides.csv``, says that the exchange was closed on a day that has long been a partition,
with bars, predictions and weights. Such a day stays a trading day, and its state says that no exchange had a
session. Were it dropped, its rows would lose their partition, and a bar that belonged to it would move to
another day.

To take a day back on purpose, after a mistake in a configuration, remove the file.
"""

import json
import logging
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from stock_assets.session_tables import write_json

PAST_DAYS_FILE = "trading_days.json"
#: Seconds that another process is waited for, which only writes a small file.
_LONGEST_WAIT = 30.0
_log = logging.getLogger(__name__)


def read_past_days(folder: Path) -> frozenset[date]:
    """Return the trading days that the folder keeps: none if there is no file, or a damaged one."""
    path = folder / PAST_DAYS_FILE
    try:
        days = json.loads(path.read_text(encoding="utf-8"))["trading_days"]
        return frozenset(date.fromisoformat(day) for day in days)
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("%s cannot be read (%s): its days come from the calendars as they are.", path, error)
        return frozenset()


def keep_past_days(days: Iterable[date], folder: Path) -> None:
    """Add trading days that are over to those that the folder keeps.

    Processes that do so at once wait for each other, so that none loses what another one adds. A folder that
    cannot be written is a warning: what is computed from calendars does without it.

    Parameters
    ----------
    days : iterable of date
        Days that are over, in any order.
    """
    # Only needed where there is something to add, once a day.
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{PAST_DAYS_FILE}.lock", timeout=_LONGEST_WAIT):
            kept = read_past_days(folder)
            wanted = kept.union(days)
            if wanted != kept:
                content = {"trading_days": [day.isoformat() for day in sorted(wanted)]}
                write_json(folder / PAST_DAYS_FILE, content)
    except (OSError, Timeout) as error:
        _log.warning("The trading days that are over cannot be kept in %s: %s", folder, error)
