"""Reading feeds over real HTTP: what they hold, and one sentence without a URL for each way to fail."""

import gzip
import socket

import pytest

from stock_assets.config.headlines import HeadlineSettings
from stock_assets.config.instruments import Instrument
from stock_assets.errors import FeedError
from stock_assets.headlines.download import Limits
from stock_assets.headlines.feeds import FeedAddress, feed_addresses, read_feed
from stock_assets_tests.fake_feeds import HTML, RSS, FakeFeeds, Page, rss

#: Nothing waits that long, except what the server lets hang.
PATIENT = Limits(timeout=30, deadline=60)
HASTY = Limits(timeout=0.2, deadline=30)
LINK = "https://news.example/1"
SECRET = "key=s3cret"


def instrument(name: str, title: str, symbol: str) -> Instrument:
    sources = [{"source": "yahoo", "symbol": symbol}, {"source": "csv", "symbol": "other"}]
    values = {"id": name, "name": title, "exchange": "XKRX", "currency": "KRW", "return_kind": "price"}
    return Instrument.model_validate({**values, "sources": sources})


INSTRUMENTS = (instrument("kospi", "코스피 & co/7%", "^KS11"), instrument("samsung", "Samsung", "005930.KS"))


def addresses(*feeds: dict[str, object]) -> list[tuple[str, str | None, str]]:
    settings = HeadlineSettings.model_validate({"feeds": feeds})
    return [(one.feed, one.instrument, one.url) for one in feed_addresses(settings, INSTRUMENTS)]


def failure(url: str, limits: Limits = PATIENT, name: str | None = "kospi") -> str:
    """What is said of a feed that fails, behind its name, and nothing of its URL."""
    with pytest.raises(FeedError) as raised:
        read_feed(FeedAddress("press", name, f"{url}?{SECRET}"), limits)
    said = str(raised.value)
    assert SECRET not in said and "127.0.0.1" not in said
    assert raised.value.__cause__ is None and raised.value.__suppress_context__
    start = "The feed press of kospi gave no headlines: " if name else "The feed press gave no headlines: "
    assert said.startswith(start) and said.endswith(".") and said.count("\n") == 0
    return said.removeprefix(start)


def test_a_template_has_a_feed_an_instrument_with_everything_quoted() -> None:
    url = "http://f.example/{id}?q={name}&s={symbol}&hl=ko"
    quoted = "%EC%BD%94%EC%8A%A4%ED%94%BC%20%26%20co%2F7%25"
    assert addresses({"name": "news", "url": url}) == [
        ("news", "kospi", f"http://f.example/kospi?q={quoted}&s=%5EKS11&hl=ko"),
        ("news", "samsung", "http://f.example/samsung?q=Samsung&s=005930.KS&hl=ko"),
    ]
    assert [one[1] for one in addresses({"name": "news", "url": url, "instruments": ["samsung"]})] == [
        "samsung"
    ]


def test_a_feed_without_a_place_is_one_of_its_instrument_or_of_none() -> None:
    url = "http://f.example/markets%7Bid%7D.xml"
    assert addresses({"name": "a", "url": url}, {"name": "b", "url": url, "instruments": ["samsung"]}) == [
        ("a", None, url),
        ("b", "samsung", url),
    ]


def test_a_feed_is_asked_for_what_its_address_says(feeds: FakeFeeds) -> None:
    feeds.serve("/rss/search", rss([("코스피 상승", LINK)]))
    template = feeds.url("/rss/search?q={name}&hl=ko")
    (address, _) = feed_addresses(
        HeadlineSettings.model_validate({"feeds": [{"name": "n", "url": template}]}), INSTRUMENTS
    )
    assert [item.title for item in read_feed(address, PATIENT)] == ["코스피 상승"]
    assert feeds.asked == ["/rss/search?q=%EC%BD%94%EC%8A%A4%ED%94%BC%20%26%20co%2F7%25&hl=ko"]


def test_no_repr_shows_an_address() -> None:
    assert SECRET not in repr(FeedAddress("press", None, f"http://f.example/?{SECRET}"))


def test_redirects_are_followed_and_relative_links_start_at_their_end(feeds: FakeFeeds) -> None:
    feeds.serve("/new/feed.xml", rss([("moved", "article/1")]))
    url = feeds.misbehave("/old", Page(status=301, location=feeds.url("/new/feed.xml")))
    (item,) = read_feed(FeedAddress("press", None, url), PATIENT)
    assert item.link == feeds.url("/new/article/1")


def test_redirects_have_an_end(feeds: FakeFeeds) -> None:
    url = feeds.misbehave("/loop", Page(status=302, location=feeds.url("/loop")))
    assert failure(url) == "the server redirected more than 5 times."
    assert len(feeds.asked) == 6


def test_a_redirect_to_something_else_than_a_server_is_refused(feeds: FakeFeeds) -> None:
    url = feeds.misbehave("/file", Page(status=302, location="file:///etc/passwd"))
    assert failure(url) == "its address cannot be asked (InvalidSchema)."


@pytest.mark.parametrize("status", [204, 304, 403, 404, 429, 500, 503])
def test_every_status_but_200_is_a_failure(feeds: FakeFeeds, status: int) -> None:
    # With a body that would do: what comes with an error is not the feed.
    body = b"" if status in (204, 304) else rss([("title", LINK)])
    url = feeds.misbehave("/feed", Page(body, status=status))
    assert failure(url) == f"the server answered with the status {status}."


def test_a_page_of_html_is_a_failure(feeds: FakeFeeds) -> None:
    body = "<!doctype html><html><body><p>동의해 주세요</p></body></html>".encode()
    said = failure(feeds.serve("/feed", body, HTML), name=None)
    assert (
        said
        == f"the answer is no RSS or Atom feed but a document of {len(body)} bytes of the type text/html."
    )


def test_an_empty_feed_is_a_failure(feeds: FakeFeeds) -> None:
    assert failure(feeds.serve("/feed", rss([]))) == "the feed has no items."


def test_an_answer_that_is_cut_off_is_a_failure(feeds: FakeFeeds) -> None:
    """Its last title may be half a title."""
    body = rss([("whole", LINK), ("half a title", LINK)])
    page = Page(body[:-60], length=len(body))
    assert failure(feeds.misbehave("/feed", page)) == "the answer broke off or was damaged."


def test_a_server_that_is_silent_is_left_after_the_timeout(feeds: FakeFeeds) -> None:
    url = feeds.misbehave("/feed", Page(stuck="head"))
    assert failure(url, HASTY) == "the server was silent for 0.2 s."
    url = feeds.misbehave("/feed", Page(rss([("x", LINK)]), length=10_000, stuck="body"))
    assert failure(url, HASTY) == "the server could not be reached, fell silent or closed the connection."


def test_nothing_lasts_longer_than_the_deadline(feeds: FakeFeeds) -> None:
    url = feeds.misbehave("/feed", Page(stuck="head"))
    assert failure(url, Limits(timeout=60, deadline=0.2)) == "there was no complete answer within 0.2 s."


def test_a_huge_answer_is_not_read_to_its_end(feeds: FakeFeeds) -> None:
    page = Page(b" " * 65_536, length=1 << 40, repeat=1 << 20)
    assert failure(feeds.misbehave("/feed", page), Limits(max_bytes=200_000)) == (
        "the answer is longer than 200000 bytes."
    )


def test_size_is_that_of_the_unpacked_answer(feeds: FakeFeeds) -> None:
    packed = gzip.compress(rss([("x", LINK)]) + b" " * 1_000_000)
    assert len(packed) < 10_000
    url = feeds.misbehave("/feed", Page(packed, encoding="gzip"))
    assert failure(url, Limits(max_bytes=200_000)) == "the answer is longer than 200000 bytes."
    assert len(read_feed(FeedAddress("press", None, url), PATIENT)) == 1
    feeds.misbehave("/feed", Page(b"not packed", encoding="gzip"))
    assert failure(url) == "the answer broke off or was damaged."


def test_exactly_as_long_as_allowed_is_allowed(feeds: FakeFeeds) -> None:
    body = rss([("x", LINK)])
    address = FeedAddress("press", None, feeds.serve("/feed", body))
    assert len(read_feed(address, Limits(max_bytes=len(body)))) == 1
    with pytest.raises(FeedError, match="longer than"):
        read_feed(address, Limits(max_bytes=len(body) - 1))


def test_nobody_there_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert failure(f"http://127.0.0.1:{port}/feed") == (
        "the server could not be reached, fell silent or closed the connection."
    )


def test_a_server_without_a_certificate_is_a_failure(feeds: FakeFeeds) -> None:
    url = feeds.serve("/feed", rss([("x", LINK)])).replace("http://", "https://")
    assert failure(url) == "the server's certificate was refused."


def test_an_address_that_no_server_can_have_is_a_failure() -> None:
    assert failure("http://[::1/feed").startswith("its address cannot be asked (")


def test_parts_that_are_not_what_they_say_are_read(feeds: FakeFeeds) -> None:
    url = feeds.serve("/feed", rss([("x", LINK)]), "text/html")
    assert len(read_feed(FeedAddress("press", None, url), PATIENT)) == 1
    assert (
        len(read_feed(FeedAddress("press", None, feeds.serve("/feed", rss([("x", LINK)]), None)), PATIENT))
        == 1
    )


def test_the_feed_says_its_kind(feeds: FakeFeeds) -> None:
    body = rss([("요금", LINK)]).decode().replace(' encoding="UTF-8"', "").encode("cp949")
    url = feeds.serve("/feed", body, RSS.replace("utf-8", "cp949"))
    assert [item.title for item in read_feed(FeedAddress("press", None, url), PATIENT)] == ["요금"]
