"""``session_overrides.csv``: what the calendar package has wrong, corrected by hand and with a source.

The package's calendars are written in advance and by volunteers: typhoons, elections and weekend
sessions are missing or come late. The file lies beside the folders of the universes and is laid
over every calendar when it is loaded.
"""

import csv
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from stock_assets.errors import ConfigurationError
from stock_assets.session_tables import known_exchanges

OVERRIDES_FILE = "session_overrides.csv"
_COLUMNS = ("date", "exchange", "session", "source")
_KINDS = ("open", "closed")


@dataclass(frozen=True)
class SessionOverride:
    """One day on which an exchange was open or closed against its calendar.

    Attributes
    ----------
    day : date
        Exchange-local date.
    exchange : str
        ISO 10383 code (MIC).
    is_open : bool
        Whether there was a session; an added session closes at the exchange's usual time.
    source : str
        Where that is written, as an address.
    """

    day: date
    exchange: str
    is_open: bool
    source: str


def read_overrides(path: Path) -> tuple[SessionOverride, ...]:
    """Read the overrides of all exchanges; a file that does not exist holds none.

    Parameters
    ----------
    path : Path
        The file, with the columns date, exchange, session ("open" or "closed") and source.

    Raises
    ------
    ConfigurationError
        If the file is no such table; the sentence names the line and what is allowed.
    """
    if not path.is_file():
        return ()
    try:
        # Spreadsheets begin a file with a byte-order mark, which utf-8-sig takes off.
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path.name}: is no UTF-8 text; allowed is a CSV file in UTF-8.") from error
    rows = csv.reader(lines)
    header = tuple(next(rows, ()))
    if header != _COLUMNS:
        raise ConfigurationError(
            f"{path.name}: line 1: the columns are {','.join(header)!r}; allowed are {','.join(_COLUMNS)!r}."
        )
    exchanges = known_exchanges()
    found: dict[tuple[date, str], SessionOverride] = {}
    for row in rows:
        if not row:
            continue
        override = _override(row, f"{path.name}: line {rows.line_num}", exchanges)
        key = (override.day, override.exchange)
        if key in found:
            raise ConfigurationError(
                f"{path.name}: line {rows.line_num}: {override.exchange} on {override.day} stands in the "
                "file twice; allowed is one line a date and exchange."
            )
        found[key] = override
    return tuple(found.values())


def _override(row: list[str], where: str, exchanges: Collection[str]) -> SessionOverride:
    if len(row) != len(_COLUMNS):
        raise ConfigurationError(
            f"{where}: holds {len(row)} values; allowed are the {len(_COLUMNS)} of {','.join(_COLUMNS)!r}."
        )
    day, exchange, kind, source = (value.strip() for value in row)
    if exchange not in exchanges:
        raise ConfigurationError(
            f"{where}: exchange: {exchange!r} is no exchange; allowed are {', '.join(sorted(exchanges))}."
        )
    if kind not in _KINDS:
        raise ConfigurationError(f"{where}: session: {kind!r} is not allowed; allowed are open, closed.")
    if not source:
        raise ConfigurationError(f"{where}: source: is empty; allowed is the address that says so.")
    try:
        return SessionOverride(date.fromisoformat(day), exchange, kind == "open", source)
    except ValueError as error:
        raise ConfigurationError(
            f"{where}: date: {day!r} is no date; allowed is a date such as 2021-01-04."
        ) from error
