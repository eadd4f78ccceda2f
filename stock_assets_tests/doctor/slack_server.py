"""A small Slack that knows one token and answers ``auth.test``."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "xoxb-hunter2-of-slack"


@dataclass
class FakeSlack:
    """The server.

    Attributes
    ----------
    scopes : str or None
        What the bot may do, as the header says; None for no header.
    status : int
        Of every answer.
    body : bytes or None
        Sent in place of the right answer.
    hangs : bool
        Whether there is no answer before the server closes.
    asked : list of str
        The paths of the requests.
    """

    port: int
    scopes: str | None = "chat:write,files:write,channels:read"
    status: int = 200
    body: bytes | None = None
    hangs: bool = False
    asked: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"


@contextmanager
def fake_slack() -> Iterator[FakeSlack]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            slack.asked.append(self.path)
            if slack.hangs:
                slack.closing.wait()
                return
            known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            answer = {"ok": True, "team": "Quants", "user": "prices"}
            refusal = {"ok": False, "error": "invalid_auth"}
            content = (
                slack.body if slack.body is not None else json.dumps(answer if known else refusal).encode()
            )
            self.send_response(slack.status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            if slack.scopes is not None:
                self.send_header("X-OAuth-Scopes", slack.scopes)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    slack = FakeSlack(server.server_address[1])
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield slack
    finally:
        slack.closing.set()
        server.shutdown()
        server.server_close()
