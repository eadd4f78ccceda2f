"""The UI as ``stock-assets ui`` serves it, asked through its GraphQL endpoint."""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from stock_assets_tests.commands import PATIENCE_SECONDS, Started, Workplace


@dataclass(frozen=True)
class Ui:
    """A served UI and the command that serves it."""

    port: int
    command: Started

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, query: str, **variables: object) -> Any:
        """Return the data of a GraphQL query."""
        answer = json.loads(self.ask_raw(query, **variables))
        assert "errors" not in answer, answer
        return answer["data"]

    def ask_raw(self, query: str, **variables: object) -> str:
        """Return the answer to a GraphQL query as it came, errors included."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def wait_until(self, reached: Callable[[], bool], what: str) -> None:
        """Wait until something has been reached while the UI serves."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not reached():
            assert time.monotonic() < deadline and self.command.process.poll() is None, what
            time.sleep(0.5)


@contextmanager
def served(workplace: Workplace) -> Iterator[Ui]:
    """Serve the UI on a free port for the duration of the block, and end it if it has not ended."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = workplace.start("ui", "--port", str(port))
    ui = Ui(port, command)
    try:
        command.wait_for(lambda: _answers(ui), "answer from the UI")
        yield ui
    finally:
        command.process.terminate()
        command.end()


def _answers(ui: Ui) -> bool:
    try:
        return bool(ui.ask("{version}"))
    except OSError:
        return False
