"""The session below yfinance: where it goes, how long it waits, and what it does without cookie or crumb."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from curl_cffi.requests.exceptions import RequestException

from stock_assets.errors import SourceUnavailable, UnknownSymbol
from stock_assets.market_data.yahoo import YahooSource
from stock_assets.market_data.yahoo_session import YahooSession
from stock_assets_tests import fake_yahoo as fake
from stock_assets_tests.fake_yahoo import FakeYahoo, Fault
from stock_assets_tests.market_data import bars

MONDAY, TUESDAY = date(2024, 3, 4), date(2024, 3, 5)
CHART = "https://query2.finance.yahoo.com/v8/finance/chart/A"
CRUMB = "https://query1.finance.yahoo.com/v1/test/getcrumb"
#: Long enough for an answer on a busy machine, and for tests that wait for none.
PATIENT, IMPATIENT = 20.0, 0.2
CHARTED = ["fc.yahoo.com", "query1.finance.yahoo.com", "query2.finance.yahoo.com"]


@pytest.fixture(autouse=True)
def forgetful_yfinance() -> None:
    """Let no test depend on the cookie and the crumb of another one."""
    from yfinance.data import SingletonMeta

    SingletonMeta._instances.clear()


@pytest.fixture
def server() -> Iterator[FakeYahoo]:
    with FakeYahoo() as server:
        server.serve("A", timezone="UTC", currency="USD", bars=[(MONDAY, 1.0), (TUESDAY, 2.0)])
        yield server


def closes(source: YahooSource) -> list[float]:
    return source.fetch(bars.instrument(), "A", MONDAY, TUESDAY)["close"].tolist()


def hosts(server: FakeYahoo) -> list[str]:
    return [request.host for request in server.requests]


def test_all_hosts_are_the_one_of_the_url(server: FakeYahoo) -> None:
    assert closes(YahooSource(server.url, PATIENT)) == [1, 2]
    # yfinance asks for the cookie once more before it asks for the crumb.
    assert sorted(set(hosts(server))) == CHARTED
    (chart,) = server.charts()
    assert chart.query["crumb"] == fake.CRUMB
    assert chart.path == "/v8/finance/chart/A"


def test_a_url_may_have_a_path(server: FakeYahoo) -> None:
    session = YahooSession(f"{server.url}/yahoo", PATIENT)
    assert session.request("GET", CRUMB).text == fake.CRUMB
    assert server.requests[0].path == "/yahoo/v1/test/getcrumb"


def test_without_a_url_requests_go_to_yahoo() -> None:
    """Seen by a proxy, which lets nothing leave this machine."""
    with socket.create_server(("127.0.0.1", 0)) as proxy, ThreadPoolExecutor(1) as pool:

        def asked_for() -> bytes:
            connection, _ = proxy.accept()
            with connection:
                return connection.recv(1000).splitlines()[0]

        asked = pool.submit(asked_for)
        session = YahooSession(None, PATIENT)
        session.proxies = {"all": f"http://127.0.0.1:{proxy.getsockname()[1]}"}
        with pytest.raises(SourceUnavailable, match="no answer for 'A'"):
            session.request("GET", CHART)
        assert asked.result() == b"CONNECT query2.finance.yahoo.com:443 HTTP/1.1"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/v8/finance/chart/A",
        "https://yahoo.com.example.com/",
        "http://127.0.0.1:1/v1/test/getcrumb",
        "https://user@example.com:443/",
        "file:///etc/hostname",
    ],
)
def test_nobody_but_yahoo_is_asked(server: FakeYahoo, url: str) -> None:
    for base in (None, server.url):
        with pytest.raises(SourceUnavailable, match="which is not asked"):
            YahooSession(base, PATIENT).request("GET", url)
    assert server.requests == []


def test_a_chart_from_elsewhere_is_none(server: FakeYahoo) -> None:
    def elsewhere(answer: fake.Answer) -> None:
        answer.status = 302
        answer.headers["Location"] = server.url.replace("127.0.0.1", "localhost") + "/v8/finance/chart/A"

    server.fail("A", elsewhere)
    with pytest.raises(SourceUnavailable, match="leads from 'A' to 'localhost'"):
        closes(YahooSource(server.url, PATIENT))


def test_a_hang_ends_after_the_timeout(server: FakeYahoo) -> None:
    server.fail("A", fake.HANG)
    with pytest.raises(SourceUnavailable) as raised:
        closes(YahooSource(server.url, IMPATIENT))
    assert str(raised.value) == (
        "Yahoo gave no answer for 'A' within 0.2 seconds (Timeout); ask again later."
    )
    assert len(server.charts()) == 1
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_the_timeout_is_the_sessions_own(server: FakeYahoo) -> None:
    server.fail("A", fake.HANG)
    with pytest.raises(SourceUnavailable, match=r"within 0\.2 seconds"):
        YahooSession(server.url, IMPATIENT).request("GET", CHART, timeout=3600)
    server.fail(fake.CRUMB_REQUEST, fake.HANG)
    with pytest.raises(RequestException):
        YahooSession(server.url, IMPATIENT).get(CRUMB, timeout=None)


def test_a_connection_that_nobody_takes(server: FakeYahoo) -> None:
    with FakeYahoo() as gone:
        url = gone.url
    with pytest.raises(SourceUnavailable, match=r"no answer for 'A' .*\(ConnectionError\)"):
        closes(YahooSource(url, PATIENT))


def test_a_black_hole_for_cookies_costs_one_timeout_a_host(server: FakeYahoo) -> None:
    server.fail(fake.COOKIE, fake.HANG, lasting=True)
    server.fail(fake.CONSENT, fake.RESET, lasting=True)
    source = YahooSource(server.url, 1.0)
    for _ in range(4):
        assert closes(source) == [1, 2]
    asked = hosts(server)
    assert asked.count("fc.yahoo.com") == 1
    assert asked.count("guce.yahoo.com") == 1
    assert [chart.query.get("crumb") for chart in server.charts()] == [None] * 4


def test_a_host_that_kept_silent_is_asked_again_where_it_is_needed(server: FakeYahoo) -> None:
    for what in (fake.COOKIE, fake.CONSENT):
        server.fail(what, fake.RESET)
    source = YahooSource(server.url, PATIENT)
    assert closes(source) == [1, 2]
    server.fail("A", fake.UNAUTHORIZED)
    assert closes(source) == [1, 2]
    assert [chart.query.get("crumb") for chart in server.charts()] == [None, None, fake.CRUMB]


@pytest.mark.parametrize(
    "fault",
    [
        fake.ERROR,
        fake.HTML,
        fake.RESET,
        fake.rate_limited(),
        fake.rate_limited("60"),
        lambda answer: setattr(answer, "body", b""),
        lambda answer: setattr(answer, "body", b"Too Many Requests\r\n"),
        lambda answer: setattr(answer, "body", b'{"finance":{"error":"no"}}'),
        lambda answer: setattr(answer, "status", 401),
    ],
)
def test_without_a_crumb_the_chart_is_asked_for_all_the_same(server: FakeYahoo, fault: Fault) -> None:
    server.fail(fake.CRUMB_REQUEST, fault)
    source = YahooSource(server.url, PATIENT)
    assert closes(source) == [1, 2]
    assert "crumb" not in server.charts()[0].query


@pytest.mark.parametrize("fault", [fake.ERROR, fake.HTML, fake.rate_limited()])
def test_what_is_no_crumb_is_not_kept_as_one(server: FakeYahoo, fault: Fault) -> None:
    server.fail(fake.CRUMB_REQUEST, fault)
    source = YahooSource(server.url, PATIENT)
    for _ in range(2):
        assert closes(source) == [1, 2]
    assert [chart.query.get("crumb") for chart in server.charts()] == [None, fake.CRUMB]


def test_a_stale_crumb_is_replaced(server: FakeYahoo) -> None:
    server.fail("A", fake.UNAUTHORIZED)
    assert closes(YahooSource(server.url, PATIENT)) == [1, 2]
    assert len(server.charts()) == 2
    assert "consent.yahoo.com" in hosts(server)


def invalid_crumb(answer: fake.Answer) -> None:
    fake.UNAUTHORIZED(answer)
    answer.body = b'{"finance":{"result":null,"error":{"code":"Unauthorized","description":"Invalid Crumb"}}}'


@pytest.mark.parametrize("refusal", [fake.UNAUTHORIZED, invalid_crumb])
def test_who_stays_refused_is_told_so(server: FakeYahoo, refusal: Fault) -> None:
    source = YahooSource(server.url, PATIENT)
    server.fail("A", refusal, refusal, refusal)
    with pytest.raises(SourceUnavailable, match="HTTP status 401 and no chart"):
        closes(source)
    # The next request has its second chance too.
    assert closes(source) == [1, 2]


def test_a_consent_page_that_says_nothing(server: FakeYahoo) -> None:
    server.fail(fake.COOKIE, fake.RESET)
    server.fail(fake.CONSENT, fake.HTML)
    assert closes(YahooSource(server.url, PATIENT)) == [1, 2]


def test_a_consent_page_that_yfinance_cannot_read(server: FakeYahoo) -> None:
    def changed(answer: fake.Answer) -> None:
        answer.body = b'<form><input name="csrfToken" value="x"/></form>'

    server.fail(fake.COOKIE, fake.RESET)
    server.fail(fake.CONSENT, changed)
    source = YahooSource(server.url, PATIENT)
    with pytest.raises(SourceUnavailable) as raised:
        closes(source)
    assert str(raised.value) == "Yahoo gave no cookie to ask for 'A' with (TypeError); ask again later."
    assert closes(source) == [1, 2]


def test_a_cookie_without_its_heart_is_not_kept(server: FakeYahoo) -> None:
    def other(answer: fake.Answer) -> None:
        answer.headers["Set-Cookie"] = "A1=d=fake; Path=/"

    session = YahooSession(server.url, PATIENT)
    session.get("https://fc.yahoo.com")
    assert [cookie.name for cookie in session.cookies.jar] == ["A3"]
    server.fail(fake.COOKIE, other, other)
    session.get("https://fc.yahoo.com")
    assert sorted(cookie.name for cookie in session.cookies.jar) == ["A1", "A3"]
    session = YahooSession(server.url, PATIENT)
    session.get("https://fc.yahoo.com")
    assert list(session.cookies.jar) == []


def test_a_symbol_that_is_gone_costs_one_request(server: FakeYahoo) -> None:
    with pytest.raises(UnknownSymbol):
        YahooSource(server.url, PATIENT).fetch(bars.instrument(), "B", MONDAY, TUESDAY)
    assert len(server.charts()) == 1
    assert "guce.yahoo.com" not in hosts(server)


@pytest.mark.parametrize("agreed", [True, False])
def test_a_consent_page_in_place_of_a_chart_is_agreed_to(server: FakeYahoo, agreed: bool) -> None:
    """The server is the proxy through which all of Yahoo is reached."""
    chart = server.answer(
        fake.Request("GET", "", "/v8/finance/chart/A", {"period1": "0", "period2": "9999999999"})
    )

    def led_away(answer: fake.Answer) -> None:
        answer.status = 302
        answer.headers["Location"] = "http://consent.yahoo.com/v2/collectConsent"

    def page(answer: fake.Answer) -> None:
        answer.body = b'<form action="/v2/collectConsent"><input name="csrfToken" value="t"/></form>'

    def after(answer: fake.Answer) -> None:
        answer.body = chart.content() if agreed else answer.body

    source = YahooSource("http://query2.finance.yahoo.com", PATIENT)
    source._session.proxies = {"http": server.url}
    server.fail("A", led_away)
    server.fail(fake.CONSENT, page, after)
    if agreed:
        assert closes(source) == [1, 2]
    else:
        with pytest.raises(SourceUnavailable, match="HTTP status 200 and no chart"):
            closes(source)
    assert server.requests[-1].method == "POST"
