"""Bars as histories: what features, labels and covariances are computed from."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.config.universe import Universe
from stock_assets.errors import BadPayload
from stock_assets.market_data.bars import InstrumentHistory, dates_of
from stock_assets.market_data.total_return import total_return_level
from stock_assets.trading_days import TradingDays

#: What a history needs of its bars.
HISTORY_COLUMNS = (
    "instrument",
    "session",
    "trading_day",
    "closed_at",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "dividend",
)


def build_histories(
    universe: Universe, bars: pd.DataFrame, trading_days: TradingDays
) -> dict[str, InstrumentHistory]:
    """Return the history of everything that the universe prices, in its order; empty without bars.

    Parameters
    ----------
    universe : Universe
        Whose instruments.
    bars : DataFrame
        Columns ``HISTORY_COLUMNS`` at least, one row an instrument and session.
    trading_days : TradingDays
        From ``history_start`` on.

    Raises
    ------
    BadPayload
        If the bars of an instrument are no history.
    """
    by_instrument: Mapping[object, pd.DataFrame] = dict(list(bars.groupby("instrument", sort=False)))
    nothing = bars.iloc[:0]
    return {
        instrument.id: build_history(instrument, by_instrument.get(instrument.id, nothing), trading_days)
        for instrument in universe.priced
    }


def build_history(instrument: Instrument, bars: pd.DataFrame, trading_days: TradingDays) -> InstrumentHistory:
    """Return the history that the bars of one instrument make.

    Parameters
    ----------
    instrument : Instrument
        Whose bars they are.
    bars : DataFrame
        Columns ``HISTORY_COLUMNS`` at least, in any order of rows.
    trading_days : TradingDays
        From ``history_start`` on.

    Raises
    ------
    BadPayload
        If two bars have the same session, or if a later session belongs to an earlier trading day.
    """
    sessions = dates_of(bars["session"])
    order = np.argsort(sessions, kind="stable")
    sessions = sessions[order]
    days = dates_of(bars["trading_day"])[order]
    _check_order(instrument.id, sessions, days)
    prices = {
        name: bars[name].to_numpy(dtype=np.float64)[order]
        for name in ("open", "high", "low", "close", "volume", "dividend")
    }
    return InstrumentHistory(
        instrument=instrument.id,
        sessions=sessions,
        trading_days=days,
        closing_days=trading_days.days_of(_instants(bars["closed_at"])[order]),
        level=total_return_level(instrument, sessions, prices["close"], prices.pop("dividend")),
        **prices,
    )


def _instants(column: pd.Series) -> np.ndarray:
    return pd.to_datetime(column, utc=True).dt.tz_localize(None).to_numpy().astype("datetime64[us]")


def _check_order(instrument: str, sessions: np.ndarray, days: np.ndarray) -> None:
    twice = np.flatnonzero(sessions[1:] == sessions[:-1])
    if len(twice):
        raise BadPayload(
            f"{instrument} has two bars of the session {sessions[twice[0]]}; a history takes the newest "
            "revision of each session alone."
        )
    back = np.flatnonzero(days[1:] < days[:-1])
    if len(back):
        at = back[0] + 1
        raise BadPayload(
            f"{instrument}'s session {sessions[at]} belongs to {days[at]} and the one before to "
            f"{days[at - 1]}; store its bars again after publication_lag was changed."
        )
