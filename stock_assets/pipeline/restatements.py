"""When what is stored and what is said now do not belong together: restated closes, sources, settings."""

import numpy as np
import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.config.universe import QualityLimits
from stock_assets.errors import ConfigurationError
from stock_assets.market_data.closes import BASIS_POINTS
from stock_assets.pipeline.deployment import Deployment
from stock_assets.storage.prices import CLOSE_TOLERANCE


def is_restated(
    instrument: Instrument, limits: QualityLimits, again: pd.DataFrame, stored: pd.DataFrame
) -> bool:
    """Return whether the past has changed as a whole, as after a split or, adjusted, a dividend.

    A correction of single sessions leaves the oldest one that is read again as it was. If that one has
    changed too, so have those before it: they are all to be read again, or old and new closes would make a
    return that never was.

    A fallback is not taken at its word: it says of all sessions something that is a little different. Only
    if it differs on each of them, by more than two sources may, has the past changed.

    Parameters
    ----------
    again : DataFrame
        Bars of one source, of sessions that were read again.
    stored : DataFrame
        Bars as ``read_bars`` returns them.
    """
    usable = again[np.isfinite(again["close"])].drop_duplicates("session")
    both = usable.merge(stored, on="session", suffixes=("", "_stored")).sort_values("session")
    if both.empty:
        return False
    new, old = both["close"].to_numpy(), both["close_stored"].to_numpy()
    difference, relative = np.abs(new - old), np.maximum(np.abs(old), np.abs(new))
    if not outranked(instrument, both, stored)[0]:
        return bool(difference[0] > CLOSE_TOLERANCE * relative[0])
    if instrument.return_kind == "yield":
        return bool((difference * BASIS_POINTS > limits.disagreement_basis_points).all())
    return bool((difference > limits.disagreement * relative).all())


def outranked(instrument: Instrument, bars: pd.DataFrame, stored: pd.DataFrame) -> np.ndarray:
    """Return which bars are of a session that is stored from a better source.

    No fallback corrects the first choice.

    Parameters
    ----------
    bars : DataFrame
        Columns ``session`` and ``source``.
    stored : DataFrame
        Bars of the same instrument, as ``read_bars`` returns them. One from a source that the instrument has
        no longer is corrected by any.

    Returns
    -------
    ndarray of bool, shape (n_bars,)
    """
    names = dict.fromkeys(choice.source for choice in instrument.sources)
    ranks = {name: rank for rank, name in enumerate(names)}
    # A comparison with NaN is false: neither a source that is gone nor a session that is new outranks.
    of_stored = stored.set_index("session")["source"].map(ranks)
    of_bars = bars["source"].map(ranks).to_numpy(dtype=np.float64)
    return bars["session"].map(of_stored).to_numpy(dtype=np.float64) < of_bars


def refuse_moved_bars(deployment: Deployment, stored: pd.DataFrame) -> None:
    """Check that stored bars fall due when the configuration says, since bars are never moved.

    Raises
    ------
    ConfigurationError
        If the publication lag, the currency or the unit of an instrument was changed after bars were stored.
    """
    for instrument in deployment.universe.priced:
        own = stored[stored["instrument"] == instrument.id]
        if own.empty:
            continue
        last = own.iloc[-1]
        lag = (last["available_at"] - last["closed_at"]).to_pytimedelta()
        was = (lag, last["currency"], last["unit"])
        unit = "percent" if instrument.return_kind == "yield" else "price"
        now = (instrument.publication_lag, instrument.currency, unit)
        if was != now:
            raise ConfigurationError(
                f"The bars of {instrument.id} were stored with publication_lag {was[0]}, currency {was[1]} "
                f"and unit {was[2]}, and universe.yaml says {now[0]}, {now[1]} and {now[2]}; give the "
                "instrument a new id, or start with an empty state folder."
            )
