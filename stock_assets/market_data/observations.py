"""Bars of sources that say one number a day, such as a yield: what the number is, and nothing else."""

import math
from collections.abc import Iterable
from datetime import date, datetime

import numpy as np
import pandas as pd

from stock_assets.errors import BadPayload
from stock_assets.market_data.bars import SOURCE_COLUMNS


def observation_rows(observations: Iterable[tuple[date, float]]) -> pd.DataFrame:
    """Return bars that have a close alone.

    Parameters
    ----------
    observations : iterable of (date, float)
        Session and close, in the provider's own unit: percent a year for a yield, 4.28 for 4.28 %.

    Returns
    -------
    DataFrame
        As ``PriceSource.fetch`` returns it.
    """
    listed = list(observations)
    rows = pd.DataFrame(
        {
            "session": np.array([session for session, _ in listed], dtype="datetime64[s]"),
            "close": np.array([close for _, close in listed], dtype=np.float64),
        }
    )
    return rows.reindex(columns=list(SOURCE_COLUMNS), fill_value=np.nan)


def read_close(address: str, session: date, text: str) -> float:
    """Return the number that a provider wrote.

    Raises
    ------
    BadPayload
        If it is none, or not finite.
    """
    try:
        # Python reads 4_28 as 428.
        close = math.nan if "_" in text else float(text)
    except ValueError:
        close = math.nan
    if not math.isfinite(close):
        raise BadPayload(f"{address}: {session}: {text!r} cannot be read; allowed is a number.")
    return close


def read_session(address: str, text: str, pattern: str) -> date:
    """Return the date that a provider wrote; ``pattern`` is as ``strptime`` takes it.

    Raises
    ------
    BadPayload
        If it is none.
    """
    try:
        session = datetime.strptime(text, pattern)
    except ValueError:
        session = None
    # strptime is content with 2024-1-2 for %Y-%m-%d.
    if session is None or session.strftime(pattern) != text:
        raise BadPayload(f"{address}: {text!r} cannot be read; allowed is a date written {pattern}.")
    return session.date()
