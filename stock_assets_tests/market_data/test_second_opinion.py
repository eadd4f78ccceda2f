"""What the next source says of closes, for comparison alone."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from stock_assets.config.instruments import Instrument
from stock_assets.config.sources import SourceChoice, SourceName
from stock_assets.errors import BadPayload, NoDataForWindow, SourceError, SourceUnavailable
from stock_assets.market_data.second_opinion import SecondOpinion, second_opinion
from stock_assets_tests.market_data.asking import MONDAY, ScriptedSource
from stock_assets_tests.market_data.bars import instrument, source_rows

TUESDAY, WEDNESDAY, THURSDAY = date(2021, 1, 5), date(2021, 1, 6), date(2021, 1, 7)


def with_sources(*choices: tuple[SourceName, str]) -> Instrument:
    sources = tuple(SourceChoice(source=source, symbol=symbol) for source, symbol in choices)
    return instrument().model_copy(update={"sources": sources})


THREE = with_sources(("yahoo", "A"), ("fred", "B"), ("csv", "C"))


def ask(asked: Instrument, used: str, **answers: float | SourceError | None) -> SecondOpinion | None:
    sources = {name: ScriptedSource(name, answer) for name, answer in answers.items()}
    return second_opinion(asked, sources, used, MONDAY, MONDAY)


@pytest.mark.parametrize(("used", "second"), [("yahoo", ("fred", 2.0)), ("fred", ("csv", 3.0))])
def test_it_is_that_of_the_source_after_the_one_that_is_used(used: str, second: tuple[str, float]) -> None:
    given = ask(THREE, used, yahoo=1.0, fred=2.0, csv=3.0)
    assert given is not None
    assert (given.source, given.closes["close"].tolist()) == (second[0], [second[1]])
    assert given.closes["session"].tolist() == [pd.Timestamp(MONDAY)]
    assert given.failure is None


def test_there_is_none_after_the_last_source() -> None:
    assert ask(THREE, "csv", yahoo=1.0, fred=2.0, csv=3.0) is None
    assert ask(instrument(), "csv", csv=3.0) is None


def test_a_source_that_is_used_has_no_second_opinion_by_another_symbol() -> None:
    asked = with_sources(("yahoo", "A"), ("yahoo", "B"))
    assert ask(asked, "yahoo", yahoo=1.0) is None
    asked = with_sources(("yahoo", "A"), ("yahoo", "B"), ("fred", "C"))
    given = ask(asked, "yahoo", yahoo=1.0, fred=2.0)
    assert given is not None and given.source == "fred"


@pytest.mark.parametrize(
    "error", [SourceUnavailable("Down."), BadPayload("Nonsense."), NoDataForWindow("No.")]
)
def test_a_source_that_does_not_answer_is_said_and_stops_nothing(
    error: SourceError, caplog: pytest.LogCaptureFixture
) -> None:
    given = ask(THREE, "yahoo", yahoo=1.0, fred=error, csv=3.0)
    assert given is not None
    assert (given.source, given.failure, len(given.closes)) == ("fred", str(error), 0)
    assert {name: str(dtype) for name, dtype in given.closes.dtypes.items()} == {
        "session": "datetime64[s]",
        "close": "float64",
    }
    assert caplog.messages == [f"{error} The closes of x from yahoo are compared with none."]


def test_no_row_is_no_close() -> None:
    given = ask(THREE, "yahoo", yahoo=1.0, fred=None, csv=3.0)
    assert given is not None
    assert (given.source, given.failure, len(given.closes)) == ("fred", None, 0)


def test_closes_are_finite_ordered_and_one_a_session() -> None:
    class Untidy(ScriptedSource):
        def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
            assert (symbol, first, last) == ("B", MONDAY, THURSDAY)
            sessions = [THURSDAY, TUESDAY, MONDAY, WEDNESDAY, TUESDAY]
            return source_rows(sessions, [4.0, 2.0, 1.0, np.nan, 2.5])

    given = second_opinion(THREE, {"fred": Untidy("fred", None)}, "yahoo", MONDAY, THURSDAY)
    assert given is not None
    assert list(zip(given.closes["session"].dt.date, given.closes["close"], strict=True)) == [
        (MONDAY, 1.0),
        (THURSDAY, 4.0),
    ]
    assert given.closes.index.tolist() == [0, 1]
