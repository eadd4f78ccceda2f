"""One request over HTTP: typed errors, and no key in any text."""

import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests

from stock_assets.errors import BadPayload, RateLimited, SourceError, SourceUnavailable
from stock_assets.market_data.http_requests import Answer, get, redact
from stock_assets_tests.fake_yield_sources import (
    BROKEN_OFF,
    ENDED_EARLY,
    HANG,
    OUTAGE,
    PAGE,
    RESET,
    STALL,
    TRICKLE,
    FakeProvider,
    Fault,
    Reply,
    rate_limited,
)

#: With characters that a URL must escape.
KEY = "s3cr3t key/+é"
AS_IN_A_PATH = "s3cr3t%20key%2F%2B%C3%A9"
PATIENT, IMPATIENT = 30.0, 0.15


class Echo(FakeProvider):
    """Says the same to everybody."""

    def reply(self, path: str, query: dict[str, str]) -> Reply:
        return Reply("0123456789" * 20, "text/plain")


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as server:
        yield server


def ask(echo: Echo, timeout: float = PATIENT, **further: tuple[int, ...]) -> Answer:
    return get(
        f"{echo.url}/a/{AS_IN_A_PATH}/b", {"api_key": KEY, "x": "1"}, timeout=timeout, secret=KEY, **further
    )


def assert_says_no_key(text: str) -> None:
    assert "s3cr3t" not in text


def test_an_answer(echo: Echo) -> None:
    answer = ask(echo)
    assert answer == Answer(f"{echo.url}/a/***/b", 200, b"0123456789" * 20)
    assert echo.requests == [f"/a/{AS_IN_A_PATH}/b?api_key=s3cr3t+key%2F%2B%C3%A9&x=1"]
    assert answer.text() == "0123456789" * 20
    assert "0123" not in repr(answer)


def test_one_call_is_one_request(echo: Echo) -> None:
    for fault in (OUTAGE, RESET, rate_limited("0"), BROKEN_OFF):
        echo.fail(fault)
        with pytest.raises(SourceUnavailable):
            ask(echo)
    assert len(echo.requests) == 4


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (rate_limited(), None),
        (rate_limited("7"), 7),
        (rate_limited("0"), 0),
        (rate_limited("1.5"), 1.5),
        (rate_limited("soon"), None),
        (rate_limited("-3"), None),
        (rate_limited("inf"), None),
        (rate_limited("nan"), None),
    ],
)
def test_a_rate_limit_says_how_long(echo: Echo, fault: Fault, seconds: float | None) -> None:
    echo.fail(fault)
    with pytest.raises(RateLimited) as raised:
        ask(echo)
    assert raised.value.retry_after == seconds
    wish = "" if seconds is None else f", and wants to be left alone for {seconds:g} seconds"
    assert str(raised.value) == (
        f"{echo.url}/a/***/b refuses so many requests (status 429){wish}; ask later."
    )


@pytest.mark.parametrize(
    ("at_the_source", "seconds"),
    [
        ("Tue, 02 Jan 2024 23:59:50 GMT", 30),
        ("Tue, 02 Jan 2024 23:59:50 -0000", 30),
        ("Wed, 03 Jan 2024 09:00:00 +0900", 20),
        ("Wed, 03 Jan 2024 00:00:21 GMT", 0),
        # Without a clock of its own ours is taken, by which the pause is over.
        ("noon", 0),
    ],
)
def test_a_rate_limit_may_end_at_a_date(echo: Echo, at_the_source: str, seconds: float) -> None:
    until = rate_limited("Wed, 03 Jan 2024 00:00:20 GMT")
    echo.fail(Fault(429, b"", "text/plain", (*until.headers, ("Date", at_the_source))))
    with pytest.raises(RateLimited) as raised:
        ask(echo)
    assert raised.value.retry_after == seconds


@pytest.mark.parametrize("status", [500, 502, 503, 599])
def test_a_failure_of_the_source(echo: Echo, status: int) -> None:
    echo.fail(Fault(status, b"Internal Server Error", "text/plain"))
    with pytest.raises(SourceUnavailable) as raised:
        ask(echo, expected=(404,))
    assert not isinstance(raised.value, RateLimited)
    assert str(raised.value) == f"{echo.url}/a/***/b has failed (status {status}); ask later."


@pytest.mark.parametrize("status", [204, 301, 302, 400, 403, 404])
def test_other_statuses_are_no_answer(echo: Echo, status: int) -> None:
    echo.fail(Fault(status, b"", "text/plain", (("Location", f"{echo.url}/elsewhere"),)))
    with pytest.raises(SourceUnavailable, match=rf"does not answer such requests \(status {status}\)"):
        ask(echo)
    assert len(echo.requests) == 1


def test_statuses_that_are_expected_are_answers(echo: Echo) -> None:
    echo.fail(Fault(400, b"{}", "text/plain"), Fault(404, b"<html>", "text/html"))
    assert ask(echo, expected=(400, 404)).json() == {}
    assert ask(echo, expected=(400, 404)).status == 404


@pytest.mark.parametrize(
    "fault",
    [
        PAGE,
        Fault(body=b"\xef\xbb\xbf \r\n<HTML>", content_type="text/xml"),
        Fault(body=b"<!doctype html>", content_type="application/json"),
        Fault(body=b"Access denied", content_type="TEXT/HTML"),
        Fault(status=400, body=b"<html>", content_type="text/html"),
    ],
)
def test_a_page_for_people_is_no_data(echo: Echo, fault: Fault) -> None:
    echo.fail(fault)
    with pytest.raises(SourceUnavailable, match="shows a page for people in place of data"):
        ask(echo, expected=(400,))


@pytest.mark.parametrize("fault", [HANG, STALL, TRICKLE])
def test_no_whole_answer_in_time(echo: Echo, fault: Fault) -> None:
    echo.fail(fault)
    with pytest.raises(SourceUnavailable) as raised:
        ask(echo, IMPATIENT)
    assert str(raised.value) == f"{echo.url}/a/***/b did not answer within 0.15 seconds; ask later."
    # Nobody has waited for the end.
    assert echo.trickled < 200


@pytest.mark.parametrize("fault", [RESET, BROKEN_OFF])
def test_a_connection_that_breaks(echo: Echo, fault: Fault) -> None:
    echo.fail(fault)
    with pytest.raises(SourceUnavailable, match=r"could not be reached, or broke off \(\w+\); check"):
        ask(echo)


def test_whether_the_end_of_an_answer_is_known(echo: Echo) -> None:
    assert ask(echo).end_marked
    chunks = b"5\r\n01234\r\n0\r\n\r\n"
    echo.fail(ENDED_EARLY, Fault(body=chunks, headers=(("Transfer-Encoding", "chunked"),)))
    ended_early, chunked = ask(echo), ask(echo)
    assert (ended_early.body, ended_early.end_marked) == (b"0123456789" * 10, False)
    assert (chunked.body, chunked.end_marked) == (b"01234", True)
    echo.fail(Fault(body=chunks[:-5], headers=(("Transfer-Encoding", "chunked"),)))
    with pytest.raises(SourceUnavailable, match="broke off"):
        ask(echo)


def test_nobody_there() -> None:
    with Echo() as echo:
        pass
    with pytest.raises(SourceUnavailable, match=r"could not be reached, or broke off \(ConnectionError\)"):
        ask(echo)


@pytest.mark.parametrize(
    "url", ["no-url", "ftp://x/y", "http://", "http://[::1", "http://a..b/", "http://x:y/"]
)
def test_what_is_no_url_is_not_reached(url: str) -> None:
    with pytest.raises(SourceUnavailable, match="could not be reached"):
        get(url, timeout=PATIENT)


def test_the_account_in_a_base_url_is_not_shown(echo: Echo) -> None:
    echo.fail(OUTAGE)
    with pytest.raises(SourceUnavailable) as raised:
        get(echo.url.replace("//", "//me:hidden@") + "/a", timeout=PATIENT)
    assert str(raised.value) == f"{echo.url}/a has failed (status 500); ask later."


def test_a_compressed_answer_that_is_none(echo: Echo) -> None:
    echo.fail(Fault(body=b"not gzip", headers=(("Content-Encoding", "gzip"),)))
    with pytest.raises(BadPayload, match="cannot be decompressed"):
        ask(echo)


def test_an_answer_without_an_end(echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stock_assets.market_data.http_requests._MOST_BYTES", 199)
    with pytest.raises(BadPayload, match="longer than 199 bytes"):
        ask(echo)
    monkeypatch.setattr("stock_assets.market_data.http_requests._MOST_BYTES", 200)
    assert len(ask(echo).body) == 200


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"a": [1, 2', "the answer is no JSON (Expecting"),
        (b"", "the answer is no JSON (Expecting value"),
        (b"[" * 100_000, "the answer is no JSON ("),
        ('{"a": "한"}'.encode("cp949"), "byte 7 of the answer is no UTF-8"),
    ],
)
def test_what_is_no_json(body: bytes, sentence: str) -> None:
    with pytest.raises(BadPayload) as raised:
        Answer("http://x", 200, body).json()
    assert str(raised.value).startswith(f"http://x: {sentence}")
    assert raised.value.__context__ is None


def test_a_byte_order_mark_is_no_part_of_a_text() -> None:
    assert Answer("http://x", 200, b"\xef\xbb\xbf[1]").json() == [1]


def test_a_secret_is_hidden_as_it_is_and_as_urls_write_it() -> None:
    assert redact(f"{KEY} {AS_IN_A_PATH} s3cr3t+key%2F%2B%C3%A9 x", KEY) == "*** *** *** x"
    assert redact("as it is", None) == "as it is"
    assert redact("as it is", "") == "as it is"


def every_text_of(error: BaseException) -> str:
    seen: list[str] = []
    while error is not None:
        seen += [str(error), repr(error), *traceback.format_exception(error)]
        error = error.__cause__ or error.__context__  # pyright: ignore[reportAssignmentType]
    return "".join(seen)


@pytest.mark.parametrize(
    "fault",
    [None, OUTAGE, rate_limited("7"), PAGE, HANG, STALL, TRICKLE, RESET, BROKEN_OFF, Fault(302), Fault(400)],
)
def test_no_key_in_errors_and_logs(echo: Echo, fault: Fault | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "urllib3")
    if fault is not None:
        # A header that cannot be read makes urllib3 warn, with the URL.
        echo.fail(replace(fault, headers=((" no header", "x"), *fault.headers)))
        with pytest.raises(SourceError) as raised:
            ask(echo, IMPATIENT)
        assert raised.value.__context__ is None
        assert_says_no_key(every_text_of(raised.value))
    else:
        ask(echo)
    assert_says_no_key(caplog.text)
    assert any(f"GET {echo.url}/a/***/b: " in message for message in caplog.messages)


def test_nobody_there_says_no_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Echo() as echo:
        pass
    with pytest.raises(SourceUnavailable) as raised:
        ask(echo)
    assert_says_no_key(every_text_of(raised.value) + caplog.text)


def test_other_requests_are_logged_as_ever(echo: Echo, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "urllib3")
    ask(echo)
    assert "HTTP/1" not in caplog.text
    requests.get(f"{echo.url}/other", timeout=PATIENT)
    assert "/other HTTP/1" in caplog.text
