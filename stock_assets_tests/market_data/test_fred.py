"""FRED's API and its chart files, from a server that writes them."""

import logging
from collections.abc import Iterator
from datetime import date
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest

from stock_assets.errors import (
    BadPayload,
    MissingKey,
    RateLimited,
    SourceError,
    SourceUnavailable,
    UnknownSymbol,
)
from stock_assets.market_data.bars import SOURCE_COLUMNS
from stock_assets.market_data.fred import FredSource
from stock_assets_tests.fake_yield_sources import (
    BROKEN_OFF,
    ENDED_EARLY,
    HANG,
    OUTAGE,
    PAGE,
    RESET,
    TRUNCATED,
    FakeFred,
    Fault,
    rate_limited,
    renamed,
)
from stock_assets_tests.market_data.bars import instrument

FIRST, LAST = date(2024, 1, 1), date(2024, 1, 31)
KEY = "0123456789abcdef0123456789abcdef"
WAYS = pytest.mark.parametrize("key", [KEY, None], ids=["api", "charts"])


@pytest.fixture
def fred() -> Iterator[FakeFred]:
    with FakeFred(KEY) as server:
        server.serve(
            "DGS10",
            {
                date(2023, 12, 29): 3.88,
                date(2024, 1, 1): None,
                date(2024, 1, 2): 3.95,
                date(2024, 1, 15): None,
                date(2024, 1, 31): "4.28",
                date(2024, 2, 1): 3.87,
            },
        )
        yield server


def ask(
    server: FakeFred,
    key: str | None,
    symbol: str = "DGS10",
    first: date = FIRST,
    last: date = LAST,
    timeout: float = 30,
) -> pd.DataFrame:
    return FredSource(server.url, key, timeout).fetch(instrument("yield"), symbol, first, last)


def closes(rows: pd.DataFrame) -> dict[date, float]:
    found = {
        stamp.date(): close for stamp, close in zip(rows["session"], rows["close"].tolist(), strict=True)
    }
    assert len(found) == len(rows)
    return found


@WAYS
def test_yields_are_in_percent_as_they_come(fred: FakeFred, key: str | None) -> None:
    rows = ask(fred, key)
    assert list(rows.columns) == list(SOURCE_COLUMNS)
    assert rows["session"].dtype == "datetime64[s]"
    assert (rows.drop(columns="session").dtypes == np.float64).all()
    assert closes(rows) == {date(2024, 1, 2): 3.95, date(2024, 1, 31): 4.28}
    assert rows.drop(columns=["session", "close"]).isna().all(axis=None)
    assert FredSource(None, None, 1).name == "fred"


@WAYS
def test_zero_and_negative_yields_are_yields(fred: FakeFred, key: str | None) -> None:
    fred.serve("DGS10", {date(2024, 1, 3): 0, date(2024, 1, 4): -0.55})
    found = closes(ask(fred, key))
    assert (found[date(2024, 1, 3)], found[date(2024, 1, 4)]) == (0, -0.55)


def test_a_range_is_one_request(fred: FakeFred) -> None:
    ask(fred, KEY, first=date(2010, 1, 1))
    ask(fred, None, first=date(2010, 1, 1))
    api, charts = (urlsplit(request) for request in fred.requests)
    assert api.path == "/fred/series/observations"
    assert parse_qs(api.query) == {
        "series_id": ["DGS10"],
        "observation_start": ["2010-01-01"],
        "observation_end": ["2024-01-31"],
        "file_type": ["json"],
        "limit": ["100000"],
        "api_key": [KEY],
    }
    assert charts.path == "/graph/fredgraph.csv"
    assert parse_qs(charts.query) == {"id": ["DGS10"], "cosd": ["2010-01-01"], "coed": ["2024-01-31"]}


@WAYS
def test_years_make_no_difference(fred: FakeFred, key: str | None) -> None:
    rows = ask(fred, key, first=date(2023, 12, 29), last=date(2024, 1, 2))
    assert closes(rows) == {date(2023, 12, 29): 3.88, date(2024, 1, 2): 3.95}


@WAYS
def test_days_out_of_the_range_are_left_out_whatever_the_source_sends(
    fred: FakeFred, key: str | None
) -> None:
    fred.fail(renamed("2024-01-02", "2024-03-02"))
    assert closes(ask(fred, key)) == {date(2024, 1, 31): 4.28}


@WAYS
@pytest.mark.parametrize("day", [date(2024, 1, 15), date(2024, 1, 13)], ids=["a dot", "nothing"])
def test_a_window_of_holidays_has_no_row(fred: FakeFred, key: str | None, day: date) -> None:
    rows = ask(fred, key, first=day, last=day)
    assert len(rows) == 0
    assert list(rows.columns) == list(SOURCE_COLUMNS)
    assert rows["session"].dtype == "datetime64[s]"


def test_an_empty_value_of_the_chart_file_is_no_bar(fred: FakeFred) -> None:
    fred.serve("DGS10", {date(2024, 1, 2): ""})
    assert closes(ask(fred, None)) == {date(2024, 1, 31): 4.28}


def test_the_date_column_of_the_chart_file_has_had_two_names(fred: FakeFred) -> None:
    fred.fail(renamed("observation_date", "DATE"))
    assert len(ask(fred, None)) == 2
    fred.fail(renamed("observation_date", "day"))
    with pytest.raises(BadPayload) as raised:
        ask(fred, None)
    assert str(raised.value) == (
        f"{fred.url}/graph/fredgraph.csv: the columns are day, DGS10; allowed are observation_date or DATE, "
        "and DGS10."
    )


def test_the_chart_file_of_another_series_is_not_read(fred: FakeFred) -> None:
    fred.fail(renamed("DGS10", "DGS3"), Fault(body=b"", content_type="application/csv"))
    with pytest.raises(BadPayload, match="the columns are observation_date, DGS3; allowed"):
        ask(fred, None)
    with pytest.raises(BadPayload, match="the columns are none; allowed"):
        ask(fred, None)
    fred.fail(Fault(body=b"observation_date,DGS10,DGS3\n", content_type="application/csv"))
    with pytest.raises(BadPayload, match="the columns are observation_date, DGS10, DGS3; allowed"):
        ask(fred, None)


@WAYS
def test_an_unknown_series(fred: FakeFred, key: str | None) -> None:
    with pytest.raises(UnknownSymbol) as raised:
        ask(fred, key, "DGS11")
    assert str(raised.value) == (
        "instruments.x: the source 'fred' has no symbol 'DGS11'; allowed is the id of a daily series, such "
        "as DGS10."
    )


def test_a_series_that_is_written_otherwise(fred: FakeFred) -> None:
    fred.fail(Fault(400, b'{"error_message": "Bad Request.  Variable series_id is not alphanumeric."}'))
    with pytest.raises(UnknownSymbol, match="has no symbol 'DGS 10'"):
        ask(fred, KEY, "DGS 10")


def test_a_key_that_is_refused_is_named_by_its_variable(fred: FakeFred) -> None:
    with pytest.raises(MissingKey) as raised:
        ask(fred, "another key")
    assert str(raised.value) == (
        "instruments.x: FRED refuses the key in STOCK_ASSETS_FRED_KEY: 'Bad Request.  The value for variable "
        "api_key is not registered.'; correct it, or unset it to do without."
    )


@WAYS
@pytest.mark.parametrize("text", ["N/A", "4,28", "4.28%", "nan", "-inf", "4_28", ".."])
def test_what_is_no_number_is_named(fred: FakeFred, key: str | None, text: str) -> None:
    fred.fail(renamed("3.95", text.replace(",", ";")))
    with pytest.raises(BadPayload) as raised:
        ask(fred, key)
    path = "graph/fredgraph.csv" if key is None else "fred/series/observations"
    assert str(raised.value) == (
        f"{fred.url}/{path}: 2024-01-02: {text.replace(',', ';')!r} cannot be read; allowed is a number."
    )


@WAYS
@pytest.mark.parametrize("text", ["02.01.2024", "2024-1-2", "2024-01-02 00:00", "2024-02-30"])
def test_what_is_no_date_is_named(fred: FakeFred, key: str | None, text: str) -> None:
    fred.fail(renamed("2024-01-02", text))
    with pytest.raises(BadPayload, match=rf"{text!r} cannot be read; allowed is a date written %Y-%m-%d"):
        ask(fred, key)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (TRUNCATED, "the answer is no JSON"),
        (renamed('"observations"', '"rows"'), "no observations and no count"),
        (renamed('"count"', '"n"'), "no observations and no count"),
        (renamed('"count": 4', '"count": 5'), "4 of 5 observations came"),
        (renamed('"value": "3.95"', '"value": 3.95'), "an observation lacks its date or value"),
        (Fault(body=b"[]"), "no observations and no count"),
        (Fault(400, b'{"error_message": "Bad Request. Too far."}'), "status 400: 'Bad Request. Too far.'"),
    ],
)
def test_an_answer_of_the_api_that_cannot_be_read(fred: FakeFred, fault: Fault, sentence: str) -> None:
    fred.fail(fault)
    with pytest.raises(BadPayload, match=sentence):
        ask(fred, KEY)


def test_a_chart_file_that_ends_early(fred: FakeFred) -> None:
    fred.fail(renamed("2024-01-31,4.28", "2024-01-3"))
    with pytest.raises(BadPayload, match="line 5: holds 1 values under 2 columns"):
        ask(fred, None)


def test_a_chart_file_that_is_something_else(fred: FakeFred) -> None:
    fred.fail(Fault(200, b"x" * 200_000, "text/plain"))
    with pytest.raises(BadPayload, match="the answer is no table"):
        ask(fred, None)


def test_a_chart_file_whose_end_is_not_marked_may_have_lost_digits(fred: FakeFred) -> None:
    fred.fail(ENDED_EARLY)
    with pytest.raises(SourceUnavailable, match="does not say how long its answer is"):
        ask(fred, None)
    fred.fail(ENDED_EARLY)
    with pytest.raises(BadPayload, match="the answer is no JSON"):
        ask(fred, KEY)


@WAYS
@pytest.mark.parametrize("fault", [OUTAGE, PAGE, RESET, BROKEN_OFF, HANG, Fault(403, b"", "text/plain")])
def test_fred_cannot_be_reached(fred: FakeFred, key: str | None, fault: Fault) -> None:
    fred.fail(fault)
    with pytest.raises(SourceUnavailable):
        ask(fred, key, timeout=0.15 if fault is HANG else 30)
    assert len(fred.requests) == 1
    assert len(ask(fred, key)) == 2


@WAYS
def test_too_many_requests(fred: FakeFred, key: str | None) -> None:
    fred.fail(rate_limited("20"))
    with pytest.raises(RateLimited) as raised:
        ask(fred, key)
    assert raised.value.retry_after == 20


@pytest.mark.parametrize(
    "fault",
    [
        None,
        OUTAGE,
        RESET,
        TRUNCATED,
        Fault(400, f'{{"error_message": "Bad api_key {KEY}"}}'.encode()),
        Fault(400, f'{{"error_message": "Bad {KEY}"}}'.encode()),
    ],
)
def test_the_key_is_in_no_text(fred: FakeFred, fault: Fault | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    source = FredSource(fred.url, KEY, 30)
    fred.fail(fault)
    text = repr(source)
    try:
        source.fetch(instrument("yield"), "DGS10", FIRST, LAST)
    except SourceError as error:
        text += repr(error)
    assert KEY in fred.requests[0]
    assert KEY not in text + caplog.text
