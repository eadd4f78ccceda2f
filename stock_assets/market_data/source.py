"""The protocol of a price source."""

from datetime import date
from typing import Protocol

import pandas as pd

from stock_assets.config.instruments import Instrument


class PriceSource(Protocol):
    """Where bars come from.

    A source says what its provider says, row by row: it neither fills nor drops nor repairs, and
    leaves judging to ``stock_assets.market_data.quality``.
    """

    @property
    def name(self) -> str:
        """Name of the source in ``universe.yaml`` and on every bar that it gave."""
        ...

    def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
        """Return the bars of the sessions from ``first`` to ``last``, both included.

        Parameters
        ----------
        instrument : Instrument
            What is asked for.
        symbol : str
            Its name at this source.
        first, last : date
            Exchange-local dates.

        Returns
        -------
        DataFrame
            Columns ``stock_assets.market_data.bars.SOURCE_COLUMNS``; ``session`` is ``datetime64[s]``,
            the others are float64 with NaN where the source says nothing. Rows are as the source has
            them: in any order, with duplicates if it has any, empty if it has none.

        Raises
        ------
        UnknownSymbol
            If the source does not have the symbol.
        NoDataForWindow
            If the source knows the symbol and has nothing of these sessions; no row says the same.
        RateLimited, SourceUnavailable
            If the source could not be reached, or would not answer now.
        MissingKey
            If the source wants a key that the environment does not hold.
        BadPayload
            If its answer cannot be read as bars.
        """
        ...
