"""The ``csv`` source: bars from CSV files, one for all instruments or one an instrument."""

import csv
import math
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.config.sources import CsvSettings
from stock_assets.errors import BadPayload, SourceUnavailable, UnknownSymbol
from stock_assets.market_data.bars import SOURCE_COLUMNS

_PLACE = "{symbol}"


@dataclass(frozen=True)
class _Parsed:
    """A file as it was at one time: its rows, and the symbol of each if it holds several."""

    version: tuple[int, int]
    rows: pd.DataFrame
    symbols: np.ndarray | None


class CsvSource:
    """Bars from files that ``source_settings.csv`` of ``universe.yaml`` describes.

    Parameters
    ----------
    settings : CsvSettings
        Where the files lie and what their columns are called.
    folder : Path
        Where relative paths start.
    """

    def __init__(self, settings: CsvSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._parsed: dict[Path, _Parsed] = {}

    @property
    def name(self) -> str:
        """Name of the source in ``universe.yaml`` and on every bar that it gave."""
        return "csv"

    def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
        """Return the bars of the sessions from ``first`` to ``last``, both included.

        Raises
        ------
        UnknownSymbol
            If there is no file of the symbol, or no row of it in the file that all share.
        SourceUnavailable
            If the file that all share does not exist, or a file cannot be opened.
        BadPayload
            If a file cannot be read; the sentence names file, line, column and value.
        """
        path = self._folder / self._settings.file.replace(_PLACE, symbol)
        if not path.is_file():
            raise self._missing(instrument, symbol, path)
        parsed = self._read(path)
        rows = parsed.rows
        if parsed.symbols is not None:
            own = parsed.symbols == symbol
            if not own.any():
                raise UnknownSymbol(
                    f"instruments.{instrument.id}: {path} has no symbol {symbol!r}; allowed are "
                    f"{', '.join(sorted(set(parsed.symbols)))}."
                )
            rows = rows[own]
        wanted = rows["session"].between(pd.Timestamp(first), pd.Timestamp(last))
        return rows[wanted].reset_index(drop=True)

    def _missing(self, instrument: Instrument, symbol: str, path: Path) -> UnknownSymbol | SourceUnavailable:
        if _PLACE not in self._settings.file:
            return SourceUnavailable(
                f"{path} does not exist; source_settings.csv.file in universe.yaml says where the prices lie."
            )
        return UnknownSymbol(
            f"instruments.{instrument.id}: the source 'csv' has no symbol {symbol!r}, since {path} does not "
            "exist; put the file there or correct the symbol."
        )

    def _read(self, path: Path) -> _Parsed:
        shared = _PLACE not in self._settings.file
        status = path.stat()
        version = (status.st_mtime_ns, status.st_size)
        known = self._parsed.get(path)
        if known is None or known.version != version:
            try:
                known = self._parsed[path] = _parse(path, self._settings.columns, shared, version)
            except csv.Error as error:
                raise BadPayload(
                    f"{path}: is no table ({error}); see whether a quotation mark is never closed."
                ) from error
            except OSError as error:
                raise SourceUnavailable(
                    f"{path}: cannot be read ({error.strerror}); see who may read it."
                ) from error
        return known


def _parse(path: Path, names: dict, shared: bool, version: tuple[int, int]) -> _Parsed:
    """Read a whole file; ``names`` maps this project's column names to the file's."""
    try:
        # Spreadsheets begin a file with a byte-order mark, which utf-8-sig takes off.
        reader = csv.reader(path.read_text(encoding="utf-8-sig").splitlines())
    except UnicodeDecodeError as error:
        raise BadPayload(f"{path}: byte {error.start} is no UTF-8; save the file in UTF-8.") from error
    header = next(reader, [])
    missing = [name for name in names.values() if name not in header]
    if missing:
        raise BadPayload(
            f"{path}: line 1: has no column {missing[0]!r}; the file has {', '.join(header) or 'none'}, and "
            "source_settings.csv.columns in universe.yaml says which are read."
        )
    positions = {name: header.index(column) for name, column in names.items()}
    lines: list[int] = []
    texts: dict[str, list[str]] = {name: [] for name in names}
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            raise BadPayload(
                f"{path}: line {reader.line_num}: holds {len(row)} values under {len(header)} columns; write "
                "one value a column."
            )
        lines.append(reader.line_num)
        for name, position in positions.items():
            texts[name].append(row[position].strip())
    columns = {
        name: _column(path, lines, names.get(name), name, texts.get(name, [])) for name in SOURCE_COLUMNS
    }
    symbols = np.array(texts["symbol"], dtype=object) if shared else None
    return _Parsed(version, pd.DataFrame(columns), symbols)


def _column(path: Path, lines: list[int], column: str | None, name: str, texts: list[str]) -> np.ndarray:
    """Convert one column; one that the file lacks is NaN."""
    if column is None:
        return np.full(len(lines), np.nan)
    convert, allowed = (_date, "a date such as 2021-01-04") if name == "session" else (_number, "a number")
    values = []
    for line, text in zip(lines, texts, strict=True):
        try:
            values.append(convert(text))
        except ValueError as error:
            raise BadPayload(
                f"{path}: line {line}: {column}: {text!r} cannot be read; allowed is {allowed}."
            ) from error
    return np.array(values, dtype="datetime64[s]" if name == "session" else np.float64)


def _date(text: str) -> date:
    return date.fromisoformat(text)


def _number(text: str) -> float:
    if not text:
        return math.nan
    # Python reads 1_000 as a thousand; in a price file it is a mistake.
    if "_" in text:
        raise ValueError(text)
    return float(text)
