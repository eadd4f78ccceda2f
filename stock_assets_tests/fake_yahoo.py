"""A small Yahoo Finance: a real HTTP server on this machine that answers as Yahoo does, faults included.

``STOCK_ASSETS_YAHOO_URL=server.url`` points a whole deployment at it::

    with FakeYahoo() as server:
        server.serve("^KS11", timezone="Asia/Seoul", currency="KRW", bars=[(date(2024, 1, 2), 2669.81)])
        server.fail("^KS11", ERROR, OK, rate_limited(retry_after="30"))
        ...
        assert [request.symbol for request in server.charts()] == ["^KS11"]
"""

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import isnan
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

import pandas as pd

#: What a request for the cookie, the consent page and the crumb is called in ``fail``.
COOKIE, CONSENT, CRUMB_REQUEST = "fc.yahoo.com", "guce.yahoo.com", "getcrumb"
#: The crumb that is given out; it must appear in no log and in no error.
CRUMB = "s3cretCrumb.x1"

_CHART = "/v8/finance/chart/"
_PRICES = ("open", "high", "low", "close", "volume")
_LONGEST_HANG = 60.0


@dataclass
class Answer:
    """What will be sent; a fault changes it.

    Attributes
    ----------
    payload : dict
        The chart, sent as JSON unless ``body`` is set.
    way : str
        ``send``, or ``hang`` until the client or the server leaves, or ``reset`` the connection.
    """

    payload: dict[str, Any]
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    body: bytes | None = None
    way: str = "send"

    @property
    def result(self) -> dict[str, Any]:
        """The chart itself, of a symbol that is served."""
        return self.payload["chart"]["result"][0]

    def content(self) -> bytes:
        """What is sent."""
        return json.dumps(self.payload).encode() if self.body is None else self.body


Fault = Callable[[Answer], None]


def _page(status: int, text: str) -> Fault:
    def fault(answer: Answer) -> None:
        answer.status = status
        answer.headers = {"Content-Type": "text/html"}
        answer.body = f"<!DOCTYPE html><html><body>{text}</body></html>".encode()

    return fault


def _chart_error(status: int, code: str, description: str) -> Fault:
    def fault(answer: Answer) -> None:
        answer.status = status
        answer.payload = {"chart": {"result": None, "error": {"code": code, "description": description}}}

    return fault


def OK(answer: Answer) -> None:
    """Nothing is wrong with this answer."""


#: HTTP 500, and the outage page that comes with status 200.
ERROR, HTML = _page(500, "Internal Server Error"), _page(200, "Will be right back...")
UNKNOWN = _chart_error(404, "Not Found", "No data found, symbol may be delisted")
NO_DATA = _chart_error(400, "Bad Request", "Data doesn't exist for startDate = 1, endDate = 2")
UNAUTHORIZED = _page(401, "Unauthorized")


def rate_limited(retry_after: str | None = None) -> Fault:
    """HTTP 429, with or without Retry-After."""

    def fault(answer: Answer) -> None:
        answer.status = 429
        answer.headers = {"Content-Type": "text/plain"}
        answer.body = b"Too Many Requests\r\n"
        if retry_after is not None:
            answer.headers["Retry-After"] = retry_after

    return fault


def TRUNCATED(answer: Answer) -> None:
    """The first half of the JSON, as if that were all."""
    content = answer.content()
    answer.body = content[: len(content) // 2]


def HANG(answer: Answer) -> None:
    """No answer at all."""
    answer.way = "hang"


def RESET(answer: Answer) -> None:
    """The connection is reset."""
    answer.way = "reset"


def EMPTY(answer: Answer) -> None:
    """A window without sessions: what the symbol is, and no bar."""
    answer.result.pop("timestamp", None)
    answer.result.pop("events", None)
    answer.result["indicators"] = {"quote": [{}], "adjclose": [{}]}


def NULL_LAST(answer: Answer) -> None:
    """The last bar has a volume and no prices."""
    for values in _series(answer):
        values[-1] = None
    _quote(answer)["volume"][-1] = 1_000_000


def DUPLICATE_LAST(answer: Answer) -> None:
    """The last bar comes a second time, a moment later and with a greater volume."""
    answer.result["timestamp"].append(answer.result["timestamp"][-1] + 6 * 3600)
    for values in (*_series(answer), _quote(answer)["volume"]):
        values.append(values[-1])
    _quote(answer)["volume"][-1] += 1


def ROW_AFTER_END(answer: Answer) -> None:
    """The price of this moment is appended, though it lies behind the end that was asked for."""
    answer.result["timestamp"].append(answer.result["timestamp"][-1] + 40 * 86400)
    for values in (*_series(answer), _quote(answer)["volume"]):
        values.append(7.0)


def missing_session(session: date) -> Fault:
    """A session is not there; its dividend and split are."""

    def fault(answer: Answer) -> None:
        zone = ZoneInfo(answer.result["meta"]["exchangeTimezoneName"])
        stamps = answer.result["timestamp"]
        which = next(at for at, stamp in enumerate(stamps) if _date(stamp, zone) == session)
        for values in (stamps, *_series(answer), _quote(answer)["volume"]):
            del values[which]

    return fault


def wrong_symbol(symbol: str) -> Fault:
    """Another symbol's name in the answer."""
    return with_meta(symbol=symbol)


def with_meta(**values: object) -> Fault:
    """Other metadata; None leaves a field out."""

    def fault(answer: Answer) -> None:
        meta = answer.result["meta"]
        meta.update(values)
        for name in [name for name, value in values.items() if value is None]:
            del meta[name]

    return fault


def _quote(answer: Answer) -> dict[str, list]:
    return answer.result["indicators"]["quote"][0]


def _series(answer: Answer) -> list[list]:
    quote = _quote(answer)
    prices = [quote[name] for name in _PRICES if name != "volume"]
    return [*prices, answer.result["indicators"]["adjclose"][0]["adjclose"]]


def _date(stamp: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(stamp, zone).date()


@dataclass(frozen=True)
class Request:
    """One request as it came in.

    Attributes
    ----------
    host : str
        Whom it was meant for.
    path : str
        Without the query, unquoted.
    query : dict
        The query's parameters.
    """

    method: str
    host: str
    path: str
    query: dict[str, str]

    @property
    def symbol(self) -> str:
        """The symbol whose chart was asked for; empty for anything else."""
        return self.path.removeprefix(_CHART) if self.path.startswith(_CHART) else ""


@dataclass(frozen=True, eq=False)
class _Series:
    """What is served of one symbol: a row a bar, with ``stamp`` besides."""

    meta: dict[str, Any]
    bars: pd.DataFrame
    dividends: dict[int, float]
    splits: dict[int, float]

    def chart(self, first: int, stop: int) -> dict[str, Any]:
        bars = self.bars[(self.bars["stamp"] >= first) & (self.bars["stamp"] < stop)]
        result: dict[str, Any] = {"meta": dict(self.meta)}
        if bars.empty:
            result["indicators"] = {"quote": [{}], "adjclose": [{}]}
        else:
            result["timestamp"] = bars["stamp"].tolist()
            quote = {name: _with_null(bars[name]) for name in _PRICES}
            adjclose = [{"adjclose": _with_null(bars["adj_close"])}]
            result["indicators"] = {"quote": [quote], "adjclose": adjclose}
        events: dict[str, Any] = {}
        for stamp, amount in self.dividends.items():
            if first <= stamp < stop:
                event = {"amount": amount, "date": stamp}
                events.setdefault("dividends", {})[str(stamp)] = event
        for stamp, ratio in self.splits.items():
            if first <= stamp < stop:
                event = {"date": stamp, "numerator": ratio, "denominator": 1.0, "splitRatio": f"{ratio:g}:1"}
                events.setdefault("splits", {})[str(stamp)] = event
        if events:
            result["events"] = events
        return {"chart": {"result": [result], "error": None}}


def _with_null(column: pd.Series) -> list[float | int | None]:
    values = (None if isnan(value) else value for value in column.astype("float64").tolist())
    if column.name != "volume":
        return list(values)
    return [None if value is None else int(value) for value in values]


class FakeYahoo:
    """The server; a context manager that starts and ends it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[str, _Series] = {}
        self._faults: dict[str, deque[Fault]] = {}
        self._lasting: dict[str, Fault] = {}
        self._requests: list[Request] = []
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.yahoo = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it is reached, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def serve(
        self,
        symbol: str,
        *,
        timezone: str,
        currency: str | None,
        bars: pd.DataFrame | Sequence[tuple[date, float]] | Sequence[Mapping[str, Any]],
        dividends: Mapping[date, float] | None = None,
        splits: Mapping[date, float] | None = None,
        opens: time = time(9),
    ) -> None:
        """Serve a symbol; what was served of it before is forgotten.

        Parameters
        ----------
        symbol : str
            Its name.
        timezone : str
            Of its exchange.
        currency : str or None
            In the metadata.
        bars : DataFrame, or sequence of (date, close), or sequence of mapping
            Columns or keys ``session`` and ``close``, and if wanted ``open``, ``high``, ``low``,
            ``volume``, ``adj_close``, ``dividend`` and ``split``. Prices that are missing altogether are
            the close, a missing volume is 0; NaN is sent as null.
        dividends, splits : mapping of date to float, optional
            By ex-date, besides those of ``bars``.
        opens : time
            Local time that a bar is stamped with; midnight for currencies and futures.
        """
        frame = bars if isinstance(bars, pd.DataFrame) else _frame(bars)
        zone = ZoneInfo(timezone)

        def stamp(day: date) -> int:
            return int(datetime.combine(day, opens, zone).timestamp())

        rows = frame.assign(
            stamp=[stamp(pd.Timestamp(day).date()) for day in frame["session"]],
            **{name: frame["close"] for name in ("open", "high", "low", "adj_close") if name not in frame},
            **({} if "volume" in frame else {"volume": 0.0}),
        )
        events = []
        for name, given in (("dividend", dividends), ("split", splits)):
            happened = rows[rows[name].fillna(0) != 0] if name in rows else rows[:0]
            own = {} if happened.empty else dict(zip(happened["stamp"], happened[name], strict=True))
            events.append(own | {stamp(day): float(value) for day, value in (given or {}).items()})
        meta = {
            "currency": currency,
            "symbol": symbol,
            "instrumentType": "EQUITY",
            "exchangeTimezoneName": timezone,
            "priceHint": 2,
            "validRanges": ["1d", "5d", "1mo", "1y", "max"],
        }
        with self._lock:
            self._series[symbol.upper()] = _Series(meta, rows, events[0], events[1])

    def fail(self, what: str, *faults: Fault, lasting: bool = False) -> None:
        """Give the next requests these faults, one each and in this order.

        Parameters
        ----------
        what : str
            A symbol, or one of ``COOKIE``, ``CONSENT``, ``CRUMB_REQUEST``.
        *faults : Fault
            Of this module; ``OK`` for an answer without one.
        lasting : bool
            Whether the last one stays until ``recover`` is called; otherwise all is well after them.
        """
        with self._lock:
            queue = self._faults.setdefault(what.upper(), deque())
            queue.extend(faults)
            if lasting:
                self._lasting[what.upper()] = queue.pop()

    def recover(self, what: str) -> None:
        """Forget the faults that ``fail`` has ordered and that have not happened yet."""
        with self._lock:
            self._faults.pop(what.upper(), None)
            self._lasting.pop(what.upper(), None)

    @property
    def requests(self) -> list[Request]:
        """All requests so far, in order."""
        with self._lock:
            return list(self._requests)

    def charts(self, symbol: str | None = None) -> list[Request]:
        """The requests for charts so far, of all symbols or of one."""
        charts = [request for request in self.requests if request.symbol]
        return charts if symbol is None else [request for request in charts if request.symbol == symbol]

    def answer(self, request: Request) -> Answer:
        """Record a request and return what it gets."""
        with self._lock:
            self._requests.append(request)
            what = _what(request)
            answer = self._chart(request) if request.symbol else _entrance(request)
            queue = self._faults.get(what)
            fault = queue.popleft() if queue else self._lasting.get(what, OK)
        fault(answer)
        return answer

    def wait_for_the_end(self) -> None:
        """Wait until the server closes."""
        self._closing.wait(_LONGEST_HANG)

    def _chart(self, request: Request) -> Answer:
        series = self._series.get(request.symbol.upper())
        if series is None:
            answer = Answer({})
            UNKNOWN(answer)
            return answer
        query = request.query
        # A chart of the last day is what a client asks for that wants to know the time zone alone.
        first, stop = int(query.get("period1", 0)), int(query.get("period2", 0))
        return Answer(series.chart(first, stop))


def _what(request: Request) -> str:
    """Return the key of ``FakeYahoo.fail``."""
    if request.symbol:
        return request.symbol.upper()
    if request.path.endswith("/getcrumb"):
        return CRUMB_REQUEST.upper()
    return (COOKIE if request.host == COOKIE else CONSENT).upper()


def _entrance(request: Request) -> Answer:
    """Return what is sent before any chart: a cookie, a consent page, a crumb."""
    html = {"Content-Type": "text/html"}
    if request.path.endswith("/getcrumb"):
        return Answer({}, headers={"Content-Type": "text/plain"}, body=CRUMB.encode())
    if request.host == COOKIE:
        cookie = "A3=d=fake; Max-Age=31557600; Path=/; HttpOnly"
        return Answer({}, status=404, headers=html | {"Set-Cookie": cookie}, body=b"<html></html>")
    form = b'<form><input name="csrfToken" value="t"/><input name="sessionId" value="s"/></form>'
    return Answer({}, headers=html, body=b"<html>" + form + b"</html>")


def _frame(bars: Sequence[tuple[date, float]] | Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    rows = [dict(bar) if isinstance(bar, Mapping) else {"session": bar[0], "close": bar[1]} for bar in bars]
    return pd.DataFrame(rows, columns=None if rows else ["session", "close"])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Who waits for an answer that never comes must not keep a test alive.
    block_on_close = False
    yahoo: FakeYahoo


class _Handler(BaseHTTPRequestHandler):
    # One answer a connection, as HTTP 1.0 has it: when one that was kept alive is reset, curl asks again by
    # itself, and a fault would hit nobody. Undelayed, since the body would wait for the head's receipt.
    disable_nagle_algorithm = True
    headers: Message

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        yahoo = self.server.yahoo
        target = urlsplit(self.path)
        host = self.headers.get("X-Original-Host", "")
        query = dict(parse_qsl(target.query))
        answer = yahoo.answer(Request(self.command, host, unquote(target.path), query))
        if answer.way == "hang":
            yahoo.wait_for_the_end()
            self.close_connection = True
        elif answer.way == "reset":
            # With nothing to linger for, closing sends a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        else:
            self._send(answer)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def _send(self, answer: Answer) -> None:
        content = answer.content()
        self.send_response(answer.status)
        for name, value in (answer.headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object, **__: object) -> None:
        """Keep the tests' output clean."""
