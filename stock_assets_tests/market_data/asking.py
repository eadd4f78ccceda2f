"""Sources for the tests of how sources are asked, and a process that asks one of them over HTTP."""

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import requests

from stock_assets.config.instruments import Instrument
from stock_assets.config.sources import RequestSettings
from stock_assets.errors import SourceError
from stock_assets.market_data.bars import SOURCE_COLUMNS
from stock_assets.market_data.patient_source import PatientSource
from stock_assets.settings import Settings
from stock_assets_tests.market_data.bars import instrument, source_rows

MONDAY = date(2021, 1, 4)


class ScriptedSource:
    """Gives one answer after the other, a close, no row or an error, and the last one for ever."""

    def __init__(self, name: str, *answers: float | SourceError | None) -> None:
        self.name = name
        self.answers = list(answers)
        self.asked: list[str] = []

    def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
        self.asked.append(symbol)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, SourceError):
            raise answer
        if answer is None:
            return pd.DataFrame(columns=list(SOURCE_COLUMNS))
        return source_rows([first], [answer])


class HttpSource:
    """Asks a server for a close."""

    name = "yahoo"

    def __init__(self, url: str) -> None:
        self._url = url

    def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
        return source_rows([first], [float(requests.get(self._url, timeout=60).text)])


class AskedServer(ThreadingHTTPServer):
    """Knows whether it was asked for two things at once.

    A request of ``/ask`` is answered when another one has come meanwhile, or a short time later; of ``/meet``
    when two processes have come; of ``/hang`` not before the end.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.meeting = threading.Barrier(2)
        self.hanging, self.over = threading.Event(), threading.Event()
        self.answered, self.overlaps, self._active = 0, 0, 0
        self._changed = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def ask(self) -> None:
        with self._changed:
            self._active += 1
            self._changed.notify_all()
            self.overlaps += self._changed.wait_for(lambda: self._active > 1, timeout=0.1)
            self._active -= 1
            self.answered += 1


class _Handler(BaseHTTPRequestHandler):
    server: AskedServer

    def do_GET(self) -> None:
        if self.path == "/meet":
            self.server.meeting.wait(timeout=60)
        elif self.path == "/hang":
            self.server.hanging.set()
            self.server.over.wait(timeout=60)
        else:
            self.server.ask()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"1.5")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def asked_server() -> Iterator[AskedServer]:
    """Serve for as long as the block lasts."""
    server = AskedServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()


def asking_process(server: AskedServer, state: Path, universe: str, paths: Sequence[str]) -> list[str]:
    """Return the command of a process of a universe that asks for the paths, one after the other."""
    variables = [f"STOCK_ASSETS_STATE_DIR={state}", f"STOCK_ASSETS_UNIVERSE={universe}"]
    return ["env", *variables, sys.executable, "-m", __name__, server.url, *paths]


def patient(source: HttpSource, lock_dir: Path) -> PatientSource:
    """The source, asked once."""
    settings = RequestSettings(attempts=1, first_wait=timedelta(seconds=1))
    return PatientSource(source, settings, lock_dir)


def main(url: str, *paths: str) -> None:
    """Ask a server for paths; that of the meeting without the lock."""
    lock_dir = Settings.from_environment(os.environ).lock_dir
    for path in paths:
        source = HttpSource(url + path)
        asked = source if path == "/meet" else patient(source, lock_dir)
        asked.fetch(instrument(), "X", MONDAY, MONDAY)


if __name__ == "__main__":
    main(*sys.argv[1:])
