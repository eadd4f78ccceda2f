"""Which sources there are, and how a universe's instruments are read from them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.config.universe import Universe
from stock_assets.errors import ConfigurationError, SourceUnavailable, UnknownSymbol
from stock_assets.market_data.csv_files import CsvSource
from stock_assets.market_data.sample import SampleSource
from stock_assets.market_data.source import PriceSource
from stock_assets.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FetchedRows:
    """What a source said of one instrument.

    Attributes
    ----------
    source : str
        Name of the source.
    rows : DataFrame
        As ``PriceSource.fetch`` returns them.
    """

    source: str
    rows: pd.DataFrame


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

    Raises
    ------
    ConfigurationError
        If a source lacks its settings.
    """
    used = sorted({choice.source for instrument in universe.priced for choice in instrument.sources})
    return {name: _build(name, universe, folder) for name in used}


def _build(name: str, universe: Universe, folder: Path) -> PriceSource:
    if name == "sample":
        return SampleSource()
    settings = universe.source_settings.csv
    if settings is None:
        raise ConfigurationError("source_settings.csv is missing; the source 'csv' needs it.")
    return CsvSource(settings, folder)


def fetch_rows(
    instrument: Instrument, sources: Mapping[str, PriceSource], first: date, last: date
) -> FetchedRows:
    """Ask the instrument's sources in their order until one answers.

    Parameters
    ----------
    instrument : Instrument
        What is asked for.
    sources : mapping of str to PriceSource
        By name, as ``build_sources`` returns them.
    first, last : date
        Exchange-local bounds, both included.

    Raises
    ------
    UnknownSymbol, SourceUnavailable
        What the last source said, if none of them has the instrument.
    BadPayload
        If a source's answer cannot be read: another source would hide that.
    """
    *others, final = instrument.sources
    for choice in others:
        try:
            rows = sources[choice.source].fetch(instrument, choice.symbol, first, last)
        except (UnknownSymbol, SourceUnavailable) as error:
            _log.warning("%s The next source of %s is asked.", error, instrument.id)
        else:
            return FetchedRows(choice.source, rows)
    return FetchedRows(final.source, sources[final.source].fetch(instrument, final.symbol, first, last))
