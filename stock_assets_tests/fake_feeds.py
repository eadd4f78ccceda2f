"""A local HTTP server of feeds, good ones and all kinds of bad ones."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PUBLISHED = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
RSS, ATOM, HTML = "application/rss+xml; charset=utf-8", "application/atom+xml", "text/html; charset=utf-8"

#: Title and link of an item, as they stand in the document before its own escaping.
Entry = tuple[str, str]


def rss(entries: Sequence[Entry], published: datetime = PUBLISHED) -> bytes:
    """An RSS 2.0 document."""
    items = "".join(
        f"<item><title>{escape(title)}</title><link>{escape(link)}</link>"
        f"<pubDate>{format_datetime(published)}</pubDate></item>"
        for title, link in entries
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>Feed</title>'
        f"<link>http://feed.example/</link>{items}</channel></rss>"
    ).encode()


def atom(entries: Sequence[Entry], published: datetime = PUBLISHED) -> bytes:
    """An Atom 1.0 document, whose titles are HTML."""
    items = "".join(
        f'<entry><id>urn:{place}</id><title type="html">{escape(title)}</title>'
        f'<link rel="alternate" href="{escape(link)}"/><updated>{published.isoformat()}</updated></entry>'
        for place, (title, link) in enumerate(entries)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Feed</title>'
        f"<id>urn:feed</id><updated>{published.isoformat()}</updated>{items}</feed>"
    ).encode()


@dataclass
class Page:
    """What the server says at a path.

    Attributes
    ----------
    body : bytes
    kind : str or None
        Content type.
    status : int
    location : str or None
        Where it redirects to.
    length : int or None
        Content length that it claims; its body's own by default.
    stuck : str or None
        ``head``: it never answers. ``body``: it never ends the body. Until the server is closed.
    repeat : int
        How many times the body is sent.
    encoding : str or None
        How the body is packed, as it claims.
    """

    body: bytes = b""
    kind: str | None = RSS
    status: int = 200
    location: str | None = None
    length: int | None = None
    stuck: str | None = None
    repeat: int = 1
    encoding: str | None = None


@dataclass
class FakeFeeds:
    """The server: pages by path, and the requests that it got."""

    port: int
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def serve(self, path: str, body: bytes, kind: str | None = RSS) -> str:
        """Say something at a path from the next request on, and return its URL."""
        self.pages[path] = Page(body, kind)
        return self.url(path)

    def misbehave(self, path: str, page: Page) -> str:
        self.pages[path] = page
        return self.url(path)


@contextmanager
def fake_feeds() -> Iterator[FakeFeeds]:
    """Serve until the block ends; what hangs then goes on."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            feeds.asked.append(self.path)
            page = feeds.pages.get(urlsplit(self.path).path, Page(b"not here", HTML, 404))
            if page.stuck == "head":
                feeds.closing.wait()
                return
            length = page.length if page.length is not None else len(page.body) * page.repeat
            self.send_response(page.status)
            if page.kind is not None:
                self.send_header("Content-Type", page.kind)
            if page.encoding is not None:
                self.send_header("Content-Encoding", page.encoding)
            if page.location is not None:
                self.send_header("Location", page.location)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            try:
                for _ in range(page.repeat):
                    self.wfile.write(page.body)
                self.wfile.flush()
                if page.stuck == "body":
                    feeds.closing.wait()
            except OSError:  # the reader has had enough
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    feeds = FakeFeeds(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield feeds
    finally:
        feeds.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
