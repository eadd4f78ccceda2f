"""Yields in another unit than percent."""

from collections.abc import Iterator

import numpy as np

from stock_assets.config.instruments import Instrument
from stock_assets.config.universe import QualityLimits
from stock_assets.market_data.closes import Closes, MoveLimits
from stock_assets.market_data.findings import BarArrays, Finding

#: What a yield is multiplied by when its unit is mistaken, and how near to that its level comes.
_FACTORS = (10.0, 100.0, 0.1, 0.01)
_NEARNESS = 0.1


def unit_mismatches(
    instrument: Instrument, bars: BarArrays, closes: Closes, limits: QualityLimits
) -> Iterator[Finding]:
    """Yield the yields that look as if they were no percentages, beside the last one that does.

    4.28 means 4.28 %: the bar after it that says 0.0428, or 428, is no bar. A yield that is near 0 is often
    many times another; only a change beyond the jump limit counts.

    Parameters
    ----------
    closes : Closes
        The closes of ``bars`` behind at least the last close before them.
    """
    if instrument.return_kind != "yield":
        return
    moves = MoveLimits.of(instrument, limits)
    reference = float(closes.values[closes.context - 1]) if closes.context else np.nan
    since = closes.sessions[closes.context - 1] if closes.context else None
    for at, close in enumerate(bars["close"].tolist()):
        factor = _factor(reference, close)
        if factor is None or abs(moves.move(reference, close)) <= moves.jump:
            reference, since = close, bars["session"][at]
            continue
        detail = (
            f"The yield of {bars['session'][at]} is {close:.10g}, about {factor:g} times {reference:.10g} "
            f"on {since}: 4.28 means 4.28 %, and this is another unit."
        )
        yield Finding(bars["session"][at], "unit_mismatch", bars["trading_day"][at], detail, close)


def _factor(reference: float, close: float) -> float | None:
    """Return the mistaken factor between two yields, None if there is none; nothing is a multiple of 0."""
    if not reference:
        return None
    ratio = close / reference
    return next((factor for factor in _FACTORS if abs(ratio / factor - 1) <= _NEARNESS), None)
