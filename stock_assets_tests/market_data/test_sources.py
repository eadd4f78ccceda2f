"""Which source answers for an instrument, and what is said when none does."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pandas as pd
import pytest

from stock_assets.config import load_universe
from stock_assets.config.instruments import Instrument
from stock_assets.config.sources import RequestSettings, SourceChoice, SourceName, SourceSettings
from stock_assets.config.universe import Universe
from stock_assets.errors import (
    BadPayload,
    MissingKey,
    NoDataForWindow,
    RateLimited,
    SourceError,
    SourceUnavailable,
    UnknownSymbol,
)
from stock_assets.market_data.bars import SOURCE_COLUMNS
from stock_assets.market_data.patient_source import PatientSource
from stock_assets.market_data.source import PriceSource
from stock_assets.market_data.sources import FetchedRows, build_sources, fetch_rows
from stock_assets.settings import Settings
from stock_assets_tests.fake_yahoo import ERROR, FakeYahoo, rate_limited
from stock_assets_tests.made_up import CONFIG_DIR
from stock_assets_tests.market_data.asking import MONDAY, ScriptedSource
from stock_assets_tests.market_data.bars import instrument

KEY = "k3y+of/nobody"
SYMBOLS: dict[SourceName, str] = {
    "yahoo": "^TNX",
    "treasury": "BC_10YEAR",
    "fred": "DGS10",
    "ecos": "817Y002/010210000",
}
DOWN, NONSENSE = SourceUnavailable("It is down."), BadPayload("Nonsense.")
UNKNOWN, NO_KEY, NO_DATA = UnknownSymbol("No such symbol."), MissingKey("No key."), NoDataForWindow("No bar.")


def asked_instrument(*choices: tuple[SourceName, str]) -> Instrument:
    sources = tuple(SourceChoice(source=source, symbol=symbol) for source, symbol in choices)
    return instrument().model_copy(update={"sources": sources})


TWO = asked_instrument(("csv", "A"), ("sample", "B"))
THREE = asked_instrument(("csv", "A"), ("sample", "B"), ("fred", "C"))


def scripted(*answers: float | SourceError | None) -> dict[str, ScriptedSource]:
    names = ("csv", "sample", "fred")
    return {name: ScriptedSource(name, answer) for name, answer in zip(names, answers, strict=False)}


def ask(sources: Mapping[str, PriceSource]) -> FetchedRows:
    return fetch_rows(TWO if len(sources) == 2 else THREE, sources, MONDAY, MONDAY)


def test_the_first_source_is_asked_first() -> None:
    sources = scripted(1.0, 2.0)
    fetched = ask(sources)
    assert (fetched.source, fetched.rows["close"].tolist(), fetched.failures) == ("csv", [1.0], ())
    assert (sources["csv"].asked, sources["sample"].asked) == (["A"], [])


@pytest.mark.parametrize("error", [UNKNOWN, DOWN, RateLimited("Slowly.", 1.0), NONSENSE, NO_KEY])
def test_the_next_source_is_asked_if_the_first_fails(
    error: SourceError, caplog: pytest.LogCaptureFixture
) -> None:
    sources = scripted(error, 2.0)
    fetched = ask(sources)
    assert (fetched.source, fetched.rows["close"].tolist()) == ("sample", [2.0])
    assert fetched.failures == (str(error),)
    assert sources["sample"].asked == ["B"]
    assert caplog.messages == [f"{error} The next source of x is asked."]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (NO_DATA, "No bar."),
        (None, "instruments.x: the source 'csv' has no bar of 'A' from 2021-01-04 to 2021-01-04."),
    ],
)
def test_the_next_source_is_asked_if_the_first_has_no_bar(
    answer: SourceError | None, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fetched = ask(scripted(answer, DOWN, 3.0))
    assert (fetched.source, fetched.rows["close"].tolist()) == ("fred", [3.0])
    assert fetched.failures == (sentence, "It is down.")
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]


@pytest.mark.parametrize(
    ("answers", "source", "failures"),
    [
        ((NO_DATA, NoDataForWindow("None here.")), "csv", ("None here.",)),
        ((UNKNOWN, NO_DATA), "sample", ("No such symbol.",)),
        ((NO_KEY, NO_DATA, NoDataForWindow("None here.")), "sample", ("No key.", "None here.")),
        ((NO_DATA, UNKNOWN), "csv", ("No such symbol.",)),
    ],
)
def test_no_bar_is_an_answer_if_no_source_may_have_one(
    answers: tuple[SourceError, ...], source: str, failures: tuple[str, ...]
) -> None:
    fetched = ask(scripted(*answers))
    assert (fetched.source, len(fetched.rows), fetched.failures) == (source, 0, failures)
    assert tuple(fetched.rows.columns) == SOURCE_COLUMNS
    assert {column: str(dtype) for column, dtype in fetched.rows.dtypes.items()} == {
        "session": "datetime64[s]",
        **dict.fromkeys(SOURCE_COLUMNS[1:], "float64"),
    }


@pytest.mark.parametrize(
    ("answers", "error", "sentence"),
    [
        ((DOWN, UNKNOWN), SourceUnavailable, "It is down. No such symbol."),
        ((UNKNOWN, DOWN), SourceUnavailable, "It is down. No such symbol."),
        ((DOWN, SourceUnavailable("Down too.")), SourceUnavailable, "It is down. Down too."),
        ((NONSENSE, NO_KEY, DOWN), SourceUnavailable, "It is down. Nonsense. No key."),
        ((NO_KEY, UNKNOWN), MissingKey, "No key. No such symbol."),
        ((UNKNOWN, NO_KEY), UnknownSymbol, "No such symbol. No key."),
        ((NONSENSE, UNKNOWN), BadPayload, "Nonsense. No such symbol."),
        # A source that fails may well have the bar that another one has not.
        ((DOWN, NO_DATA), SourceUnavailable, "It is down. No bar."),
        ((NO_DATA, DOWN), SourceUnavailable, "It is down. No bar."),
        ((NO_DATA, NONSENSE), BadPayload, "Nonsense. No bar."),
    ],
)
def test_what_matters_most_is_raised_with_what_the_others_said(
    answers: tuple[SourceError, ...], error: type[SourceError], sentence: str
) -> None:
    with pytest.raises(SourceError) as caught:
        ask(scripted(*answers))
    assert (type(caught.value), str(caught.value)) == (error, sentence)


def test_what_is_raised_is_not_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SourceUnavailable):
        ask(scripted(UNKNOWN, DOWN))
    assert caplog.messages == ["No such symbol. The next source of x is asked."]


def test_a_rate_limit_says_for_how_long_whatever_the_others_said() -> None:
    refusal = RateLimited("Slowly.", 60.0)
    for _ in range(2):
        with pytest.raises(RateLimited) as caught:
            ask(scripted(UNKNOWN, refusal))
        assert (str(caught.value), caught.value.retry_after) == ("Slowly. No such symbol.", 60.0)
    assert str(refusal) == "Slowly."


def test_a_mistake_in_a_source_is_not_covered_by_the_next_one() -> None:
    class Broken(ScriptedSource):
        def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
            raise TypeError

    with pytest.raises(TypeError):
        ask({"csv": Broken("csv", None), "sample": ScriptedSource("sample", 2.0)})


@pytest.mark.parametrize(
    ("folder", "names"),
    [(CONFIG_DIR / "made_up", ["csv"]), (Path(__file__).parents[2] / "configs" / "sample", ["sample"])],
    ids=["made_up", "sample"],
)
def test_a_universe_has_the_sources_that_it_names(folder: Path, names: list[str]) -> None:
    config = load_universe(folder)
    sources = build_sources(config.universe, config.folder, Settings.from_environment({}))
    assert list(sources) == names
    assert [source.name for source in sources.values()] == names


class FailingServer(ThreadingHTTPServer):
    """Answers everything with 503, at once or far too late, and remembers what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths: list[str] = []
        self.answered = 0
        self.may_answer = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FailingServer

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.server.may_answer.wait(timeout=5)
        self.server.answered += 1
        self.send_error(503)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def failing_server(*, at_once: bool = True) -> Iterator[FailingServer]:
    server = FailingServer()
    if at_once:
        server.may_answer.set()
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.may_answer.set()
        server.shutdown()
        server.server_close()


def on_the_network(name: SourceName, *, attempts: int, timeout: float) -> Universe:
    """A universe of one yield that is asked for without a pause worth mentioning."""
    universe = load_universe(CONFIG_DIR / "made_up").universe
    wait = timedelta(milliseconds=1)
    requests = RequestSettings(
        attempts=attempts, first_wait=wait, longest_wait=wait, timeout=timedelta(seconds=timeout)
    )
    choice = SourceChoice(source=name, symbol=SYMBOLS[name])
    asked = universe.instrument("us10y").model_copy(update={"sources": (choice,)})
    settings = SourceSettings(requests=requests)
    return universe.model_copy(update={"instruments": (asked,), "source_settings": settings})


@pytest.mark.parametrize("name", SYMBOLS)
def test_sources_on_the_network_are_asked_where_and_as_often_as_it_is_configured(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: SourceName
) -> None:
    caplog.set_level(logging.DEBUG)
    with failing_server() as server:
        settings = Settings.from_environment(
            {
                "STOCK_ASSETS_STATE_DIR": str(tmp_path),
                f"STOCK_ASSETS_{name.upper()}_URL": f"{server.url}/",
                f"STOCK_ASSETS_{name.upper()}_KEY": KEY,
            }
        )
        universe = on_the_network(name, attempts=2, timeout=20)
        sources = build_sources(universe, tmp_path, settings)
        assert list(sources) == [name]
        assert isinstance(sources[name], PatientSource)
        assert sources[name].name == name
        with pytest.raises(SourceUnavailable) as caught:
            fetch_rows(universe.instruments[0], sources, MONDAY, MONDAY)
    assert len([line for line in caplog.messages if line.startswith("Request 1 of 2 for us10y failed")]) == 1
    assert not [line for line in caplog.messages if line.startswith("Request 2 of 2")]
    assert len(server.paths) >= 2
    assert (tmp_path / "locks" / f"{name}.lock").is_file()
    shown = [str(caught.value), repr(caught.value), repr(settings), repr(sources), caplog.text]
    for spelling in (KEY, "k3y%2Bof%2Fnobody", "k3y+of%2Fnobody"):
        assert not [text for text in shown if spelling in text]
    assert any("k3y" in path for path in server.paths) == (name in ("fred", "ecos"))


@pytest.mark.parametrize("name", SYMBOLS)
def test_an_answer_is_waited_for_as_long_as_it_is_configured(tmp_path: Path, name: SourceName) -> None:
    universe = on_the_network(name, attempts=1, timeout=0.2)
    with failing_server(at_once=False) as server:
        settings = Settings.from_environment(
            {
                "STOCK_ASSETS_STATE_DIR": str(tmp_path),
                f"STOCK_ASSETS_{name.upper()}_URL": server.url,
                f"STOCK_ASSETS_{name.upper()}_KEY": KEY,
            }
        )
        sources = build_sources(universe, tmp_path, settings)
        with pytest.raises(SourceUnavailable):
            fetch_rows(universe.instruments[0], sources, MONDAY, MONDAY)
        assert server.paths
        assert server.answered == 0


def yahoo_at(server: FakeYahoo, state: Path) -> tuple[Instrument, Mapping[str, PriceSource]]:
    universe = on_the_network("yahoo", attempts=2, timeout=20)
    server.serve("^TNX", timezone="America/Chicago", currency="USD", bars=[(MONDAY, 0.917)])
    environment = {"STOCK_ASSETS_STATE_DIR": str(state), "STOCK_ASSETS_YAHOO_URL": server.url}
    return universe.instruments[0], build_sources(universe, state, Settings.from_environment(environment))


def test_an_outage_that_ends_is_not_noticed(tmp_path: Path) -> None:
    with FakeYahoo() as server:
        asked, sources = yahoo_at(server, tmp_path)
        server.fail("^TNX", ERROR)
        fetched = fetch_rows(asked, sources, MONDAY, MONDAY)
        assert (fetched.rows["close"].tolist(), fetched.failures) == ([0.917], ())
        assert len(server.charts("^TNX")) == 2


def test_a_provider_that_wants_an_hour_is_asked_for_nothing_else(tmp_path: Path) -> None:
    with FakeYahoo() as server:
        asked, sources = yahoo_at(server, tmp_path)
        server.fail("^TNX", rate_limited(retry_after="3600"), lasting=True)
        with pytest.raises(RateLimited):
            fetch_rows(asked, sources, MONDAY, MONDAY)
        requests = len(server.requests)
        server.recover("^TNX")
        with pytest.raises(
            RateLimited, match="the source 'yahoo' was not asked, since it wants to be left alone"
        ):
            fetch_rows(asked, sources, MONDAY, MONDAY)
        assert len(server.requests) == requests
