"""Sources that fail, that count how often they are asked, or that answer otherwise than they did."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.market_data.source import PriceSource

#: What was asked for: instrument, first and last session.
Request = tuple[str, date, date]


@dataclass(frozen=True)
class OddSource:
    """A source that notes each request, raises for some instruments, and edits what it says of the others."""

    source: PriceSource
    errors: Mapping[str, Exception] = field(default_factory=dict)
    edit: Callable[[str, pd.DataFrame], pd.DataFrame] = lambda instrument, rows: rows
    requests: list[Request] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.source.name

    def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
        self.requests.append((instrument.id, first, last))
        if instrument.id in self.errors:
            raise self.errors[instrument.id]
        return self.edit(instrument.id, self.source.fetch(instrument, symbol, first, last))

    @property
    def asked(self) -> list[str]:
        """The instruments that were asked for, in the order of the requests."""
        return [instrument for instrument, _, _ in self.requests]
