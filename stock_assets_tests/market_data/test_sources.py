"""Which source answers for an instrument."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from stock_assets.config import load_universe
from stock_assets.config.instruments import Instrument
from stock_assets.config.sources import SourceChoice
from stock_assets.errors import BadPayload, SourceError, SourceUnavailable, UnknownSymbol
from stock_assets.market_data.source import PriceSource
from stock_assets.market_data.sources import build_sources, fetch_rows
from stock_assets.settings import Settings
from stock_assets_tests.made_up import CONFIG_DIR
from stock_assets_tests.market_data.bars import instrument, source_rows

MONDAY = date(2021, 1, 4)


class FakeSource:
    """Answers with one close, or with an error."""

    def __init__(self, name: str, answer: float | SourceError) -> None:
        self.name = name
        self.answer = answer
        self.asked: list[str] = []

    def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
        self.asked.append(symbol)
        if isinstance(self.answer, SourceError):
            raise self.answer
        return source_rows([first], [self.answer])


def ask(sources: Mapping[str, PriceSource]) -> tuple[str, list[float]]:
    asked = instrument().model_copy(
        update={
            "sources": (SourceChoice(source="csv", symbol="A"), SourceChoice(source="sample", symbol="B"))
        }
    )
    fetched = fetch_rows(asked, sources, MONDAY, MONDAY)
    return fetched.source, fetched.rows["close"].tolist()


def test_the_first_source_is_asked_first() -> None:
    sources = {"csv": FakeSource("csv", 1.0), "sample": FakeSource("sample", 2.0)}
    assert ask(sources) == ("csv", [1.0])
    assert sources["csv"].asked == ["A"]
    assert sources["sample"].asked == []


@pytest.mark.parametrize("error", [UnknownSymbol("No such symbol."), SourceUnavailable("Down.")])
def test_the_next_source_is_asked_if_the_first_has_none(
    error: SourceError, caplog: pytest.LogCaptureFixture
) -> None:
    sources = {"csv": FakeSource("csv", error), "sample": FakeSource("sample", 2.0)}
    assert ask(sources) == ("sample", [2.0])
    assert sources["sample"].asked == ["B"]
    assert caplog.messages == [f"{error} The next source of x is asked."]


def test_an_answer_that_cannot_be_read_is_not_hidden_by_the_next_source() -> None:
    sources = {"csv": FakeSource("csv", BadPayload("Nonsense.")), "sample": FakeSource("sample", 2.0)}
    with pytest.raises(BadPayload, match="Nonsense"):
        ask(sources)


def test_the_last_source_has_the_last_word() -> None:
    sources = {
        "csv": FakeSource("csv", SourceUnavailable("Down.")),
        "sample": FakeSource("sample", UnknownSymbol("No such symbol.")),
    }
    with pytest.raises(UnknownSymbol, match="No such symbol"):
        ask(sources)


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
