"""When what is stored and what is said now do not belong together: restated closes, sources, settings."""

import numpy as np
import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.config.universe import QualityLimits
from stock_assets.errors import ConfigurationError, SourceUnavailable
from stock_assets.market_data.closes import BASIS_POINTS
from stock_assets.pipeline.deployment import Deployment
from stock_assets.storage.prices import CLOSE_TOLERANCE


def is_restated(again: pd.DataFrame, stored: pd.DataFrame) -> bool:
    """Return whether the past has changed as a whole, as after a split or, adjusted, a dividend.

    A correction of single sessions leaves the oldest one that is read again as it was. If that one has
    changed too, so have those before it: they are all to be read again, or old and new closes would make a
    return that never was.

    Parameters
    ----------
    again : DataFrame
        Bars of one source, which stands in for no other, of sessions that were read again.
    stored : DataFrame
        Bars as ``read_bars`` returns them.
    """
    both = _in_common(again, stored)
    if both.empty:
        return False
    return not _same(both["close_stored"].iloc[:1], both["close"].iloc[:1]).item()


def stands_in(instrument: Instrument, source: str, stored: pd.DataFrame) -> bool:
    """Return whether a source is a fallback for one that has given stored bars and is no worse.

    A source that the instrument has no longer counts as such a one.

    Parameters
    ----------
    stored : DataFrame
        All bars of the instrument, as ``read_bars`` returns them.
    """
    ranks = _ranks(instrument)
    return bool((stored["source"].map(ranks).fillna(-1) < ranks[source]).any())


def refuse_other_level(
    instrument: Instrument, source: str, limits: QualityLimits, bars: pd.DataFrame, stored: pd.DataFrame
) -> None:
    """Check that closes are on the level of the stored ones that they would stand beside.

    The last session that both have tells, and so do those on either side of a bar that is new.

    Parameters
    ----------
    bars : DataFrame
        What the source says, of some of the stored sessions at best.
    stored : DataFrame
        All bars of the instrument, as ``read_bars`` returns them.

    Raises
    ------
    SourceUnavailable
        If there is no such session, or the two differ there by more than two sources may.
    """
    both = _in_common(bars, stored)
    if both.empty:
        raise SourceUnavailable(
            f"instruments.{instrument.id}: the source {source!r} has none of the sessions that are stored "
            "beside the missing ones, so that nobody knows whether its closes are on their level; load these "
            "days again once it has them, or once the first choice answers."
        )
    apart = _apart(instrument, limits, both["close_stored"], both["close"])
    added = bars.loc[~bars["session"].isin(stored["session"]), "session"]
    after = np.searchsorted(both["session"], added)
    beside = np.unique(np.clip([*(after - 1), *after, len(both) - 1], 0, len(both) - 1))
    wrong = both.iloc[beside][apart[beside]]
    if len(wrong):
        row = wrong.iloc[-1]
        raise SourceUnavailable(
            f"instruments.{instrument.id}: the source {source!r} says {row['close']:g} of "
            f"{row['session'].date()}, of which {row['close_stored']:g} is stored from "
            f"{row['source_stored']!r}: more apart than quality.disagreement; load these days again once the "
            "first choice answers, or once a later day has read the restated past."
        )


def refuse_splices(
    instrument: Instrument, source: str, limits: QualityLimits, bars: pd.DataFrame, stored: pd.DataFrame
) -> None:
    """Check that a restatement leaves no stored close of the old level beside one of the new.

    A close from another source counts as changed only if it is further off than two sources may be. One
    single change among closes that stand is a correction.

    Parameters
    ----------
    bars : DataFrame
        The restated bars that are to be stored.
    stored : DataFrame
        All bars of the instrument, as ``read_bars`` returns them.

    Raises
    ------
    SourceUnavailable
        If a stored session that has no new bar lies beside one whose close has changed.
    """
    closes = stored["session"].map(bars.set_index("session")["close"])
    lacking = closes.isna().to_numpy()
    changed = np.where(
        stored["source"] == source,
        ~_same(stored["close"], closes),
        _apart(instrument, limits, stored["close"], closes),
    )
    if changed[~lacking].sum() == 1 and not changed[~lacking].all():
        return
    level = pd.Series(changed, dtype=np.float64).mask(lacking)
    torn = lacking & ((level.ffill() == 1) | (level.bfill() == 1)).to_numpy()
    if torn.any():
        row = stored[torn].iloc[0]
        raise SourceUnavailable(
            f"instruments.{instrument.id}: the source {source!r} restates its closes and gives no usable one "
            f"of {row['session'].date()}, where {row['close']:g} is stored, so that both levels would meet "
            "in a return that never was; load the days up to the last stored one again once the source has "
            "that session."
        )


def _in_common(bars: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Return the bars with a finite close whose sessions are stored, in order, beside what is stored."""
    usable = bars[np.isfinite(bars["close"])].drop_duplicates("session")
    return usable.merge(stored, on="session", suffixes=("", "_stored")).sort_values(
        "session", ignore_index=True
    )


def _same(old: pd.Series, new: pd.Series) -> np.ndarray:
    was, now = old.to_numpy(), new.to_numpy()
    return np.abs(now - was) <= CLOSE_TOLERANCE * np.maximum(np.abs(was), np.abs(now))


def _apart(instrument: Instrument, limits: QualityLimits, stored: pd.Series, closes: pd.Series) -> np.ndarray:
    """Return where two sources differ by more than they may."""
    was, now = stored.to_numpy(), closes.to_numpy()
    difference = np.abs(now - was)
    if instrument.return_kind == "yield":
        return difference * BASIS_POINTS > limits.disagreement_basis_points
    return difference > limits.disagreement * np.maximum(np.abs(was), np.abs(now))


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
    ranks = _ranks(instrument)
    # A comparison with NaN is false: neither a source that is gone nor a session that is new outranks.
    of_stored = stored.set_index("session")["source"].map(ranks)
    of_bars = bars["source"].map(ranks).to_numpy(dtype=np.float64)
    return bars["session"].map(of_stored).to_numpy(dtype=np.float64) < of_bars


def _ranks(instrument: Instrument) -> dict[str, int]:
    """Return the place of each source among the instrument's, 0 for the first choice."""
    names = dict.fromkeys(choice.source for choice in instrument.sources)
    return {name: rank for rank, name in enumerate(names)}


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
