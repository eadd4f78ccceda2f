"""How sources on the network are asked over HTTP: one request, and its answer or a typed error.

Providers want their keys in queries and paths, and requests and urllib3 quote URLs in exceptions and log
records. So sentences name an address without query and key, typed errors are raised where no exception of
requests is being handled, and urllib3 logs nothing of a request that is made here.
"""

import json
import logging
import math
import time
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote, quote_plus, urlsplit

import requests
import urllib3

from stock_assets.errors import BadPayload, RateLimited, SourceError, SourceUnavailable

_log = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 16
#: A year of yields is half a megabyte.
_MOST_BYTES = 64 << 20

_in_request: ContextVar[bool] = ContextVar("_in_request", default=False)


def _is_of_another_request(_record: logging.LogRecord) -> bool:
    return not _in_request.get()


# A filter of a logger does not see the records of the loggers below it, so each one gets it.
for _module in ("connection", "connectionpool", "poolmanager", "response", "util.retry"):
    logging.getLogger(f"urllib3.{_module}").addFilter(_is_of_another_request)


@dataclass(frozen=True)
class Answer:
    """What a source answered.

    Attributes
    ----------
    address : str
        Where it came from, without query and key: for sentences.
    status : int
        200, or one of those that the caller expects.
    body : bytes
        As it came, decompressed.
    end_marked : bool
        Whether the source said where it ends; if not, the body may be the beginning of another one.
    """

    address: str
    status: int
    body: bytes = field(repr=False)
    end_marked: bool = True

    def text(self) -> str:
        """Return the body as text.

        Raises
        ------
        BadPayload
            If it is no UTF-8.
        """
        try:
            return self.body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            place = error.start
        raise BadPayload(f"{self.address}: byte {place} of the answer is no UTF-8; {_REPORT}")

    def json(self) -> object:
        """Return the JSON document that the body is.

        Raises
        ------
        BadPayload
            If it is none, or only a part of one.
        """
        text = self.text()
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            problem = str(error)
        raise BadPayload(f"{self.address}: the answer is no JSON ({problem}); {_REPORT}")


_REPORT = "if that stays so, the source has changed its format, and another one must be chosen."


def get(
    url: str,
    params: Mapping[str, str] | None = None,
    *,
    timeout: float,
    secret: str | None = None,
    expected: Collection[int] = (),
) -> Answer:
    """Ask once, and wait for the whole answer.

    Redirects are not followed: an address of a provider has none but to pages for people.

    Parameters
    ----------
    url : str
        Where; if the key is a part of its path, percent-encoded.
    params : mapping of str to str, optional
        The query.
    timeout : float
        Seconds that connecting may take, and that the answer may take from then on. A connection that
        falls silent just before the end is waited for as long once more.
    secret : str, optional
        The key in ``url`` or ``params``.
    expected : collection of int
        Statuses besides 200 that the caller understands.

    Raises
    ------
    RateLimited
        With status 429, and the seconds of ``Retry-After`` if that can be read.
    SourceUnavailable
        If there is no connection or no whole answer in time, with any other status, and if a page for
        people came in place of data.
    BadPayload
        If the answer cannot be decompressed, or is absurdly large.
    """
    address = redact(_without_query(url), secret)
    # Raised here, where nothing is being handled: a traceback would show the exception with the URL too.
    outcome = _ask(url, params, address, timeout, expected)
    if isinstance(outcome, SourceError):
        _log.debug("GET %s: %s", address, outcome)
        raise outcome
    _log.debug("GET %s: %d, %d bytes", address, outcome.status, len(outcome.body))
    return outcome


def redact(text: str, secret: str | None) -> str:
    """Return the text with stars in place of the secret, as it is and as URLs write it."""
    for spelling in {secret, quote(secret, safe=""), quote_plus(secret)} if secret else ():
        text = text.replace(spelling, "***")
    return text


def _ask(
    url: str, params: Mapping[str, str] | None, address: str, timeout: float, expected: Collection[int]
) -> Answer | SourceError:
    token = _in_request.set(True)
    try:
        with (
            requests.Session() as session,
            session.get(
                url, params=params, timeout=(timeout, timeout), stream=True, allow_redirects=False
            ) as response,
        ):
            refusal = _refusal(response, address, expected)
            return refusal or _answer(response, address, timeout)
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        return _too_slow(address, timeout)
    except urllib3.exceptions.DecodeError:
        return BadPayload(f"{address}: the answer cannot be decompressed; {_REPORT}")
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        # Of the exception only its kind: its text quotes the URL.
        return SourceUnavailable(
            f"{address} could not be reached, or broke off ({type(error).__name__}); check the network, and "
            "the source's base URL if the environment sets one."
        )
    finally:
        _in_request.reset(token)


def _refusal(
    response: requests.Response, address: str, expected: Collection[int]
) -> SourceUnavailable | None:
    status = response.status_code
    if status == requests.codes.too_many_requests:
        pause = retry_after(response.headers)
        wish = "" if pause is None else f", and wants to be left alone for {pause:g} seconds"
        return RateLimited(f"{address} refuses so many requests (status 429){wish}; ask later.", pause)
    if status == requests.codes.ok or status in expected:
        return None
    if status >= requests.codes.server_error:
        return SourceUnavailable(f"{address} has failed (status {status}); ask later.")
    return SourceUnavailable(
        f"{address} does not answer such requests (status {status}); if that stays so, the source has moved, "
        "and another one must be chosen."
    )


def _answer(response: requests.Response, address: str, timeout: float) -> Answer | SourceError:
    chunks: list[bytes] = []
    size = 0
    deadline = time.monotonic() + timeout
    end_marked = response.raw.chunked or response.raw.length_remaining is not None
    # Not response.iter_content, which waits for a whole chunk however slowly its bytes come.
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > _MOST_BYTES:
            return BadPayload(f"{address}: the answer is longer than {_MOST_BYTES} bytes; {_REPORT}")
        if time.monotonic() > deadline:
            return _too_slow(address, timeout)
    body = b"".join(chunks)
    # A 404 that the caller expects says everything by its status, whatever page comes with it.
    if response.status_code != requests.codes.not_found and _is_page(response.headers, body):
        return SourceUnavailable(f"{address} shows a page for people in place of data; ask later.")
    return Answer(address, response.status_code, body, end_marked)


def _too_slow(address: str, timeout: float) -> SourceUnavailable:
    return SourceUnavailable(f"{address} did not answer within {timeout:g} seconds; ask later.")


def _is_page(headers: Mapping[str, str], body: bytes) -> bool:
    beginning = body[:256].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return headers.get("Content-Type", "").lower().startswith("text/html") or beginning.startswith(
        (b"<!doctype html", b"<html")
    )


def retry_after(headers: Mapping[str, str | None]) -> float | None:
    """Return the seconds that ``Retry-After`` says, as a number or as a date; None if it says none."""
    text = (headers.get("Retry-After") or "").strip()
    try:
        seconds = float(text)
    except ValueError:
        until = _http_date(text)
        if until is None:
            return None
        # By the source's own clock if it shows it: ours may differ.
        return max(
            0.0, (until - (_http_date(headers.get("Date") or "") or datetime.now(UTC))).total_seconds()
        )
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _http_date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    # A date without a zone is in UTC, as all HTTP dates are.
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _without_query(url: str) -> str:
    """Return scheme, host and path: neither query nor the account that a URL may hold."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is no URL"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
