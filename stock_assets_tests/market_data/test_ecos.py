"""Statistics of the Bank of Korea, from a server that writes them."""

import logging
from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from stock_assets.config.instruments import ReturnKind
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
from stock_assets.market_data.ecos import EcosSource
from stock_assets_tests.fake_yield_sources import (
    BROKEN_OFF,
    HANG,
    OUTAGE,
    PAGE,
    RESET,
    TRUNCATED,
    FakeEcos,
    Fault,
    ecos_result,
    rate_limited,
    renamed,
)
from stock_assets_tests.market_data.bars import instrument

FIRST, LAST = date(2024, 1, 1), date(2024, 1, 31)
SYMBOL = "817Y002/010200000"
#: With characters that a path must escape.
KEY = "AB/CD+EF 12"
IN_A_PATH = "AB%2FCD%2BEF%2012"


@pytest.fixture
def ecos() -> Iterator[FakeEcos]:
    with FakeEcos(KEY) as server:
        server.serve(
            SYMBOL,
            {
                date(2023, 12, 28): 3.154,
                date(2024, 1, 2): 3.245,
                date(2024, 1, 3): "4.28",
                date(2024, 2, 1): 3.3,
            },
        )
        server.serve("817Y002/010210000", {date(2024, 1, 2): 3.3})
        yield server


def ask(
    server: FakeEcos,
    symbol: str = SYMBOL,
    first: date = FIRST,
    last: date = LAST,
    timeout: float = 30,
    return_kind: ReturnKind = "yield",
) -> pd.DataFrame:
    return EcosSource(server.url, KEY, timeout).fetch(instrument(return_kind), symbol, first, last)


def closes(rows: pd.DataFrame) -> dict[date, float]:
    found = {
        stamp.date(): close for stamp, close in zip(rows["session"], rows["close"].tolist(), strict=True)
    }
    assert len(found) == len(rows)
    return found


def test_yields_are_in_percent_as_they_come(ecos: FakeEcos) -> None:
    rows = ask(ecos)
    assert list(rows.columns) == list(SOURCE_COLUMNS)
    assert rows["session"].dtype == "datetime64[s]"
    assert (rows.drop(columns="session").dtypes == np.float64).all()
    assert closes(rows) == {date(2024, 1, 2): 3.245, date(2024, 1, 3): 4.28}
    assert rows.drop(columns=["session", "close"]).isna().all(axis=None)
    assert EcosSource(None, None, 1).name == "ecos"


def test_a_range_is_one_request(ecos: FakeEcos) -> None:
    rows = ask(ecos, first=date(2023, 12, 28), last=date(2024, 1, 2))
    assert closes(rows) == {date(2023, 12, 28): 3.154, date(2024, 1, 2): 3.245}
    assert ecos.requests == [
        f"/api/StatisticSearch/{IN_A_PATH}/json/kr/1/10000/817Y002/D/20231228/20240102/010200000"
    ]


@pytest.mark.parametrize(("most_rows", "requests"), [(1, 7), (3, 3), (4, 2), (7, 1)])
def test_what_does_not_come_at_once_is_asked_for(most_rows: int, requests: int) -> None:
    values = {date(2024, 1, 2) + timedelta(days=offset): 3 + offset / 100 for offset in range(7)}
    with FakeEcos(KEY, most_rows=most_rows) as ecos:
        ecos.serve(SYMBOL, values)
        assert closes(ask(ecos)) == values
        assert len(ecos.requests) == requests


def test_rows_that_are_announced_and_do_not_come(ecos: FakeEcos) -> None:
    empty = '{"StatisticSearch": {"list_total_count": 4, "row": []}}'
    ecos.fail(renamed('"list_total_count": 2', '"list_total_count": 4'), Fault(body=empty.encode()))
    with pytest.raises(BadPayload, match=r"\*\*\*/json/kr/3/10002/.*: 2 of 4 rows came, and no more"):
        ask(ecos)
    # That there are none behind those that came is not that there are none of the window.
    ecos.fail(renamed('"list_total_count": 2', '"list_total_count": 4'), ecos_result("INFO-200"))
    with pytest.raises(BadPayload, match="2 of 4 rows came, and no more"):
        ask(ecos)


def test_days_out_of_the_range_are_left_out_whatever_the_source_sends(ecos: FakeEcos) -> None:
    ecos.fail(renamed("20240102", "20240302"))
    assert closes(ask(ecos)) == {date(2024, 1, 3): 4.28}


def test_zero_and_negative_yields_are_yields(ecos: FakeEcos) -> None:
    ecos.serve(SYMBOL, {date(2024, 1, 4): 0, date(2024, 1, 5): -0.5})
    found = closes(ask(ecos))
    assert (found[date(2024, 1, 4)], found[date(2024, 1, 5)]) == (0, -0.5)


def test_a_day_without_a_value_has_no_bar(ecos: FakeEcos) -> None:
    ecos.serve(SYMBOL, {date(2024, 1, 2): None, date(2024, 1, 3): ""})
    assert len(ask(ecos)) == 0


def test_a_window_of_holidays(ecos: FakeEcos) -> None:
    with pytest.raises(NoDataForWindow) as raised:
        ask(ecos, first=date(2024, 2, 9), last=date(2024, 2, 12))
    assert str(raised.value) == (
        f"instruments.x: ECOS has nothing of {SYMBOL} on these days (INFO-200, "
        "'해당하는 데이터가 없습니다.'); if that is so on all days, correct the symbol."
    )


def test_without_a_key_nothing_is_asked(ecos: FakeEcos) -> None:
    with pytest.raises(MissingKey) as raised:
        EcosSource(ecos.url, None, 30).fetch(instrument("yield"), SYMBOL, FIRST, LAST)
    assert str(raised.value) == (
        "instruments.x: the source 'ecos' needs a key; set STOCK_ASSETS_ECOS_KEY to one from "
        "https://ecos.bok.or.kr/api."
    )
    assert ecos.requests == []


def test_a_key_that_is_refused_is_named_by_its_variable(ecos: FakeEcos) -> None:
    ecos.key = "another"
    with pytest.raises(MissingKey) as raised:
        ask(ecos)
    assert str(raised.value) == (
        "instruments.x: ECOS refuses the key in STOCK_ASSETS_ECOS_KEY (INFO-100, "
        "'인증키가 유효하지 않습니다.'); correct it."
    )


@pytest.mark.parametrize("as_xml", [False, True])
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("INFO-100", MissingKey),
        ("INFO-200", NoDataForWindow),
        ("ERROR-100", UnknownSymbol),
        ("ERROR-101", UnknownSymbol),
        ("ERROR-200", BadPayload),
        ("ERROR-300", BadPayload),
        ("ERROR-301", BadPayload),
        ("ERROR-400", SourceUnavailable),
        ("ERROR-500", SourceUnavailable),
        ("ERROR-600", SourceUnavailable),
        ("ERROR-601", SourceUnavailable),
        ("ERROR-602", RateLimited),
        ("ERROR-999", BadPayload),
    ],
)
def test_what_comes_in_place_of_data(
    ecos: FakeEcos, code: str, error: type[SourceError], as_xml: bool
) -> None:
    ecos.fail(ecos_result(code, "이유", as_xml=as_xml))
    with pytest.raises(SourceError, match=rf"{code}, '이유'") as raised:
        ask(ecos)
    assert type(raised.value) is error


def test_a_message_of_several_lines(ecos: FakeEcos) -> None:
    ecos.fail(ecos_result("ERROR-602", "\n잠시 후\n이용하십시오\n", as_xml=True))
    with pytest.raises(RateLimited, match=r"\(ERROR-602, '잠시 후\\n이용하십시오'\); ask later"):
        ask(ecos)


@pytest.mark.parametrize(
    "symbol", ["", "817Y002", "817Y002/", "817Y002//1", "../x", "817Y002/1?", "a/b/c/d/e/f", "817Y002/*"]
)
def test_a_symbol_that_is_written_otherwise(ecos: FakeEcos, symbol: str) -> None:
    with pytest.raises(UnknownSymbol) as raised:
        ask(ecos, symbol)
    assert str(raised.value) == (
        f"instruments.x: the source 'ecos' has no symbol {symbol!r}; allowed are the codes of a table and of "
        "its items, such as 817Y002/010200000."
    )
    assert ecos.requests == []


def test_a_table_of_several_dimensions(ecos: FakeEcos) -> None:
    ecos.serve("A1/B2/C3", {date(2024, 1, 2): 1.5})
    assert closes(ask(ecos, "A1/B2/C3")) == {date(2024, 1, 2): 1.5}
    ecos.fail(renamed('"ITEM_CODE2": ""', '"ITEM_CODE2": "C3"'))
    with pytest.raises(BadPayload, match=r"a value of \['817Y002', '010200000', 'C3'\] came; allowed is one"):
        ask(ecos)


@pytest.mark.parametrize("fault", [renamed("010200000", "010210000"), renamed('"817Y002"', '"817Y003"')])
def test_values_of_another_series_are_not_read(ecos: FakeEcos, fault: Fault) -> None:
    ecos.fail(fault)
    with pytest.raises(BadPayload, match=rf"came; allowed is one of {SYMBOL} alone"):
        ask(ecos)


def test_a_yield_is_in_percent(ecos: FakeEcos) -> None:
    ecos.unit = "원"
    with pytest.raises(BadPayload) as raised:
        ask(ecos)
    assert str(raised.value).startswith(f"instruments.x: {ecos.url}/api/StatisticSearch/***/json/kr/1/10000/")
    assert str(raised.value).endswith(f": the unit of {SYMBOL} is '원'; allowed is percent.")
    # An exchange rate may well be in won.
    assert len(ask(ecos, return_kind="price")) == 2
    ecos.unit = "%"
    assert len(ask(ecos)) == 2
    ecos.fail(renamed("UNIT_NAME", "UNIT"))
    with pytest.raises(BadPayload, match="is None; allowed is percent"):
        ask(ecos)


@pytest.mark.parametrize("text", ["-", "4,28", "4.28%", "nan", "inf", "4_28"])
def test_what_is_no_number_is_named(ecos: FakeEcos, text: str) -> None:
    ecos.serve(SYMBOL, {date(2024, 1, 2): text})
    with pytest.raises(BadPayload) as raised:
        ask(ecos)
    assert str(raised.value).endswith(f": 2024-01-02: {text!r} cannot be read; allowed is a number.")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (TRUNCATED, "the answer is no JSON"),
        (renamed("StatisticSearch", "KeyStatisticList"), "neither StatisticSearch nor RESULT"),
        (renamed("DATA_VALUE", "VALUE"), "a row came that lacks STAT_CODE, TIME or DATA_VALUE"),
        (renamed('"3.245"', "3.245"), "a row came that lacks STAT_CODE, TIME or DATA_VALUE"),
        (renamed('"20240102"', '"2024012"'), "'2024012' cannot be read; allowed is a date"),
        (renamed('"20240102"', '"202401"'), "'202401' cannot be read; allowed is a date"),
        (renamed('"list_total_count": 2', '"list_total_count": "2"'), "neither StatisticSearch nor RESULT"),
        (Fault(body=b"<RESULT/>"), "the answer is no JSON"),
        (Fault(body=b"null"), "neither StatisticSearch nor RESULT"),
    ],
)
def test_an_answer_that_cannot_be_read(ecos: FakeEcos, fault: Fault, sentence: str) -> None:
    ecos.fail(fault)
    with pytest.raises(BadPayload, match=sentence):
        ask(ecos)


@pytest.mark.parametrize("fault", [OUTAGE, PAGE, RESET, BROKEN_OFF, HANG, Fault(404, b"", "text/plain")])
def test_ecos_cannot_be_reached(ecos: FakeEcos, fault: Fault) -> None:
    ecos.fail(fault)
    with pytest.raises(SourceUnavailable):
        ask(ecos, timeout=0.15 if fault is HANG else 30)
    assert len(ecos.requests) == 1
    assert len(ask(ecos)) == 2


def test_too_many_requests(ecos: FakeEcos) -> None:
    ecos.fail(rate_limited("180"))
    with pytest.raises(RateLimited) as raised:
        ask(ecos)
    assert raised.value.retry_after == 180


@pytest.mark.parametrize(
    "fault",
    [
        None,
        OUTAGE,
        RESET,
        TRUNCATED,
        ecos_result("INFO-100", f"{KEY}?"),
        ecos_result("ERROR-999", f"{IN_A_PATH}?"),
        ecos_result("ERROR-602", f"{KEY}?", as_xml=True),
    ],
)
def test_the_key_is_in_no_text(ecos: FakeEcos, fault: Fault | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    source = EcosSource(ecos.url, KEY, 30)
    ecos.fail(fault)
    text = repr(source)
    try:
        source.fetch(instrument("yield"), SYMBOL, FIRST, LAST)
    except SourceError as error:
        text += repr(error)
    assert IN_A_PATH in ecos.requests[0]
    assert KEY not in text + caplog.text
    assert IN_A_PATH not in text + caplog.text
