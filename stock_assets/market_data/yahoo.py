"""The ``yahoo`` source: daily bars of Yahoo Finance, asked for by yfinance."""

import atexit
import logging
import shutil
import tempfile
import warnings
from datetime import date
from functools import cache, cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote

import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.errors import SourceUnavailable
from stock_assets.market_data.yahoo_chart import read_bars, read_chart

if TYPE_CHECKING:
    from yfinance.data import YfData

    from stock_assets.market_data.yahoo_session import YahooSession

_CHART_URL = "https://query2.finance.yahoo.com/v8/finance/chart/"
#: Days around the sessions that are asked for. A window of holidays alone looks like a symbol that is gone,
#: and the bounds are midnights in UTC, which are up to 14 hours away from those of an exchange.
_DAYS_BEFORE, _DAYS_AFTER = 14, 2
_SECONDS_A_DAY = 86400
_EPOCH = date(1970, 1, 1).toordinal()


class YahooSource:
    """Open, high, low, close, volume, dividends and splits by symbol, one request a symbol.

    Closes are adjusted for splits and not for dividends, ``adj_close`` for both. yfinance brings cookie,
    crumb and consent, and looks like a browser. Its ``history`` stays unused, since it does not say what
    Yahoo says: of two bars of a session it drops one, an absent volume becomes 0, a dividend whose bar is
    missing moves to the session before, and an outage is an empty frame that it remembers.

    Parameters
    ----------
    url : str or None
        Base URL of a server that stands for Yahoo; None for Yahoo itself.
    timeout : float
        Seconds that an answer is waited for.
    """

    def __init__(self, url: str | None, timeout: float) -> None:
        self._url = url
        self._timeout = timeout

    @property
    def name(self) -> str:
        """Name of the source in ``universe.yaml`` and on every bar that it gave."""
        return "yahoo"

    def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
        """Return the bars of the sessions from ``first`` to ``last``, both included.

        Raises
        ------
        UnknownSymbol
            If Yahoo does not have the symbol.
        NoDataForWindow
            If it has the symbol, and no session for days around the window.
        RateLimited, SourceUnavailable
            If it could not be reached, or would not answer now.
        BadPayload
            If the answer cannot be read, or is of another symbol or in another currency.
        """
        from curl_cffi.requests.exceptions import RequestException
        from yfinance.exceptions import YFException

        window = {
            "period1": _midnight(first, -_DAYS_BEFORE),
            "period2": _midnight(last, _DAYS_AFTER),
            "interval": "1d",
            "includePrePost": False,
            "events": "div,splits",
        }
        url = _CHART_URL + quote(symbol, safe="=")
        try:
            # How long it may take is up to the session.
            answer = _yfinance_data()(session=self._session).get(url, params=window)
        except (YFException, RequestException, KeyError, TypeError) as error:
            # What yfinance does for a cookie went wrong; the error's own text may hold the crumb.
            raise SourceUnavailable(
                f"Yahoo gave no cookie to ask for {symbol!r} with ({type(error).__name__}); ask again later."
            ) from None
        chart = read_chart(symbol, answer.status_code, answer.headers, answer.content)
        rows = read_bars(instrument, symbol, chart)
        wanted = rows["session"].between(pd.Timestamp(first), pd.Timestamp(last))
        return rows[wanted].reset_index(drop=True)

    @cached_property
    def _session(self) -> "YahooSession":
        # A session is a class of curl_cffi's, which definitions need not load.
        from stock_assets.market_data.yahoo_session import YahooSession

        return YahooSession(self._url, self._timeout)


@cache
def _yfinance_data() -> type["YfData"]:
    """Return yfinance's access to Yahoo, with its files in a private folder of this process."""
    # The import changes the filters of the whole process.
    with warnings.catch_warnings():
        import yfinance
        from yfinance.data import YfData
    # Processes that share its files of cookies fail at random, and it unpickles what it finds in them.
    folder = tempfile.mkdtemp(prefix="yfinance-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    yfinance.set_tz_cache_location(folder)
    # They log crumbs and cookies where all is logged, and warn of every cookie that was not needed.
    for name in ("yfinance", "peewee"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return YfData


def _midnight(day: date, offset: int) -> int:
    """Return the Unix time of the midnight before a day that lies ``offset`` days from ``day``."""
    return (day.toordinal() + offset - _EPOCH) * _SECONDS_A_DAY
