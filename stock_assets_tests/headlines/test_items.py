"""What is left of an item: plain text, a link that leads somewhere, a date if there is one, an identity."""

import json
import unicodedata
from datetime import datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_assets.errors import FeedError
from stock_assets.headlines.items import (
    MAX_LINK,
    MAX_TITLE,
    Item,
    item_hash,
    parse_items,
    plain_link,
    plain_title,
)
from stock_assets_tests.fake_feeds import ATOM, PUBLISHED, RSS, atom, rss

LINK = "https://news.example/1"
KOREAN = "코스피, 사상 최고치 “7,000” 돌파"


def titles(content: bytes, kind: str = RSS) -> list[str]:
    return [item.title for item in parse_items(content, {"content-type": kind})]


@pytest.mark.parametrize(("document", "kind"), [(rss, RSS), (atom, ATOM)])
def test_both_formats_give_the_same_items(document, kind: str) -> None:
    entries = [(KOREAN, LINK), ("KOSPI &amp; KOSDAQ", "http://news.example/2?a=1&b=2")]
    assert parse_items(document(entries), {"content-type": kind}) == (
        Item(KOREAN, LINK, PUBLISHED),
        Item("KOSPI & KOSDAQ", "http://news.example/2?a=1&b=2", PUBLISHED),
    )


def test_a_feed_in_another_encoding() -> None:
    document = rss([("한국은행 기준금리 동결", LINK)]).decode().replace("UTF-8", "EUC-KR").encode("euc-kr")
    assert titles(document, "application/xml") == ["한국은행 기준금리 동결"]


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("Samsung &amp; SK", "Samsung & SK"),
        ("<b>KOSPI</b> up<br/>today", "KOSPI up today"),
        ("KOS<i>PI</i>", "KOSPI"),
        ("a<script>alert('x')</script>b<!-- c -->d", "a b d"),
        # What is never closed, once or so often that looking for its end again and again would take hours.
        ("a<script>alert('x') b", "a"),
        pytest.param("a" + "<!-- b " * 300_000, "a", id="comments"),
        pytest.param("a" + "<style b " * 300_000, "a", id="styles"),
        ("<img src='http://tracker/1.gif'>rates", "rates"),
        ("5 < 6 > 4 & 3", "5 < 6 > 4 & 3"),
        ("  two\n\tlines and more  ", "two lines and more"),
        ("bell\x07 nul\x00 half \ud83d pair", "bell nul half pair"),
        ("&#8220;quoted&#8221; &hellip;", "“quoted” …"),
        (unicodedata.normalize("NFD", "금리"), "금리"),
        ("👨‍👩‍👧 family", "👨‍👩‍👧 family"),
    ],
)
def test_titles_are_plain_text(raw: str, plain: str) -> None:
    assert plain_title(raw) == plain


def test_a_long_title_is_cut_where_the_column_ends() -> None:
    assert plain_title("가" * MAX_TITLE) == "가" * MAX_TITLE
    assert plain_title("가" * (MAX_TITLE + 1)) == "가" * (MAX_TITLE - 1) + "…"


@given(st.text(alphabet=st.characters(), max_size=700))
def test_any_title_can_be_stored(raw: str) -> None:
    title = plain_title(raw)
    assert len(title) <= MAX_TITLE
    assert title == " ".join(title.split())
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in title)
    title.encode("utf-8")


@pytest.mark.parametrize(
    ("raw", "base", "link"),
    [
        (" https://a.example/x\n", "", "https://a.example/x"),
        ("https://a.example/two words", "", "https://a.example/two%20words"),
        ("/article/1", "https://b.example/rss/kospi.xml", "https://b.example/article/1"),
        ("https://a.example/뉴스", "", "https://a.example/뉴스"),
        ("javascript:alert(1)", "", None),
        ("java\nscript:alert(1)", "", None),
        ("ftp://a.example/x", "", None),
        ("mailto:a@b.example", "https://b.example/", None),
        ("https:///nowhere", "", None),
        ("https://[broken/x", "", None),
        ("https://a.example:port/x", "", None),
        ("/relative", "", None),
        ("", "", None),
    ],
)
def test_links_lead_somewhere_or_are_dropped(raw: str, base: str, link: str | None) -> None:
    assert plain_link(raw, base) == link


def test_a_link_that_the_column_cannot_hold_is_dropped() -> None:
    stem = "https://a.example/"
    assert plain_link(stem + "x" * (MAX_LINK - len(stem))) is not None
    assert plain_link(stem + "x" * (MAX_LINK - len(stem) + 1)) is None


@given(st.text(max_size=80))
def test_any_link_is_dropped_or_has_an_identity(raw: str) -> None:
    for text in (raw, f"https://{raw}", f"http://a.example/{raw}"):
        link = plain_link(text)
        if link is not None:
            assert link.startswith(("http://", "https://"))
            link.encode("utf-8")
            assert len(item_hash("kospi", Item("x", link))) == 64


def test_the_identity_is_instrument_link_and_title() -> None:
    item = Item(KOREAN, LINK, PUBLISHED)
    said = json.dumps(["kospi", LINK, KOREAN], ensure_ascii=False)
    assert item_hash("kospi", item) == sha256(said.encode()).hexdigest()
    assert item_hash("kospi", Item(KOREAN, LINK, None)) == item_hash("kospi", item)
    others = [
        item_hash(None, item),
        item_hash("kosdaq", item),
        item_hash("kospi", Item(KOREAN + "!", LINK)),
        item_hash("kospi", Item(KOREAN, LINK + "1")),
        item_hash("kospi", Item(KOREAN, LINK + "?page=2")),
        item_hash("kospi", Item(KOREAN, LINK.replace("https", "http"))),
    ]
    assert len({*others, item_hash("kospi", item)}) == 7


@pytest.mark.parametrize(
    "same",
    ["HTTPS://News.Example/1", "https://news.example:443/1", "https://news.example/1#rss"],
)
def test_a_link_is_the_same_that_is_written_otherwise(same: str) -> None:
    assert item_hash(None, Item("x", same)) == item_hash(None, Item("x", LINK))
    assert item_hash(None, Item("x", "http://a.example")) == item_hash(
        None, Item("x", "http://a.example:80/")
    )
    assert item_hash(None, Item("x", "http://a.example:81/")) != item_hash(
        None, Item("x", "http://a.example/")
    )
    assert item_hash(None, Item("x", "https://a.example/A")) != item_hash(
        None, Item("x", "https://a.example/a")
    )


def test_an_item_that_a_feed_holds_twice_is_one() -> None:
    twice = [("first", LINK), ("second", LINK), (" first ", LINK + "#rss"), ("first", LINK + "2")]
    found = parse_items(rss(twice), {"content-type": RSS})
    assert [(item.title, item.link) for item in found] == [
        ("first", LINK),
        ("second", LINK),
        ("first", LINK + "2"),
    ]


def test_items_without_a_title_or_a_link_are_left_out() -> None:
    entries = [("", LINK), ("<b></b>", LINK), ("nowhere", "javascript:1"), ("good", LINK), ("no link", "")]
    assert titles(rss(entries)) == ["good"]
    with pytest.raises(FeedError, match="none of the feed's 2 items has a title and an http link"):
        titles(rss(entries[:2]))


@pytest.mark.parametrize(
    ("said", "instant"),
    [
        ("Mon, 02 Mar 2026 15:30:00 +0900", PUBLISHED),
        ("2026-03-02T06:30:00Z", PUBLISHED),
        ("soon", None),
        ("", None),
        ("0001-01-01T00:00:00Z", None),
        ("Sat, 30 Feb 2026 25:61:00 GMT", None),
        ("Wed, 31 Dec 9999 23:59:59 -1200", None),
    ],
)
def test_dates_are_utc_or_absent(said: str, instant: datetime | None) -> None:
    document = rss([("title", LINK)]).decode()
    start, end = document.index("<pubDate>") + 9, document.index("</pubDate>")
    (item,) = parse_items((document[:start] + said + document[end:]).encode(), {"content-type": RSS})
    assert item.published_at == instant


def test_what_is_not_quite_a_feed_is_read_as_far_as_possible() -> None:
    whole = rss([("first", LINK), ("second &nbsp;", LINK)])
    broken = whole.replace(b"&amp;nbsp;", b"&nbsp; & more").replace(b"</channel>", b"")
    assert titles(broken) == ["first", "second & more"]
    assert titles(whole, "text/html") == ["first", "second"]


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"", RSS, "the answer is no RSS or Atom feed but empty"),
        (b" \n", RSS, "the answer is no RSS or Atom feed but empty"),
        (
            b"<html><body>Consent</body></html>",
            "text/html; charset=utf-8",
            "a document of 33 bytes of the type text/html",
        ),
        (b'{"error": 1}', "application/json", "a document of 12 bytes of the type application/json"),
        (b"\x00\xff\xfe\x01garbage", "", "of the type unknown"),
        (rss([]), RSS, "the feed has no items"),
        (rss([])[:-20], RSS, r"the feed has no items \(SAXParseException\)"),
    ],
)
def test_what_is_no_feed_with_items_says_what_it_is(content: bytes, kind: str, said: str) -> None:
    with pytest.raises(FeedError, match=said):
        parse_items(content, {"content-type": kind} if kind else {})


def test_a_document_that_names_a_file_is_not_opened(tmp_path) -> None:
    path = tmp_path / "feed.xml"
    path.write_bytes(rss([("from a file", LINK)]))
    with pytest.raises(FeedError, match="no RSS or Atom feed"):
        parse_items(str(path).encode(), {})


@given(st.binary(max_size=300))
def test_any_answer_is_items_or_a_feed_error(content: bytes) -> None:
    for document in (content, b"<rss><channel><item><title>" + content, rss([("x", LINK)]) + content):
        try:
            assert parse_items(document, {})
        except FeedError:
            pass
