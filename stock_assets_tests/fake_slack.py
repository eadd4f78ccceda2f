"""A local Slack: messages, threads and files over real HTTP, with everything that goes wrong there."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "xoxb-1111-2222-s3cretSlackToken"
CHANNEL, CHANNEL_ID = "#alerts", "C0ALERTS1"
BOT = "U0BOT"
UPLOAD = "upload"
#: Characters that Slack takes in a section.
_MAX_SECTION = 3000


@dataclass(frozen=True)
class Fault:
    """How a request is answered in place of what it asks for.

    Attributes
    ----------
    status : int
    error : str or None
        Slack's code of the error; a page for people without one.
    headers : tuple of (str, str)
    drop : str or None
        ``before``: the connection is reset before the request is heeded. ``after``: it is heeded, and then
        reset without an answer. ``hang``: the same, and it stays open until the server is closed.
    """

    status: int = 200
    error: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    drop: str | None = None


RATE_LIMITED = Fault(429, "ratelimited", (("Retry-After", "30"),))
RATE_LIMITED_WITHOUT_A_TIME = Fault(429, "ratelimited")
BROKEN = Fault(500)
UNAVAILABLE = Fault(503, "service_unavailable")
RESET_BEFORE, RESET_AFTER, HANG = Fault(drop="before"), Fault(drop="after"), Fault(drop="hang")


@dataclass
class Message:
    """One message, as the channel shows it."""

    ts: str
    text: str
    blocks: list[dict[str, Any]]
    thread_ts: str | None
    broadcast: bool
    files: list["File"] = field(default_factory=list)

    @property
    def shown(self) -> str:
        """What people see of it: its blocks, or its text if it has none."""
        if not self.blocks:
            return self.text
        texts = [block.get("text") or block["elements"][0] for block in self.blocks]
        return "\n".join(text["text"] for text in texts)


@dataclass
class File:
    """One picture."""

    name: str
    length: int
    title: str = ""
    content: bytes = b""


@dataclass
class FakeSlack:
    """The server: a channel, and what it was asked.

    Attributes
    ----------
    requests : list of (str, dict)
        Method and parameters, in the order in which they came.
    faults : list of (method, Fault)
        Each is the answer to the next request of its method, once; any method if that is ``*``.
    down : Fault or None
        The answer to every request.
    blocks_refused : bool
    members : bool
        Whether the bot is in the channel.
    scopes : tuple of str
    on_post : callable or None
        Called when a message is in the channel, before the answer is sent.
    """

    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    down: Fault | None = None
    blocks_refused: bool = False
    members: bool = True
    scopes: tuple[str, ...] = ("chat:write", "files:write")
    on_post: Callable[[], None] | None = None
    port: int = 0
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _pending: dict[str, File] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    @property
    def lines(self) -> list[str]:
        """The first line of every message, in order."""
        return [message.shown.split("\n")[0] for message in self.messages]

    @property
    def threads(self) -> dict[str, list[Message]]:
        """The messages of each thread by its root, root included; one that stands alone is its own."""
        found: dict[str, list[Message]] = {}
        for message in self.messages:
            found.setdefault(message.thread_ts or message.ts, []).append(message)
        return found

    def rendered(self) -> str:
        """The channel as text: replies stand below their root."""
        out = []
        for root, *replies in self.threads.values():
            out.append(root.shown)
            out += ["    " + reply.shown.replace("\n", "\n    ") for reply in replies]
        return "\n".join(out)

    def asked(self, method: str) -> list[dict[str, Any]]:
        """The parameters of all requests of one method."""
        return [parameters for name, parameters in self.requests if name == method]

    def fault(self, method: str) -> Fault | None:
        """Take the fault that is meant for a request."""
        if self.down is not None:
            return self.down
        for place, (name, fault) in enumerate(self.faults):
            if name in ("*", method):
                del self.faults[place]
                return fault
        return None

    def answer(self, method: str, parameters: dict[str, Any], token: str) -> dict[str, Any]:
        """Do what a method does, and return its answer."""
        if token != TOKEN:
            return {"ok": False, "error": "invalid_auth"}
        if method == "auth.test":
            return {"ok": True, "user": "stock_assets", "team": "quant"}
        if method == "chat.postMessage":
            return self._post(parameters)
        if "files:write" not in self.scopes:
            return {"ok": False, "error": "missing_scope", "needed": "files:write"}
        if method == "files.getUploadURLExternal":
            name = f"F{len(self._pending)}"
            self._pending[name] = File(parameters["filename"], int(parameters["length"]))
            return {"ok": True, "file_id": name, "upload_url": f"http://127.0.0.1:{self.port}/upload/{name}"}
        return self._complete(parameters)

    def receive(self, name: str, body: bytes) -> bool:
        """Take the content of a file, as an upload's own address does; False if it is of another length."""
        # The client wraps it as a form's file.
        match = re.search(rb"\r\n\r\n(.*)\r\n--", body, re.DOTALL)
        self._pending[name].content = match.group(1) if match else body
        return len(self._pending[name].content) == self._pending[name].length

    def _post(self, parameters: dict[str, Any]) -> dict[str, Any]:
        if parameters["channel"] not in (CHANNEL, CHANNEL_ID):
            return {"ok": False, "error": "channel_not_found"}
        if not self.members:
            return {"ok": False, "error": "not_in_channel"}
        blocks = parameters.get("blocks") or []
        blocks = json.loads(blocks) if isinstance(blocks, str) else blocks
        sections = [block["text"]["text"] for block in blocks if block["type"] == "section"]
        if blocks and (self.blocks_refused or any(not 0 < len(text) <= _MAX_SECTION for text in sections)):
            return {"ok": False, "error": "invalid_blocks"}
        thread_ts = parameters.get("thread_ts")
        if thread_ts is not None and thread_ts not in {message.ts for message in self.messages}:
            return {"ok": False, "error": "thread_not_found"}
        broadcast = parameters.get("reply_broadcast") in (True, "1", "true")
        ts = f"1700000000.{len(self.requests):06d}"
        self.messages.append(Message(ts, parameters.get("text", ""), blocks, thread_ts, broadcast))
        if self.on_post is not None:
            self.on_post()
        return {"ok": True, "channel": CHANNEL_ID, "ts": ts}

    def _complete(self, parameters: dict[str, Any]) -> dict[str, Any]:
        if parameters["channel_id"] != CHANNEL_ID:
            return {"ok": False, "error": "channel_not_found"}
        files = json.loads(parameters["files"])
        for one in files:
            file = self._pending[one["id"]]
            file.title = one["title"]
            root = next(message for message in self.messages if message.ts == parameters["thread_ts"])
            root.files.append(file)
        return {"ok": True, "files": files}


@contextmanager
def fake_slack() -> Iterator[FakeSlack]:
    """Serve for the duration of the block."""
    slack = FakeSlack()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            first, name = urlsplit(self.path).path.strip("/").split("/", 1)
            with slack.lock:
                method = UPLOAD if first == UPLOAD else name
                parameters = {} if first == UPLOAD else _parameters(body, self.headers["Content-Type"])
                parameters |= {key: value[0] for key, value in parse_qs(urlsplit(self.path).query).items()}
                slack.requests.append((method, parameters))
                fault = slack.fault(method)
                if fault is not None and fault.drop is None:
                    self._fault(fault)
                    return
                if fault is not None and fault.drop == "before":
                    self._reset()
                    return
                if first == UPLOAD:
                    status, text = (200, "OK") if slack.receive(name, body) else (400, "bad length")
                    kind = "text/plain"
                else:
                    token = (self.headers["Authorization"] or "").removeprefix("Bearer ")
                    status, kind = 200, "application/json"
                    text = json.dumps(slack.answer(name, parameters, token))
            if fault is not None:
                if fault.drop == "hang":
                    slack.closing.wait()
                self._reset()
                return
            self._say(status, kind, text, (("X-OAuth-Scopes", ",".join(slack.scopes)),))

        def _fault(self, fault: Fault) -> None:
            if fault.error is None:
                self._say(fault.status, "text/html", "<html>Something went wrong</html>", fault.headers)
            else:
                answer = json.dumps({"ok": False, "error": fault.error})
                self._say(fault.status, "application/json", answer, fault.headers)

        def _say(self, status: int, kind: str, text: str, headers: tuple[tuple[str, str], ...]) -> None:
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            for header, value in headers:
                self.send_header(header, value)
            try:
                self.end_headers()
                self.wfile.write(content)
            except OSError:  # who asked has been killed
                self.close_connection = True

        def _reset(self) -> None:
            self.close_connection = True
            self.connection.close()

        def log_message(self, *_: object, **__: object) -> None:
            """Say nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    slack.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield slack
    finally:
        slack.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _parameters(body: bytes, kind: str | None) -> dict[str, Any]:
    if kind is not None and kind.startswith("application/json"):
        return dict(json.loads(body))
    return {key: value[0] for key, value in parse_qs(body.decode(), keep_blank_values=True).items()}
