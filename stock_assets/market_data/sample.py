"""The ``sample`` source: daily adjusted closes of 20 US stocks, 1990 to 2022, that come inside skfolio.

The file is read without importing skfolio, which takes seconds: only its place is looked up.
"""

import gzip
from datetime import date
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.errors import BadPayload, SourceUnavailable, UnknownSymbol
from stock_assets.market_data.bars import SOURCE_COLUMNS

_FILE = Path("datasets", "data", "sp500_dataset.csv.gz")


class SampleSource:
    """Closes adjusted for splits and dividends, in US dollars; nothing but a close.

    The 20 stocks were chosen after the fact, from those that survived: what is computed from them
    proves the machinery and no skill.
    """

    @property
    def name(self) -> str:
        """Name of the source in ``universe.yaml`` and on every bar that it gave."""
        return "sample"

    def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
        """Return the bars of the sessions from ``first`` to ``last``, both included.

        Raises
        ------
        UnknownSymbol
            If the symbol is none of the 20.
        SourceUnavailable
            If skfolio is not installed, or has no such file any more.
        """
        closes = self._closes
        if symbol not in closes.columns:
            raise UnknownSymbol(
                f"instruments.{instrument.id}: the source 'sample' has no symbol {symbol!r}; allowed are "
                f"{', '.join(sorted(closes.columns))}."
            )
        wanted = closes.loc[pd.Timestamp(first) : pd.Timestamp(last), symbol]
        rows = pd.DataFrame({"session": wanted.index, "close": wanted.to_numpy(dtype=np.float64)})
        return rows.reindex(columns=list(SOURCE_COLUMNS), fill_value=np.nan)

    @cached_property
    def _closes(self) -> pd.DataFrame:
        """Closes, a row a session and a column a symbol; the row labels are datetime64[s]."""
        path = _data_file()
        try:
            with gzip.open(path, "rt", encoding="utf-8") as file:
                # Numbers are converted by numpy: not every pandas rounds them to the nearest.
                texts = pd.read_csv(file, index_col=0, dtype=str)
        except FileNotFoundError as error:
            raise SourceUnavailable(
                f"{path} does not exist: the installed skfolio has no price data; install skfolio 1.12."
            ) from error
        try:
            sessions = pd.to_datetime(texts.index, format="%Y-%m-%d").as_unit("s")
            values = texts.to_numpy(dtype=object).astype(np.float64)
        except ValueError as error:
            raise BadPayload(f"{path}: {error}; install skfolio 1.12, whose data can be read.") from error
        return pd.DataFrame(values, index=sessions, columns=texts.columns)


def _data_file() -> Path:
    spec = find_spec("skfolio")
    if spec is None or not spec.submodule_search_locations:
        raise SourceUnavailable(
            "The package skfolio, whose data the source 'sample' reads, is not installed; install it."
        )
    return Path(spec.submodule_search_locations[0]) / _FILE
