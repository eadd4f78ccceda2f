"""The Treasury, FRED and ECOS for tests: HTTP servers on this machine that answer, and fail, as they do.

with FakeFred(key="secret") as fred:
    fred.serve("DGS10", {date(2024, 1, 2): 3.95, date(2024, 1, 15): None})
    fred.fail(OUTAGE, rate_limited("7"))  # the next two requests
    ...  # STOCK_ASSETS_FRED_URL=fred.url
    assert len(fred.requests) == 3
"""

import contextlib
import json
import socket
import struct
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

#: What is said of a day; None where the provider says that there is nothing, text as it is.
Values = Mapping[date, float | str | None]

_HANG_SECONDS = 60
_TRICKLE_SECONDS = 0.02


@dataclass(frozen=True)
class Reply:
    """What a server sends when nothing goes wrong."""

    body: str
    content_type: str
    status: int = 200


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    Attributes
    ----------
    status : int or None
        In place of the right one.
    body : bytes or None
        In place of the right one.
    content_type : str or None
        In place of the right one.
    headers : tuple of (str, str)
        Sent before all others.
    rename : tuple of (str, str) or None
        What the right body says, and what it says instead.
    sending : str
        ``whole``; ``cut``, half of the body as if it were all; ``break_off``, half of what was announced;
        ``end_early``, half of it, and nothing was announced;
        ``trickle``, a byte from time to time; ``stall``, half of it and then nothing; ``hang``, nothing;
        ``reset``, a broken connection.
    """

    status: int | None = None
    body: bytes | None = None
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    rename: tuple[str, str] | None = None
    sending: Literal["whole", "cut", "break_off", "end_early", "trickle", "stall", "hang", "reset"] = "whole"


OUTAGE = Fault(500, b"Internal Server Error", "text/plain")
PAGE = Fault(
    body=b"\n<!DOCTYPE html><html><body>Will be right back</body></html>",
    content_type="text/html; charset=utf-8",
)
TRUNCATED = Fault(sending="cut")
BROKEN_OFF = Fault(sending="break_off")
ENDED_EARLY = Fault(sending="end_early")
TRICKLE = Fault(sending="trickle")
STALL = Fault(sending="stall")
HANG = Fault(sending="hang")
RESET = Fault(sending="reset")


def rate_limited(retry_after: str | None = None) -> Fault:
    """Status 429, with ``Retry-After`` if one is given."""
    headers = () if retry_after is None else (("Retry-After", retry_after),)
    return Fault(429, b"Too Many Requests", "text/plain", headers)


def renamed(old: str, new: str) -> Fault:
    """The right answer with another word in it."""
    return Fault(rename=(old, new))


def ecos_result(code: str, message: str = "오류가 발생하였습니다.", *, as_xml: bool = False) -> Fault:
    """What ECOS says in place of data, always with status 200."""
    result = {"RESULT": {"CODE": code, "MESSAGE": message}}
    xml = f"<RESULT><CODE>{code}</CODE>\n<MESSAGE>{message}</MESSAGE></RESULT>"
    text = xml if as_xml else json.dumps(result, ensure_ascii=False)
    return Fault(200, text.encode(), "application/xml" if as_xml else "application/json")


class FakeProvider(ABC):
    """A server on a free port of 127.0.0.1, from the beginning of a ``with`` block to its end.

    Attributes
    ----------
    requests : list of str
        Path and query of each request, in the order in which they came.
    trickled : int
        Bytes that were sent from time to time.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.trickled = 0
        self._faults: deque[Fault] = deque()
        self._always: Fault | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._values: dict[str, dict[date, float | str | None]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Base URL, for ``STOCK_ASSETS_..._URL``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def serve(self, symbol: str, values: Values) -> None:
        """Add values of a series, or correct them."""
        self._values.setdefault(symbol, {}).update(values)

    def fail(self, *faults: Fault | None) -> None:
        """Let the next requests fail, one fault each; with None one of them is answered."""
        with self._lock:
            self._faults.extend(fault or Fault() for fault in faults)

    def fail_always(self, fault: Fault | None) -> None:
        """Let all requests fail that nothing else is said of, until None is given."""
        self._always = fault

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def take_fault(self) -> Fault:
        """Return what goes wrong with the request that has come."""
        with self._lock:
            return self._faults.popleft() if self._faults else self._always or Fault()

    def wait_for_the_end(self) -> None:
        """Keep a connection waiting until the server closes."""
        self._closing.wait(_HANG_SECONDS)

    def pause_in_trickle(self) -> bool:
        """Wait for a moment behind a byte; return whether the server closes."""
        self.trickled += 1
        return self._closing.wait(_TRICKLE_SECONDS)

    @abstractmethod
    def reply(self, path: str, query: dict[str, str]) -> Reply:
        """Return the right answer."""


class FakeTreasury(FakeProvider):
    """The daily par yield curve; symbols are tenors such as BC_10YEAR, and None is written as m:null."""

    def reply(self, path: str, query: dict[str, str]) -> Reply:
        if path != "/resource-center/data-chart-center/interest-rates/pages/xml":
            return Reply("<html>Page not found</html>", "text/html", 404)
        assert query["data"] == "daily_treasury_yield_curve"
        year = int(query["field_tdr_date_value"])
        days = {day for values in self._values.values() for day in values if day.year == year}
        # The newest comes first, as in many a feed: nobody may rely on an order.
        entries = "".join(self._entry(day) for day in sorted(days, reverse=True))
        return Reply(
            '<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n'
            '<feed xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices" '
            'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata" '
            'xmlns="http://www.w3.org/2005/Atom">'
            f'<title type="text">DailyTreasuryYieldCurveRateData</title>{entries}</feed>',
            "text/xml; charset=UTF-8",
        )

    def _entry(self, day: date) -> str:
        elements = []
        for tenor, values in self._values.items():
            value = values.get(day)
            if value is not None:
                elements.append(f'<d:{tenor} m:type="Edm.Double">{escape(str(value))}</d:{tenor}>')
            elif day in values:
                elements.append(f'<d:{tenor} m:type="Edm.Double" m:null="true" />')
        return (
            '<entry><title type="text"></title><content type="application/xml"><m:properties>'
            f'<d:Id m:type="Edm.Int32">{day.toordinal()}</d:Id>'
            f'<d:NEW_DATE m:type="Edm.DateTime">{day}T00:00:00</d:NEW_DATE>{"".join(elements)}'
            '<d:BC_30YEARDISPLAY m:type="Edm.Double">0</d:BC_30YEARDISPLAY>'
            "</m:properties></content></entry>"
        )


class FakeFred(FakeProvider):
    """API and chart files; symbols are series such as DGS10, and None is written as a dot.

    Parameters
    ----------
    key : str
        The key that the API takes.
    """

    def __init__(self, key: str = "0123456789abcdef0123456789abcdef") -> None:
        super().__init__()
        self.key = key

    def reply(self, path: str, query: dict[str, str]) -> Reply:
        if path == "/fred/series/observations":
            return self._api(query)
        if path == "/graph/fredgraph.csv" and query["id"] in self._values:
            rows = self._observations(query["id"], query["cosd"], query["coed"])
            lines = [f"observation_date,{query['id']}", *(f"{day},{value}" for day, value in rows)]
            return Reply("\n".join([*lines, ""]), "application/csv")
        return Reply("<!DOCTYPE html><html>Page not found</html>", "text/html; charset=utf-8", 404)

    def _api(self, query: dict[str, str]) -> Reply:
        if query["api_key"] != self.key:
            return _fred_error("The value for variable api_key is not registered.")
        if query["series_id"] not in self._values:
            return _fred_error("The series does not exist.")
        assert query["file_type"] == "json"
        rows = self._observations(query["series_id"], query["observation_start"], query["observation_end"])
        observations = [{"realtime_start": "2026-01-02", "date": day, "value": value} for day, value in rows]
        document = {
            "observation_start": query["observation_start"],
            "units": "lin",
            "count": len(observations),
            "offset": 0,
            "limit": int(query["limit"]),
            "observations": observations[: int(query["limit"])],
        }
        return Reply(json.dumps(document), "application/json; charset=UTF-8")

    def _observations(self, symbol: str, first: str, last: str) -> list[tuple[str, str]]:
        return [
            (day.isoformat(), "." if value is None else str(value))
            for day, value in sorted(self._values[symbol].items())
            if first <= day.isoformat() <= last
        ]


class FakeEcos(FakeProvider):
    """Statistics of the Bank of Korea; symbols are codes such as 817Y002/010200000.

    Parameters
    ----------
    key : str
        The key that the API takes.
    unit : str
        Unit of all series.
    most_rows : int
        Rows of one answer, however many are asked for.
    """

    def __init__(
        self, key: str = "ABCDEFGHIJ0123456789", unit: str = "연%", most_rows: int = 100_000
    ) -> None:
        super().__init__()
        self.key = key
        self.unit = unit
        self.most_rows = most_rows

    def reply(self, path: str, query: dict[str, str]) -> Reply:
        service, key, kind, _, start, end, table, cycle, first, last, *items = map(
            unquote, path.split("/")[2:]
        )
        assert (service, kind, cycle) == ("StatisticSearch", "json", "D")
        if key != self.key:
            return _ecos_error("INFO-100", "인증키가 유효하지 않습니다.")
        values = self._values.get("/".join([table, *items]), {})
        days = [day for day in sorted(values) if first <= f"{day:%Y%m%d}" <= last]
        if not days:
            return _ecos_error("INFO-200", "해당하는 데이터가 없습니다.")
        codes = {f"ITEM_CODE{place}": code for place, code in enumerate([*items, "", "", ""][:4], start=1)}
        rows = [
            {"STAT_CODE": table, **codes, "UNIT_NAME": self.unit, "TIME": f"{day:%Y%m%d}"}
            | {"DATA_VALUE": None if values[day] is None else str(values[day])}
            for day in days[int(start) - 1 : int(end)]
        ]
        found = {"list_total_count": len(days), "row": rows[: self.most_rows]}
        return Reply(
            json.dumps({"StatisticSearch": found}, ensure_ascii=False), "application/json;charset=UTF-8"
        )


def _fred_error(message: str) -> Reply:
    document = {"error_code": 400, "error_message": f"Bad Request.  {message}"}
    return Reply(json.dumps(document), "application/json; charset=UTF-8", 400)


def _ecos_error(code: str, message: str) -> Reply:
    fault = ecos_result(code, message)
    assert fault.body is not None
    return Reply(fault.body.decode(), "application/json;charset=UTF-8")


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, provider: FakeProvider, *args: Any) -> None:
        self._provider = provider
        super().__init__(*args)

    def do_GET(self) -> None:
        provider = self._provider
        provider.requests.append(self.path)
        fault = provider.take_fault()
        if fault.sending == "hang":
            provider.wait_for_the_end()
            return
        if fault.sending == "reset":
            # With nothing lingering, closing a socket resets its connection.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        # A client that has given up is none of the server's business.
        with contextlib.suppress(ConnectionError):
            self._send(fault)

    def _send(self, fault: Fault) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        reply = self._provider.reply(parts.path, query) if fault.body is None else Reply("", "")
        body = reply.body.encode() if fault.body is None else fault.body
        if fault.rename is not None:
            old, new = fault.rename
            body = body.replace(old.encode(), new.encode())
        if fault.sending == "cut":
            body = body[: len(body) // 2]
        self.send_response_only(fault.status or reply.status)
        for name, value in fault.headers:
            self.send_header(name, value)
        if "Date" not in dict(fault.headers):
            self.send_header("Date", self.date_time_string())
        self.send_header("Content-Type", fault.content_type or reply.content_type)
        if fault.sending != "end_early":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault.sending == "trickle":
            for place in range(len(body)):
                self.wfile.write(body[place : place + 1])
                if self._provider.pause_in_trickle():
                    return
        elif fault.sending in ("break_off", "end_early", "stall"):
            self.wfile.write(body[: len(body) // 2])
            if fault.sending == "stall":
                self._provider.wait_for_the_end()
        else:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
