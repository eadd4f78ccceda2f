"""What a second source says of an instrument's closes, to compare them with the first one's."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import dropwhile

import numpy as np
import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.config.sources import SourceChoice
from stock_assets.errors import SourceError
from stock_assets.market_data.source import PriceSource

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class SecondOpinion:
    """The closes of the source that was not used.

    Attributes
    ----------
    source : str
        Name of the source.
    closes : DataFrame
        Columns ``session`` (``datetime64[s]``) and ``close`` (float64, in the unit of the instrument's bars),
        with finite closes only, each session once, in ascending order. A session that is not among them is no
        disagreement.
    failure : str or None
        What the source said instead, if it gave no rows; ``closes`` is empty then.
    """

    source: str
    closes: pd.DataFrame
    failure: str | None = None


def second_opinion(
    instrument: Instrument, sources: Mapping[str, PriceSource], used: str, first: date, last: date
) -> SecondOpinion | None:
    """Ask the source that comes after the one whose rows are used.

    It is asked for comparison alone: that it does not answer is said, and stops nothing.

    Parameters
    ----------
    instrument : Instrument
        What is asked for.
    sources : mapping of str to PriceSource
        By name, as ``build_sources`` returns them.
    used : str
        Name of the source whose rows are used.
    first, last : date
        Exchange-local bounds, both included.

    Returns
    -------
    SecondOpinion or None
        None if the instrument has no source after ``used``.
    """
    choice = _next_source(instrument, used)
    if choice is None:
        return None
    try:
        rows = sources[choice.source].fetch(instrument, choice.symbol, first, last)
    except SourceError as error:
        _log.warning("%s The closes of %s from %s are compared with none.", error, instrument.id, used)
        return SecondOpinion(choice.source, _closes(pd.DataFrame()), str(error))
    return SecondOpinion(choice.source, _closes(rows))


def _next_source(instrument: Instrument, used: str) -> SourceChoice | None:
    """Return the choice after ``used``; the same source with another symbol is no other source."""
    behind = dropwhile(lambda choice: choice.source != used, instrument.sources)
    return next((choice for choice in behind if choice.source != used), None)


def _closes(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the closes that can be compared: of a session with two, nobody knows which is meant."""
    closes = pd.DataFrame(
        {
            "session": pd.Series(rows.get("session"), dtype="datetime64[s]"),
            "close": pd.Series(rows.get("close"), dtype=np.float64),
        }
    )
    once = ~closes["session"].duplicated(keep=False)
    closes = closes[once & np.isfinite(closes["close"])]
    return closes.sort_values("session", ignore_index=True)
