"""Bars from Yahoo: a real yfinance against a local server, with everything that Yahoo does wrong."""

import logging
import subprocess
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_assets.config.instruments import Instrument
from stock_assets.errors import (
    BadPayload,
    NoDataForWindow,
    RateLimited,
    SourceError,
    SourceUnavailable,
    UnknownSymbol,
)
from stock_assets.market_data.bars import SOURCE_COLUMNS
from stock_assets.market_data.yahoo import YahooSource
from stock_assets_tests import fake_yahoo as fake
from stock_assets_tests.fake_yahoo import FakeYahoo, Fault
from stock_assets_tests.market_data import bars

SEOUL, NEW_YORK = "Asia/Seoul", "America/New_York"
#: A week in which Yahoo has no holiday, and the one after it.
WEEK = tuple(date(2024, 3, day) for day in (4, 5, 6, 7, 8))
NEXT_WEEK = tuple(date(2024, 3, day) for day in (11, 12, 13, 14, 15))
CLOSES = (2674.27, 2649.4, 2641.49, 2647.62, 2680.35)


@pytest.fixture(autouse=True)
def forgetful_yfinance() -> None:
    """Let no test depend on the cookie and the crumb of another one."""
    from yfinance.data import SingletonMeta

    SingletonMeta._instances.clear()


@pytest.fixture
def server() -> Iterator[FakeYahoo]:
    with FakeYahoo() as server:
        server.serve(
            "^KS11", timezone=SEOUL, currency="KRW", bars=list(zip(WEEK, CLOSES, strict=True)), opens=time(9)
        )
        yield server


@pytest.fixture
def source(server: FakeYahoo) -> YahooSource:
    return YahooSource(server.url, 20.0)


def instrument(currency: str = "KRW", name: str = "kospi") -> Instrument:
    return bars.instrument(name=name).model_copy(update={"currency": currency})


def fetch(source: YahooSource, first: date = WEEK[0], last: date = WEEK[-1]) -> pd.DataFrame:
    return source.fetch(instrument(), "^KS11", first, last)


def dates(rows: pd.DataFrame) -> list[date]:
    return [stamp.date() for stamp in rows["session"]]


def test_bars_as_the_protocol_wants_them(server: FakeYahoo, source: YahooSource) -> None:
    server.serve(
        "^KS11",
        timezone=SEOUL,
        currency="KRW",
        bars=[
            {
                "session": WEEK[0],
                "open": 2.5,
                "high": 4,
                "low": 1.5,
                "close": 3,
                "volume": 385_600_123,
                "adj_close": 2.75,
            }
        ],
    )
    rows = fetch(source)
    assert list(rows.columns) == list(SOURCE_COLUMNS)
    assert rows["session"].dtype == "datetime64[s]"
    assert (rows.drop(columns="session").dtypes == np.float64).all()
    assert rows.iloc[0].tolist() == [pd.Timestamp(WEEK[0]), 2.5, 4, 1.5, 3, 385_600_123, 2.75, 0, 0]
    assert source.name == "yahoo"


def test_each_symbol_gets_its_own_closes(server: FakeYahoo, source: YahooSource) -> None:
    """The alphabetical order, in which yfinance answers for many at once, differs from the requests'."""
    wanted = {
        "^IXIC": ("USD", NEW_YORK),
        "^KS11": ("KRW", SEOUL),
        "^GDAXI": ("EUR", "Europe/Berlin"),
        "^N225": ("JPY", "Asia/Tokyo"),
        "^FTSE": ("GBP", "Europe/London"),
        "^BSESN": ("INR", "Asia/Kolkata"),
        "^BVSP": ("BRL", "America/Sao_Paulo"),
        "GC=F": ("USD", NEW_YORK),
    }
    assert sorted(wanted) != list(wanted)
    for number, (symbol, (currency, zone)) in enumerate(wanted.items(), start=1):
        closes = [(day, 1000.0 * number + day.day) for day in WEEK]
        server.serve(symbol, timezone=zone, currency=currency, bars=closes)
    for number, (symbol, (currency, _)) in enumerate(wanted.items(), start=1):
        rows = source.fetch(instrument(currency), symbol, WEEK[0], WEEK[-1])
        assert dates(rows) == list(WEEK)
        assert rows["close"].tolist() == [1000.0 * number + day.day for day in WEEK]
    assert [request.symbol for request in server.charts()] == list(wanted)


def test_a_range_is_one_request(server: FakeYahoo, source: YahooSource) -> None:
    days = [date(2010, 1, 4) + timedelta(days=offset) for offset in range(6000)]
    closes = [(day, 1 + number / 8) for number, day in enumerate(day for day in days if day.weekday() < 5)]
    server.serve("^KS11", timezone=SEOUL, currency="KRW", bars=closes)
    rows = fetch(source, closes[0][0], closes[-1][0])
    assert list(zip(dates(rows), rows["close"], strict=True)) == closes
    (request,) = server.charts()
    # Two weeks more at the beginning, a day more behind the last one.
    assert datetime.fromtimestamp(int(request.query["period1"]), UTC) == datetime(2009, 12, 21, tzinfo=UTC)
    last = datetime.combine(closes[-1][0], time(), UTC)
    assert datetime.fromtimestamp(int(request.query["period2"]), UTC) == last + timedelta(days=2)
    assert request.query["interval"] == "1d"
    assert {request.query["events"], request.query["includePrePost"]} == {"div,splits", "false"}


@pytest.mark.parametrize("first", [date.min, date(1900, 1, 1)])
def test_the_largest_range(source: YahooSource, first: date) -> None:
    assert dates(fetch(source, first, date.max)) == list(WEEK)


def test_one_day_amid_holidays_is_no_day(server: FakeYahoo, source: YahooSource) -> None:
    assert fetch(source, date(2024, 3, 9), date(2024, 3, 10)).empty
    assert dates(fetch(source, WEEK[2], WEEK[2])) == [WEEK[2]]
    (first, second) = server.charts()
    assert int(second.query["period2"]) - int(second.query["period1"]) == 16 * 86400
    assert int(first.query["period2"]) - int(first.query["period1"]) == 17 * 86400


@pytest.mark.parametrize(
    ("zone", "opens"),
    [
        (SEOUL, time(9)),
        ("Asia/Tokyo", time(9)),
        ("Asia/Kolkata", time(9, 15)),
        ("Asia/Shanghai", time(9, 30)),
        ("Pacific/Auckland", time(10)),
        ("Europe/London", time(8)),
        ("Europe/Berlin", time(9)),
        (NEW_YORK, time(9, 30)),
        # Futures and currencies, stamped with midnight.
        (NEW_YORK, time(0)),
        ("Europe/London", time(0)),
        ("UTC", time(0)),
    ],
)
@pytest.mark.parametrize(
    "monday",
    # The weeks around the changes of the clocks in the US and in Europe.
    [date(2024, 3, 4), date(2024, 3, 25), date(2024, 10, 21), date(2024, 10, 28), date(2026, 12, 28)],
)
def test_sessions_are_dates_of_the_exchange(
    server: FakeYahoo, source: YahooSource, zone: str, opens: time, monday: date
) -> None:
    # Sundays too: the clocks change on one.
    days = [monday + timedelta(days=offset) for offset in range(14)]
    closes = [(day, float(number)) for number, day in enumerate(days, start=1)]
    server.serve("^KS11", timezone=zone, currency="KRW", bars=closes, opens=opens)
    rows = fetch(source, days[1], days[-2])
    assert list(zip(dates(rows), rows["close"], strict=True)) == closes[1:-1]


@pytest.mark.parametrize("opens", [time(22), time(23)])
def test_a_midnight_that_yahoo_puts_before_midnight(
    server: FakeYahoo, source: YahooSource, opens: time
) -> None:
    """As it did for Brazil after the clocks stopped changing there."""
    evenings = [(day - timedelta(days=1), float(day.day)) for day in WEEK]
    server.serve("^KS11", timezone="America/Sao_Paulo", currency="KRW", bars=evenings, opens=opens)
    rows = fetch(source)
    assert list(zip(dates(rows), rows["close"], strict=True)) == [(day, float(day.day)) for day in WEEK]
    # A last trade at such an hour belongs to its own evening.
    last = datetime.combine(evenings[-1][0], opens).replace(tzinfo=None)
    stamp = int(pd.Timestamp(last).tz_localize("America/Sao_Paulo").timestamp())
    server.fail("^KS11", fake.with_meta(regularMarketTime=stamp))
    assert dates(fetch(source)) == [*WEEK[:-1], WEEK[-2]]


def test_dividends_and_splits_stand_at_their_ex_dates(server: FakeYahoo, source: YahooSource) -> None:
    closes = list(zip(WEEK, CLOSES, strict=True))
    server.serve(
        "^KS11",
        timezone=NEW_YORK,
        currency="KRW",
        bars=closes,
        dividends={WEEK[1]: 0.24, WEEK[3]: 1.5},
        splits={WEEK[3]: 4.0, WEEK[4]: 0.1},
        opens=time(9, 30),
    )
    rows = fetch(source)
    assert rows["close"].tolist() == list(CLOSES)
    assert rows["dividend"].tolist() == [0, 0.24, 0, 1.5, 0]
    assert rows["split"].tolist() == [0, 0, 0, 4, 0.1]
    # Asked for alone, a session has the same.
    assert fetch(source, WEEK[3], WEEK[3])[["dividend", "split"]].to_numpy().tolist() == [[1.5, 4]]


def test_a_dividend_whose_bar_is_missing_moves_nowhere(server: FakeYahoo, source: YahooSource) -> None:
    closes = list(zip(WEEK, CLOSES, strict=True))
    server.serve("^KS11", timezone=SEOUL, currency="KRW", bars=closes, dividends={WEEK[2]: 12.0})
    server.fail("^KS11", fake.missing_session(WEEK[2]))
    rows = fetch(source).sort_values("session")
    assert dates(rows) == list(WEEK)
    assert rows["dividend"].tolist() == [0, 0, 12, 0, 0]
    assert rows.iloc[2][["open", "high", "low", "close", "volume", "adj_close"]].isna().all()


def test_two_dividends_of_a_day_are_both_paid(server: FakeYahoo, source: YahooSource) -> None:
    def paid_twice(answer: fake.Answer) -> None:
        stamp = answer.result["timestamp"][0]
        answer.result["events"] = {
            "dividends": {
                "1": {"amount": 1.25, "date": stamp, "currency": "KRW"},
                "2": {"amount": 2.0, "date": stamp + 60, "currency": ""},
            },
            "splits": {
                "1": {"date": stamp, "numerator": 3, "denominator": 2},
                "2": {"date": stamp + 60, "numerator": 2, "denominator": 1},
            },
        }

    server.fail("^KS11", paid_twice)
    rows = fetch(source)
    assert rows["dividend"].tolist() == [3.25, 0, 0, 0, 0]
    assert rows["split"].tolist() == [3, 0, 0, 0, 0]


def test_null_prices_are_absent_and_the_volume_stays(server: FakeYahoo, source: YahooSource) -> None:
    server.fail("^KS11", fake.NULL_LAST)
    rows = fetch(source)
    assert dates(rows) == list(WEEK)
    assert rows["close"].tolist()[:-1] == list(CLOSES[:-1])
    last = rows.iloc[-1]
    assert last[["open", "high", "low", "close", "adj_close"]].isna().all()
    assert last["volume"] == 1_000_000


def test_a_null_volume_is_absent_and_no_zero(server: FakeYahoo, source: YahooSource) -> None:
    volumes = zip(WEEK[:3], (0, np.nan, 7), strict=True)
    rows = [{"session": day, "close": 3.0, "volume": volume} for day, volume in volumes]
    server.serve("^KS11", timezone=SEOUL, currency="KRW", bars=rows)
    volume = fetch(source)["volume"].tolist()
    assert [volume[0], volume[2]] == [0, 7]
    assert np.isnan(volume[1])


def test_a_missing_session_is_missing(server: FakeYahoo, source: YahooSource) -> None:
    server.fail("^KS11", fake.missing_session(WEEK[2]))
    rows = fetch(source)
    assert dates(rows) == [*WEEK[:2], *WEEK[3:]]
    assert rows["close"].tolist() == [*CLOSES[:2], *CLOSES[3:]]


def test_two_bars_of_a_session_stay_two(server: FakeYahoo, source: YahooSource) -> None:
    server.fail("^KS11", fake.DUPLICATE_LAST)
    rows = fetch(source)
    assert dates(rows) == [*WEEK, WEEK[-1]]
    assert rows["close"].tolist() == [*CLOSES, CLOSES[-1]]
    assert rows["volume"].tolist()[-2:] == [0, 1]


def test_a_row_behind_the_end_is_not_asked_for(server: FakeYahoo, source: YahooSource) -> None:
    server.fail("^KS11", fake.ROW_AFTER_END, fake.ROW_AFTER_END)
    assert dates(fetch(source)) == list(WEEK)
    rows = fetch(source, WEEK[1], WEEK[3])
    assert dates(rows) == list(WEEK[1:4])
    assert rows.index.tolist() == [0, 1, 2]


def test_a_restatement_is_told_as_it_is(server: FakeYahoo, source: YahooSource) -> None:
    assert fetch(source)["close"].tolist() == list(CLOSES)
    halved = [(day, close / 2) for day, close in zip(WEEK, CLOSES, strict=True)]
    bars_after = [*halved, (NEXT_WEEK[0], 1350.0)]
    server.serve("^KS11", timezone=SEOUL, currency="KRW", bars=bars_after, splits={NEXT_WEEK[0]: 2.0})
    rows = fetch(source, WEEK[0], NEXT_WEEK[0])
    assert rows["close"].tolist() == [*(close / 2 for close in CLOSES), 1350]
    assert rows["split"].tolist() == [0, 0, 0, 0, 0, 2]


def _change(path: str, value: object, status: int = 200) -> Fault:
    """Replace or remove something of the chart, by its path."""

    def fault(answer: fake.Answer) -> None:
        answer.status = status
        *parents, name = [int(part) if part.isdigit() else part for part in path.split(".")]
        place: Any = answer.payload
        for parent in parents:
            place = place[parent]
        if value is ...:
            del place[name]
        else:
            place[name] = value

    return fault


_RESULT = "chart.result.0"
_QUOTE = f"{_RESULT}.indicators.quote.0"


@pytest.mark.parametrize("outage", [fake.ERROR, fake.HTML, fake.RESET, fake.TRUNCATED, fake.EMPTY])
def test_an_outage_does_not_stick(server: FakeYahoo, source: YahooSource, outage: Fault) -> None:
    server.fail("^KS11", outage, fake.OK)
    with pytest.raises(SourceError):
        fetch(source)
    assert fetch(source)["close"].tolist() == list(CLOSES)
    assert len(server.charts()) == 2


@pytest.mark.parametrize(
    ("fault", "error", "sentence"),
    [
        (
            fake.ERROR,
            SourceUnavailable,
            "Yahoo answers '^KS11' with HTTP status 500 and no chart; ask again later.",
        ),
        (
            fake.HTML,
            SourceUnavailable,
            "Yahoo answers '^KS11' with HTTP status 200 and no chart; ask again later.",
        ),
        (
            fake.UNKNOWN,
            UnknownSymbol,
            "Yahoo says of '^KS11': 'No data found, symbol may be delisted' (Not Found, HTTP status 404); "
            "correct the symbol in universe.yaml.",
        ),
        (
            fake.NO_DATA,
            NoDataForWindow,
            "Yahoo says of '^KS11': \"Data doesn't exist for startDate = 1, endDate = 2\" (Bad Request, HTTP "
            "status 400); ask for other sessions.",
        ),
        (
            fake.EMPTY,
            NoDataForWindow,
            "instruments.kospi: Yahoo has no session of '^KS11' in this window; ask for other sessions.",
        ),
        (
            fake.wrong_symbol("^KQ11"),
            BadPayload,
            "instruments.kospi: Yahoo was asked for '^KS11' and answers with '^KQ11'; correct the symbol in "
            "universe.yaml if it was renamed.",
        ),
        (
            fake.with_meta(currency="USD"),
            BadPayload,
            "instruments.kospi: Yahoo gives '^KS11' in USD, and universe.yaml says KRW; choose a symbol in "
            "KRW, or correct the currency.",
        ),
        (
            _change("chart", {"result": None, "error": {"code": "internal-error", "description": "x"}}, 500),
            SourceUnavailable,
            "Yahoo answers '^KS11' with HTTP status 500 and no chart; ask again later.",
        ),
        (
            _change(f"{_QUOTE}.close", [1.0] * 4),
            BadPayload,
            "instruments.kospi: Yahoo's chart of '^KS11' cannot be read as bars: ValueError: close holds 4 "
            "values for 5 sessions; see whether Yahoo has changed its service.",
        ),
        (
            _change(f"{_RESULT}.events", {"dividends": {"1": {"amount": None, "date": 1709510400}}}),
            BadPayload,
            "dividends hold one without an amount",
        ),
        (fake.with_meta(currency="KRw"), BadPayload, "instruments.kospi: Yahoo gives '^KS11' in KRw"),
        (
            fake.with_meta(exchangeTimezoneName="Asia/Soul"),
            BadPayload,
            "instruments.kospi: Yahoo's chart of '^KS11' cannot be read as bars: ",
        ),
        (fake.with_meta(exchangeTimezoneName=None), BadPayload, "KeyError: 'exchangeTimezoneName'"),
        (fake.with_meta(symbol=None), BadPayload, "KeyError: 'symbol'"),
        (fake.TRUNCATED, BadPayload, "Yahoo's answer for '^KS11' (HTTP status 200, "),
    ],
)
def test_what_yahoo_refuses_has_a_type_and_a_sentence(
    server: FakeYahoo, source: YahooSource, fault: Fault, error: type[SourceError], sentence: str
) -> None:
    server.fail("^KS11", fault)
    with pytest.raises(SourceError) as raised:
        fetch(source)
    assert type(raised.value) is error
    assert sentence in str(raised.value)
    assert len(server.charts()) == 1


def test_a_symbol_that_is_not_served(server: FakeYahoo, source: YahooSource) -> None:
    with pytest.raises(UnknownSymbol):
        source.fetch(instrument(), "NO/SUCH?x=1#", WEEK[0], WEEK[-1])
    (request,) = server.charts()
    assert request.symbol == "NO/SUCH?x=1#"


def test_a_symbol_in_small_letters_is_the_same(source: YahooSource) -> None:
    assert dates(source.fetch(instrument(), "^ks11", WEEK[0], WEEK[-1])) == list(WEEK)


@pytest.mark.parametrize("currency", ["", None])
def test_an_index_without_a_currency(server: FakeYahoo, source: YahooSource, currency: str | None) -> None:
    server.fail("^KS11", fake.with_meta(currency=currency))
    assert dates(fetch(source)) == list(WEEK)


def test_rate_limits_say_for_how_long(server: FakeYahoo, source: YahooSource) -> None:
    def refused() -> float | None:
        with pytest.raises(RateLimited) as raised:
            fetch(source)
        return raised.value.retry_after

    moment = format_datetime(datetime.now(UTC) + timedelta(hours=3), usegmt=True)
    past = "Fri, 01 Mar 2024 00:00:00 -0000"
    headers = (None, "90", moment, past, "soon")
    server.fail("^KS11", *(fake.rate_limited(header) for header in headers))
    assert refused() is None
    assert refused() == 90
    assert refused() == pytest.approx(3 * 3600, abs=600)
    assert refused() == 0
    assert refused() is None
    assert len(server.charts()) == len(headers)
    assert dates(fetch(source)) == list(WEEK)


@pytest.mark.parametrize(
    "fault",
    [
        _change("chart", ...),
        _change("chart", None),
        _change("chart", []),
        _change("chart.result", None),
        _change("chart.result", []),
        lambda answer: answer.payload["chart"]["result"].append(answer.result),
        _change("chart.result", [None]),
        _change("chart.result", ["chart"]),
        _change("chart.error", "no"),
        _change("chart.error", {"code": "Internal", "description": "no"}),
        _change(f"{_RESULT}.meta", ...),
        _change(f"{_RESULT}.meta", None),
        _change(f"{_RESULT}.timestamp", [1]),
        _change(f"{_RESULT}.timestamp", "12345"),
        _change(f"{_RESULT}.timestamp.2", None),
        _change(f"{_RESULT}.timestamp.2", "1709510400"),
        _change(f"{_RESULT}.timestamp.2", 1e9),
        _change(f"{_RESULT}.timestamp.2", 10**17),
        _change(f"{_RESULT}.timestamp.2", 10**30),
        _change(f"{_RESULT}.indicators", ...),
        _change(f"{_RESULT}.indicators.quote", []),
        _change(f"{_QUOTE}.close", ...),
        _change(f"{_QUOTE}.close", None),
        _change(f"{_QUOTE}.close", [1.0] * 4),
        _change(f"{_QUOTE}.close", 5),
        _change(f"{_QUOTE}.close.1", "2649.4"),
        _change(f"{_QUOTE}.close.1", True),
        _change(f"{_QUOTE}.volume.1", [1]),
        _change(f"{_QUOTE}.high", [1.0] * 6),
        _change(f"{_RESULT}.indicators.adjclose", [{"adjclose": [1.0]}]),
        _change(f"{_RESULT}.events", {"dividends": {"1": {"amount": 1}}}),
        _change(f"{_RESULT}.events", {"dividends": {"1": {"amount": "1", "date": 1709510400}}}),
        _change(
            f"{_RESULT}.events", {"dividends": {"1": {"amount": 1, "date": 1709510400, "currency": "USD"}}}
        ),
        _change(
            f"{_RESULT}.events", {"splits": {"1": {"date": 1709510400, "numerator": 2, "denominator": 0}}}
        ),
    ],
)
def test_what_is_no_chart_is_a_bad_payload(server: FakeYahoo, source: YahooSource, fault: Fault) -> None:
    server.fail("^KS11", fault)
    with pytest.raises(BadPayload) as raised:
        fetch(source)
    assert "'^KS11'" in str(raised.value)


@pytest.mark.parametrize("name", ["open", "high", "low", "volume"])
def test_a_series_that_yahoo_does_not_have(server: FakeYahoo, source: YahooSource, name: str) -> None:
    server.fail("^KS11", _change(f"{_QUOTE}.{name}", ...))
    rows = fetch(source)
    assert rows[name].isna().all()
    assert rows["close"].tolist() == list(CLOSES)


def test_adjusted_closes_that_yahoo_does_not_have(server: FakeYahoo, source: YahooSource) -> None:
    server.fail("^KS11", _change(f"{_RESULT}.indicators.adjclose", ...))
    assert fetch(source)["adj_close"].isna().all()


_SERVED = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.none() | st.floats(1e-3, 1e6),
        st.none() | st.integers(0, 10**12),
    ),
    unique_by=lambda bar: bar[0],
)


@given(served=_SERVED, first=st.integers(-30, 430), length=st.integers(0, 400))
def test_whatever_is_served_inside_the_window_arrives(
    whatever: tuple[FakeYahoo, YahooSource], served: list, first: int, length: int
) -> None:
    server, source = whatever
    start = date(2023, 6, 1)
    rows = [
        {"session": start + timedelta(days=day), "close": close, "volume": volume}
        for day, close, volume in served
    ]
    columns = ["session", "close", "volume"]
    frame = pd.DataFrame(rows, columns=columns).astype({"close": "float64", "volume": "float64"})
    server.serve("^KS11", timezone=NEW_YORK, currency="KRW", bars=frame, opens=time(9, 30))
    lower, upper = start + timedelta(days=first), start + timedelta(days=first + length)
    wanted = frame[[lower <= day <= upper for day in frame["session"]]].reset_index(drop=True)
    try:
        fetched = fetch(source, lower, upper)
    except NoDataForWindow:
        assert wanted.empty
        return
    assert dates(fetched) == wanted["session"].tolist()
    assert fetched.index.equals(wanted.index)
    for name in ("close", "volume"):
        assert np.array_equal(fetched[name], wanted[name], equal_nan=True)


@pytest.fixture(scope="module")
def whatever() -> Iterator[tuple[FakeYahoo, YahooSource]]:
    with FakeYahoo() as server:
        yield server, YahooSource(server.url, 20.0)


def test_crumbs_appear_nowhere(
    server: FakeYahoo, source: YahooSource, caplog: pytest.LogCaptureFixture
) -> None:
    faults = (
        fake.ERROR,
        fake.HTML,
        fake.RESET,
        fake.TRUNCATED,
        fake.UNKNOWN,
        fake.rate_limited(),
        fake.wrong_symbol("X"),
        fake.UNAUTHORIZED,
    )
    server.fail("^KS11", *faults, fake.UNAUTHORIZED)
    said = []
    with caplog.at_level(logging.DEBUG):
        for _ in faults:
            try:
                fetch(source)
            except SourceError as error:
                said.append("".join(traceback.format_exception(error)))
        fetch(source)
    assert len(said) == len(faults)
    assert fake.CRUMB in {request.query.get("crumb") for request in server.charts()}
    assert fake.CRUMB not in "".join(said) + caplog.text
    assert [record for record in caplog.records if record.name.startswith("yfinance")] == []


def test_files_of_yfinance_are_private(source: YahooSource) -> None:
    fetch(source)
    from yfinance import cache

    managers = (cache._TzDBManager, cache._CookieDBManager, cache._ISINDBManager)
    (folder,) = {Path(manager.get_location()) for manager in managers}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert Path.home() not in folder.parents


def test_definitions_load_without_yfinance_and_files_end_with_the_process(tmp_path: Path) -> None:
    code = (
        "import sys, warnings; filters = list(warnings.filters)\n"
        "from stock_assets.market_data.yahoo import YahooSource, _yfinance_data\n"
        "YahooSource(None, 1.0)\n"
        "assert not {'yfinance', 'curl_cffi'} & set(sys.modules)\n"
        "_yfinance_data(); import yfinance, tempfile, os\n"
        "assert not [one for one in warnings.filters if 'yfinance' in str(one)]\n"
        "print(*os.listdir(tempfile.gettempdir()))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""
    assert ended.stdout.startswith("yfinance-")
    assert list(tmp_path.iterdir()) == []
