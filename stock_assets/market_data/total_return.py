"""Total-return levels from bars.

How closes and payments of each ``return_kind`` enter:

==========  ==========================================================================================
price       Closes are adjusted for splits and not for dividends, as sources deliver them: a split
            leaves no trace in the closes and does not enter. A dividend counts on its ex-date session,
            in the same adjusted unit as the closes: return = (close + dividend) / previous close − 1.
            After a new split a source restates all earlier closes, so that they have to be read again.
total       Closes contain dividends already: return = close / previous close − 1.
future      A continuous future: return = close / previous close − 1, carry and interest on the
            margin ignored.
yield       A par bond is repriced, see ``stock_assets.market_data.yields``.
==========  ==========================================================================================

The level is 1 at the first session. Each level comes from the one before or from the first close, so
that a later bar never changes it by a bit.
"""

import numpy as np

from stock_assets.config.instruments import Instrument
from stock_assets.errors import ConfigurationError
from stock_assets.market_data.yields import par_bond_returns


def total_return_level(
    instrument: Instrument, sessions: np.ndarray, close: np.ndarray, dividend: np.ndarray
) -> np.ndarray:
    """Return the total-return level of an instrument.

    Parameters
    ----------
    instrument : Instrument
        Its ``return_kind`` says what a close is, its ``maturity_years`` which bond a yield means.
    sessions : ndarray of datetime64[D], shape (n_sessions,)
        Exchange-local dates, strictly increasing.
    close : ndarray of float64, shape (n_sessions,)
        Finite closes in the instrument's currency, or yields in percent.
    dividend : ndarray of float64, shape (n_sessions,)
        Amount in the instrument's currency on its ex-date session; NaN or 0 where there is none.

    Returns
    -------
    ndarray of float64, shape (n_sessions,)
        1 at the first session; ``level[j] / level[i] - 1`` is the decimal total return from i to j.

    Raises
    ------
    ConfigurationError
        If a yield has no maturity.
    """
    if len(close) == 0:
        return np.empty(0, dtype=np.float64)
    if instrument.return_kind in ("total", "future"):
        return close / close[0]
    if instrument.return_kind == "price":
        growth = (close[1:] + np.where(np.isnan(dividend), 0.0, dividend)[1:]) / close[:-1]
    else:
        if instrument.maturity_years is None:
            raise ConfigurationError(
                f"instruments.{instrument.id}.maturity_years is missing; a yield needs it to be repriced."
            )
        days = np.diff(sessions).astype("timedelta64[D]").astype(np.int64)
        growth = 1 + par_bond_returns(close, days, instrument.maturity_years)
    return np.concatenate([[1.0], np.cumprod(growth)])
