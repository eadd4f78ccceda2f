"""When what is stored and what is said now do not belong together: restated closes, changed settings."""

import numpy as np
import pandas as pd

from stock_assets.errors import ConfigurationError
from stock_assets.pipeline.deployment import Deployment
from stock_assets.storage.prices import CLOSE_TOLERANCE


def is_restated(again: pd.DataFrame, previous: pd.DataFrame) -> bool:
    """Return whether the source has changed the past as a whole, as after a split or, adjusted, a dividend.

    A correction of single sessions leaves the oldest one that is read again as it was. If that one has
    changed too, so have those before it: they are all to be read again, or old and new closes would make a
    return that never was.
    """
    stored = previous.set_index("session")["close"]
    both = again[again["session"].isin(stored.index) & np.isfinite(again["close"])]
    if both.empty:
        return False
    oldest = both.sort_values("session").iloc[0]
    old, new = float(stored[oldest["session"]]), float(oldest["close"])
    return abs(new - old) > CLOSE_TOLERANCE * max(abs(old), abs(new))


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
