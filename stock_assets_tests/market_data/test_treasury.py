"""The Treasury's feed of par yields, from a server that writes it."""

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd
import pytest

from stock_assets.errors import BadPayload, NoDataForWindow, RateLimited, SourceUnavailable, UnknownSymbol
from stock_assets.market_data.bars import SOURCE_COLUMNS
from stock_assets.market_data.treasury import TreasurySource
from stock_assets_tests.fake_yield_sources import (
    BROKEN_OFF,
    HANG,
    OUTAGE,
    PAGE,
    RESET,
    TRUNCATED,
    FakeTreasury,
    Fault,
    rate_limited,
    renamed,
)
from stock_assets_tests.market_data.bars import instrument

FIRST, LAST = date(2024, 1, 1), date(2024, 1, 31)
COLUMBUS_DAY = date(2024, 10, 14)


@pytest.fixture
def treasury() -> Iterator[FakeTreasury]:
    with FakeTreasury() as server:
        server.serve("BC_3YEAR", {date(2023, 12, 29): 4.01, date(2024, 1, 2): 4.09, date(2024, 1, 3): 4.07})
        server.serve(
            "BC_10YEAR",
            {date(2023, 12, 29): 3.88, date(2024, 1, 2): 3.95, date(2024, 1, 3): 3.91, COLUMBUS_DAY: None},
        )
        yield server


def fetch(
    source: TreasurySource, symbol: str = "BC_10YEAR", first: date = FIRST, last: date = LAST
) -> pd.DataFrame:
    return source.fetch(instrument("yield"), symbol, first, last)


def ask(
    server: FakeTreasury,
    symbol: str = "BC_10YEAR",
    first: date = FIRST,
    last: date = LAST,
    timeout: float = 30,
) -> pd.DataFrame:
    return fetch(TreasurySource(server.url, timeout), symbol, first, last)


def closes(rows: pd.DataFrame) -> dict[date, float]:
    found = {
        stamp.date(): close for stamp, close in zip(rows["session"], rows["close"].tolist(), strict=True)
    }
    assert len(found) == len(rows)
    return found


def test_yields_are_in_percent_as_they_come(treasury: FakeTreasury) -> None:
    treasury.serve("BC_10YEAR", {date(2024, 1, 4): "4.28", date(2024, 1, 5): -0.05, date(2024, 1, 8): 0.0})
    rows = ask(treasury)
    assert list(rows.columns) == list(SOURCE_COLUMNS)
    assert rows["session"].dtype == "datetime64[s]"
    assert (rows.drop(columns="session").dtypes == np.float64).all()
    assert closes(rows) == {
        date(2024, 1, 2): 3.95,
        date(2024, 1, 3): 3.91,
        date(2024, 1, 4): 4.28,
        date(2024, 1, 5): -0.05,
        date(2024, 1, 8): 0.0,
    }
    assert rows.drop(columns=["session", "close"]).isna().all(axis=None)
    assert TreasurySource(None, 1).name == "treasury"


def test_both_bounds_belong_to_the_range(treasury: FakeTreasury) -> None:
    assert closes(ask(treasury, first=date(2024, 1, 2), last=date(2024, 1, 2))) == {date(2024, 1, 2): 3.95}


def test_a_range_is_one_request_a_calendar_year(treasury: FakeTreasury) -> None:
    rows = ask(treasury, first=date(2023, 12, 29), last=date(2024, 1, 2))
    assert closes(rows) == {date(2023, 12, 29): 3.88, date(2024, 1, 2): 3.95}
    assert treasury.requests == [
        "/resource-center/data-chart-center/interest-rates/pages/xml"
        f"?data=daily_treasury_yield_curve&field_tdr_date_value={year}"
        for year in (2023, 2024)
    ]


def test_a_year_is_asked_for_once_in_the_life_of_a_source(treasury: FakeTreasury) -> None:
    source = TreasurySource(treasury.url, 30)
    assert closes(fetch(source))[date(2024, 1, 3)] == 3.91
    assert closes(fetch(source, "BC_3YEAR")) == {date(2024, 1, 2): 4.09, date(2024, 1, 3): 4.07}
    assert len(treasury.requests) == 1
    treasury.serve("BC_10YEAR", {date(2024, 1, 3): 3.92})
    # The next load, which has a source of its own, sees the correction.
    assert closes(ask(treasury))[date(2024, 1, 3)] == 3.92


def test_a_failure_is_not_remembered(treasury: FakeTreasury) -> None:
    source = TreasurySource(treasury.url, 30)
    for fault, error in (
        (OUTAGE, SourceUnavailable),
        (PAGE, SourceUnavailable),
        (TRUNCATED, BadPayload),
        (rate_limited("3"), RateLimited),
    ):
        treasury.fail(fault)
        with pytest.raises(error):
            fetch(source)
    assert len(fetch(source)) == 2
    assert len(treasury.requests) == 5


def test_an_outage_lasts_until_it_is_over(treasury: FakeTreasury) -> None:
    treasury.fail_always(OUTAGE)
    for _ in range(3):
        with pytest.raises(SourceUnavailable):
            ask(treasury)
    treasury.fail_always(None)
    assert len(ask(treasury)) == 2


def test_a_null_is_no_bar(treasury: FakeTreasury) -> None:
    assert closes(ask(treasury, first=date(2024, 10, 7), last=date(2024, 10, 18))) == {}
    treasury.serve("BC_10YEAR", {date(2024, 10, 15): 4.03, date(2024, 10, 16): ""})
    assert closes(ask(treasury, first=date(2024, 10, 7), last=date(2024, 10, 18))) == {
        date(2024, 10, 15): 4.03
    }


def test_a_null_that_holds_a_number_is_a_null(treasury: FakeTreasury) -> None:
    treasury.fail(renamed('m:null="true" />', 'm:null="true">0</d:BC_10YEAR>'))
    assert len(ask(treasury, first=COLUMBUS_DAY, last=COLUMBUS_DAY)) == 0


def test_a_window_of_holidays_has_no_row(treasury: FakeTreasury) -> None:
    rows = ask(treasury, first=date(2024, 1, 13), last=date(2024, 1, 15))
    assert len(rows) == 0
    assert list(rows.columns) == list(SOURCE_COLUMNS)
    assert rows["session"].dtype == "datetime64[s]"


def test_a_year_begins_with_an_empty_feed(treasury: FakeTreasury) -> None:
    assert len(ask(treasury, first=date(2025, 1, 1), last=date(2025, 1, 1))) == 0
    assert closes(ask(treasury, first=date(2024, 1, 3), last=date(2025, 1, 1))) == {date(2024, 1, 3): 3.91}


def test_a_tenor_that_has_been_null_since_the_year_began_is_known(treasury: FakeTreasury) -> None:
    treasury.serve("BC_3YEAR", {date(2025, 1, 9): 4.3})
    treasury.serve("BC_10YEAR", {date(2025, 1, 9): None})
    assert len(ask(treasury, first=date(2025, 1, 1), last=date(2025, 1, 9))) == 0


@pytest.mark.parametrize("symbol", ["BC_11YEAR", "10YEAR", "NEW_DATE", "BC_30YEARDISPLAY", "bc_10year", ""])
def test_an_unknown_tenor_names_those_that_exist(treasury: FakeTreasury, symbol: str) -> None:
    with pytest.raises(UnknownSymbol) as raised:
        ask(treasury, symbol)
    assert str(raised.value) == (
        f"instruments.x: the source 'treasury' has no symbol {symbol!r}; allowed are BC_10YEAR, BC_3YEAR."
    )


def test_a_tenor_that_the_feed_calls_otherwise_is_unknown(treasury: FakeTreasury) -> None:
    treasury.fail(renamed("BC_10YEAR", "TC_10YEAR"))
    with pytest.raises(UnknownSymbol, match="allowed are BC_3YEAR"):
        ask(treasury)
    # That it was there in a year before is no answer for this one.
    treasury.fail(None, renamed("BC_10YEAR", "TC_10YEAR"))
    with pytest.raises(UnknownSymbol, match="allowed are BC_3YEAR"):
        ask(treasury, first=date(2023, 12, 1))


def test_a_tenor_that_began_later(treasury: FakeTreasury) -> None:
    with pytest.raises(NoDataForWindow) as raised:
        ask(treasury, "BC_1_5MONTH")
    assert str(raised.value) == (
        "instruments.x: the source 'treasury' has BC_1_5MONTH from 2025-02-18 on, and was asked for days up "
        "to 2024-01-31; begin later."
    )
    with pytest.raises(UnknownSymbol):
        ask(treasury, "BC_4MONTH")
    treasury.serve("BC_1_5MONTH", {date(2025, 2, 18): 4.35})
    assert closes(ask(treasury, "BC_1_5MONTH", last=date(2025, 12, 31))) == {date(2025, 2, 18): 4.35}


@pytest.mark.parametrize("text", ["N/A", "4,28", "4.28%", "nan", "inf", "4_28"])
def test_what_is_no_number_is_named(treasury: FakeTreasury, text: str) -> None:
    treasury.serve("BC_10YEAR", {date(2024, 1, 4): text})
    with pytest.raises(BadPayload) as raised:
        ask(treasury)
    assert str(raised.value) == (
        f"{treasury.url}/resource-center/data-chart-center/interest-rates/pages/xml: 2024-01-04: {text!r} "
        "cannot be read; allowed is a number."
    )
    # Neither another tenor nor another window suffers.
    assert len(ask(treasury, "BC_3YEAR")) == 2
    assert len(ask(treasury, last=date(2024, 1, 3))) == 2


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (TRUNCATED, "the feed of 2024 cannot be read"),
        (Fault(body=b""), "the feed of 2024 cannot be read"),
        (Fault(body=b"<?xml version='1.0' encoding='utf-99'?><feed/>"), "the feed of 2024 cannot be read"),
        (renamed("Atom", "Else"), "allowed is an Atom feed"),
        (renamed("NEW_DATE", "OLD_DATE"), "an entry of the feed of 2024 has no NEW_DATE"),
        (renamed("2024-01-02T00:00:00", "02.01.2024"), "'02.01.2024' cannot be read; allowed is a date"),
        (renamed("2024-01-02T00:00:00", "2024-01-02T19:00:00"), "cannot be read; allowed is a date"),
        (renamed("2024-01-02", "2023-01-02"), "2023-01-02 is in the feed of 2024"),
    ],
)
def test_a_feed_that_cannot_be_read(treasury: FakeTreasury, fault: Fault, sentence: str) -> None:
    treasury.fail(fault)
    with pytest.raises(BadPayload, match=sentence):
        ask(treasury)


def test_a_document_type_is_refused_before_its_entities_are_read(treasury: FakeTreasury) -> None:
    levels = "".join(f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, 10))
    bomb = f'<?xml version="1.0"?><!DOCTYPE bomb [<!ENTITY e0 "ha">{levels}]><feed>&e9;</feed>'
    treasury.fail(Fault(body=bomb.encode(), content_type="text/xml"))
    with pytest.raises(BadPayload, match="it declares the document type 'bomb'"):
        ask(treasury)
    harmless = b'<!DOCTYPE feed><feed xmlns="http://www.w3.org/2005/Atom"></feed>'
    treasury.fail(Fault(body=harmless, content_type="text/xml"))
    with pytest.raises(BadPayload, match="it declares the document type 'feed'"):
        ask(treasury)


@pytest.mark.parametrize("fault", [OUTAGE, PAGE, RESET, BROKEN_OFF, HANG, Fault(404, b"", "text/plain")])
def test_the_feed_cannot_be_reached(treasury: FakeTreasury, fault: Fault) -> None:
    treasury.fail(fault)
    with pytest.raises(SourceUnavailable):
        ask(treasury, timeout=0.15 if fault is HANG else 30)
    assert len(treasury.requests) == 1


def test_too_many_requests(treasury: FakeTreasury) -> None:
    treasury.fail(rate_limited("12"))
    with pytest.raises(RateLimited) as raised:
        ask(treasury)
    assert raised.value.retry_after == 12
