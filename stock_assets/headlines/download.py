"""Download one document, within bounds of time, size and redirects."""

import time
from dataclasses import dataclass

import requests

from stock_assets.errors import FeedError

_HEADERS = {
    # Some servers refuse what does not look like a browser.
    "User-Agent": "Mozilla/5.0 (compatible; stock-assets)",
    "Accept": "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1",
}
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Limits:
    """What one feed may cost.

    Attributes
    ----------
    timeout : float
        Seconds that the server may be silent.
    deadline : float
        Seconds that everything may take together.
    max_bytes : int
        Size of the document, unpacked.
    max_redirects : int
    """

    timeout: float = 10.0
    deadline: float = 20.0
    max_bytes: int = 5_000_000
    max_redirects: int = 5


def download(url: str, limits: Limits) -> tuple[bytes, dict[str, str]]:
    """Get a document.

    Returns
    -------
    tuple of bytes and dict of str to str
        The document, and what is to be known to read it: ``content-type`` if it was said, and
        ``content-location``, the address at the end of all redirects.

    Raises
    ------
    FeedError
        With half a sentence that holds no URL: a URL may hold a key.
    """
    started = time.monotonic()
    try:
        with requests.Session() as session:
            session.max_redirects = limits.max_redirects
            with session.get(url, headers=_HEADERS, timeout=limits.timeout, stream=True) as response:
                if response.status_code != requests.codes.ok:
                    raise FeedError(f"the server answered with the status {response.status_code}")
                content = bytearray()
                for chunk in response.iter_content(_CHUNK_BYTES):
                    content += chunk
                    if len(content) > limits.max_bytes:
                        raise FeedError(f"the answer is longer than {limits.max_bytes} bytes")
                    if time.monotonic() - started > limits.deadline:
                        raise FeedError(f"there was no complete answer within {limits.deadline:g} s")
                headers = {"content-location": response.url}
                if "content-type" in response.headers:
                    headers["content-type"] = response.headers["content-type"]
                return bytes(content), headers
    except (requests.RequestException, UnicodeError) as error:
        raise FeedError(_reason(error, limits)) from None


def _reason(error: Exception, limits: Limits) -> str:
    """Say what happened in words of our own, since those of the library hold the URL."""
    if isinstance(error, requests.Timeout):
        return f"the server was silent for {limits.timeout:g} s"
    if isinstance(error, requests.TooManyRedirects):
        return f"the server redirected more than {limits.max_redirects} times"
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate was refused"
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return "the answer broke off or was damaged"
    if isinstance(error, requests.ConnectionError):
        return "the server could not be reached, fell silent or closed the connection"
    return f"its address cannot be asked ({type(error).__name__})"
