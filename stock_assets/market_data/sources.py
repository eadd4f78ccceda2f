"""Which sources there are, and how a universe's instruments are read from them."""

import logging
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.config.universe import Universe
from stock_assets.errors import (
    BadPayload,
    ConfigurationError,
    NoDataForWindow,
    SourceError,
    SourceUnavailable,
)
from stock_assets.market_data.bars import SOURCE_COLUMNS
from stock_assets.market_data.csv_files import CsvSource
from stock_assets.market_data.patient_source import PatientSource
from stock_assets.market_data.sample import SampleSource
from stock_assets.market_data.source import PriceSource
from stock_assets.settings import NETWORK_SOURCES, Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FetchedRows:
    """What the sources said of one instrument.

    Attributes
    ----------
    source : str
        Name of the source that answered.
    rows : DataFrame
        As ``PriceSource.fetch`` returns them; without a row if no source has one.
    failures : tuple of str
        Why the other sources that were asked gave nothing, in their order, a sentence each.
    """

    source: str
    rows: pd.DataFrame
    failures: tuple[str, ...] = ()


def build_sources(universe: Universe, folder: Path, settings: Settings) -> dict[str, PriceSource]:
    """Return the sources that the universe's instruments name, by name.

    Parameters
    ----------
    universe : Universe
        Whose instruments.
    folder : Path
        The universe's folder, where relative paths in its settings start.
    settings : Settings
        Where sources on the network are reached, with which keys, and where their locks lie.

    Returns
    -------
    dict of str to PriceSource
        Those on the network as ``PatientSource``.

    Raises
    ------
    ConfigurationError
        If a source lacks its settings.
    """
    used = sorted({choice.source for instrument in universe.priced for choice in instrument.sources})
    requests = universe.source_settings.requests
    sources: dict[str, PriceSource] = {}
    for name in used:
        if name in NETWORK_SOURCES:
            source = _network_source(name, settings, requests.timeout.total_seconds())
            sources[name] = PatientSource(source, requests, settings.lock_dir)
        else:
            sources[name] = _local_source(name, universe, folder)
    return sources


def _local_source(name: str, universe: Universe, folder: Path) -> PriceSource:
    if name == "sample":
        return SampleSource()
    settings = universe.source_settings.csv
    if settings is None:
        raise ConfigurationError("source_settings.csv is missing; the source 'csv' needs it.")
    return CsvSource(settings, folder)


def _network_source(name: str, settings: Settings, timeout: float) -> PriceSource:
    """Make a source on the network; client libraries take long to import, and few universes need all."""
    access = settings.source_access(name)
    match name:
        case "yahoo":
            from stock_assets.market_data.yahoo import YahooSource

            return YahooSource(access.url, timeout)
        case "treasury":
            from stock_assets.market_data.treasury import TreasurySource

            return TreasurySource(access.url, timeout)
        case "fred":
            from stock_assets.market_data.fred import FredSource

            return FredSource(access.url, access.key, timeout)
        case "ecos":
            from stock_assets.market_data.ecos import EcosSource

            return EcosSource(access.url, access.key, timeout)
        case _:
            raise ConfigurationError(
                f"The source {name!r} is not known; allowed are {', '.join(NETWORK_SOURCES)}."
            )


def fetch_rows(
    instrument: Instrument, sources: Mapping[str, PriceSource], first: date, last: date
) -> FetchedRows:
    """Ask the instrument's sources in their order until one has rows.

    Parameters
    ----------
    instrument : Instrument
        What is asked for.
    sources : mapping of str to PriceSource
        By name, as ``build_sources`` returns them.
    first, last : date
        Exchange-local bounds, both included.

    Returns
    -------
    FetchedRows
        Without rows only if no source can have any: those that know the instrument said so.

    Raises
    ------
    SourceError
        If a source that may have rows could not give them, and no other one did: what the first of those
        said whom asking again may help, or else the first of all, and behind it what the others said.
    """
    said: list[tuple[str, SourceError]] = []
    for choice in instrument.sources:
        name = choice.source
        try:
            rows = sources[name].fetch(instrument, choice.symbol, first, last)
            if rows.empty:
                raise NoDataForWindow(
                    f"instruments.{instrument.id}: the source {name!r} has no bar of {choice.symbol!r} from "
                    f"{first} to {last}."
                )
        except SourceError as error:
            said.append((name, error))
            _log_next(instrument, error, last=len(said) == len(instrument.sources))
        else:
            return FetchedRows(name, rows, tuple(str(error) for _, error in said))
    errors = [error for _, error in said]
    # An outage or an answer that cannot be read says nothing about the bars: they may well be there.
    if not any(isinstance(error, SourceUnavailable | BadPayload) for error in errors):
        for place, (name, error) in enumerate(said):
            if isinstance(error, NoDataForWindow):
                others = errors[:place] + errors[place + 1 :]
                return FetchedRows(name, _no_rows(), tuple(str(other) for other in others))
    raise _weightiest(errors)


def _log_next(instrument: Instrument, error: SourceError, *, last: bool) -> None:
    """Say that a source has nothing, unless that is about to be said to the caller."""
    if not last:
        # A window of holidays is an ordinary thing to have no bars of.
        level = logging.INFO if isinstance(error, NoDataForWindow) else logging.WARNING
        _log.log(level, "%s The next source of %s is asked.", error, instrument.id)


def _weightiest(errors: list[SourceError]) -> SourceError:
    """Return the error that decides whether asking again may help, with what the others said behind it."""
    weightiest = min(errors, key=_rank)
    others = [str(error) for error in errors if error is not weightiest]
    if not others:
        return weightiest
    together = copy(weightiest).with_traceback(weightiest.__traceback__)
    together.args = (" ".join([str(weightiest), *others]),)
    return together


def _rank(error: SourceError) -> int:
    """Return 0 where asking again may help, 2 where nothing went wrong, 1 otherwise."""
    if isinstance(error, SourceUnavailable):
        return 0
    return 2 if isinstance(error, NoDataForWindow) else 1


def _no_rows() -> pd.DataFrame:
    columns = {column: "datetime64[s]" if column == "session" else "float64" for column in SOURCE_COLUMNS}
    return pd.DataFrame({column: pd.Series(dtype=dtype) for column, dtype in columns.items()})
