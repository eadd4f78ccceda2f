"""The HTTP session that yfinance uses: where requests go, how long they take, and what their answers mean."""

import re
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from curl_cffi.requests import Response, Session
from curl_cffi.requests.exceptions import ConnectionError as NoConnection
from curl_cffi.requests.exceptions import HTTPError, RequestException

from stock_assets.errors import SourceUnavailable
from stock_assets.market_data.yahoo_chart import read_chart

#: Start of the path of a chart, which ends with the symbol.
CHART_PATH = "/v8/finance/chart/"

_CHART_HOSTS = frozenset({"query1.finance.yahoo.com", "query2.finance.yahoo.com"})
_CONSENT_HOSTS = frozenset({"guce.yahoo.com", "consent.yahoo.com"})
#: Where yfinance may send a request: for charts and crumbs, for the cookie, for consent to cookies.
_COOKIE_HOST = "fc.yahoo.com"
_HOSTS = _CHART_HOSTS | _CONSENT_HOSTS | {_COOKIE_HOST}
_CRUMB_PATH = "/v1/test/getcrumb"
_CRUMB = re.compile(r"[^\s<>{}]{1,64}")


class YahooSession(Session):
    """A session that reaches nobody but Yahoo, and turns a chart that Yahoo refuses into a typed error.

    Errors are raised here, below yfinance, since a 404, 429 or 500 that reached it would be answered with
    further requests. A cookie or crumb that cannot be had stays an error of curl_cffi, after which yfinance
    asks for the chart without it: charts need neither, as a rule.

    Parameters
    ----------
    url : str or None
        Base URL of the server that stands for all of Yahoo's hosts; the one that a request was meant for
        is then said in the header ``X-Original-Host``. None for Yahoo itself.
    timeout : float
        Seconds that any request may take, whatever yfinance says.
    """

    def __init__(self, url: str | None, timeout: float) -> None:
        # The name of a browser makes TLS look like that browser's, without which Yahoo answers 429.
        super().__init__(impersonate="chrome")
        self._base = None if url is None else urlsplit(url)
        self._seconds = timeout
        self._silent: set[str] = set()

    def request(self, method: Any, url: str, *args: Any, **options: Any) -> Response:
        """Send a request of yfinance's.

        Raises
        ------
        SourceError
            If a chart was asked for and none came; the subclass says why.
        RequestException
            If a cookie or crumb was asked for and none came.
        """
        asked = urlsplit(url)
        host = asked.hostname or ""
        if host not in _HOSTS:
            raise SourceUnavailable(f"Yahoo leads to {host!r}, which is not asked; ask again later.")
        options["timeout"] = self._seconds
        if self._base is not None:
            options["headers"] = dict(options.get("headers") or {}) | {"X-Original-Host": host}
            path = self._base.path + asked.path
            url = urlunsplit((self._base.scheme, self._base.netloc, path, asked.query, ""))
        if CHART_PATH in asked.path:
            symbol = unquote(asked.path.rpartition("/")[2])
            return self._chart(symbol, method, url, *args, **options)
        return self._entrance(host, method, url, *args, **options)

    def _chart(self, symbol: str, *args: Any, **options: Any) -> Response:
        try:
            response = super().request(*args, **options)
        except RequestException as error:
            # The error's own text may hold the URL, whose query holds the crumb.
            raise SourceUnavailable(
                f"Yahoo gave no answer for {symbol!r} within {self._seconds:g} seconds "
                f"({type(error).__name__}); ask again later."
            ) from None
        host = urlsplit(response.url).hostname
        # On a page that asks for consent, yfinance agrees and asks again.
        known = _CHART_HOSTS | _CONSENT_HOSTS
        if host not in known and (self._base is None or host != self._base.hostname):
            raise SourceUnavailable(f"Yahoo leads from {symbol!r} to {host!r}; ask again later.")
        if response.status_code in (401, 403):
            # A stale crumb: yfinance gets another one and asks a second time.
            self._silent.clear()
        elif response.status_code >= 400:
            read_chart(symbol, response.status_code, response.headers, response.content)
        return response

    def _entrance(self, host: str, method: Any, url: str, *args: Any, **options: Any) -> Response:
        # A host that keeps silent would otherwise cost every single chart the whole timeout.
        if host in self._silent:
            raise NoConnection(f"{host} gave no answer before.")
        try:
            response = super().request(method, url, *args, **options)
        except RequestException:
            self._silent.add(host)
            raise
        if _CRUMB_PATH in url and (response.status_code != 200 or not _CRUMB.fullmatch(response.text)):
            # yfinance would take the error's text for a crumb, and keep it.
            raise HTTPError(f"{host} gave no crumb, but HTTP status {response.status_code}.")
        if host == _COOKIE_HOST and all(cookie.name != "A3" for cookie in self.cookies.jar):
            # yfinance would keep the others, and not find A3 among them when it reads them again.
            self.cookies.clear()
        return response
