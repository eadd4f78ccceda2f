"""The items of a feed: plain texts and addresses, whatever the feed made of them."""

import calendar
import hashlib
import html
import io
import json
import re
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

import feedparser

from stock_assets.errors import FeedError

#: Characters of a stored title and of a stored link, at the most.
MAX_TITLE, MAX_LINK = 500, 2000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: What all databases can hold.
_FIRST_YEAR, _LAST_YEAR = 1000, 9999

# What is never closed reaches to the end, as in browsers: to look for its end from every place where it might
# begin would take hours of a title that is made for it, and no deadline interrupts a regular expression.
_HIDDEN = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_BREAK = re.compile(r"</?(br|div|h[1-6]|hr|li|p|td|tr)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_LINE_BREAK = re.compile(r"[\t\r\n]")
_BLANK = re.compile(r"\s")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Item:
    """One item of a feed.

    Attributes
    ----------
    title : str
        Plain text of at most ``MAX_TITLE`` characters.
    link : str
        An http or https URL of at most ``MAX_LINK`` characters.
    published_at : datetime or None
        What the feed says, in UTC. Feeds lie: nothing may be decided by it.
    """

    title: str
    link: str
    published_at: datetime | None = None


def item_hash(instrument: str | None, item: Item) -> str:
    """Return the item's identity: SHA-256, hexadecimal, of its instrument, link and title.

    Links are the same that differ in the case of scheme and host, in a default port or in what follows
    ``#``, which readers of feeds add.
    """
    parts = [instrument or "", _address(item.link), item.title]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def parse_items(content: bytes, headers: Mapping[str, str]) -> tuple[Item, ...]:
    """Read a feed.

    What cannot be read strictly is read as far as possible. An item without a title, or without a link that
    a browser could follow, is left out.

    Parameters
    ----------
    content : bytes
        The whole document.
    headers : mapping of str to str
        ``content-type``, which may say the encoding, and ``content-location``, where relative links start.

    Returns
    -------
    tuple of Item
        In the order of the feed, each title and link once, at least one.

    Raises
    ------
    FeedError
        If it is no feed, or has no item.
    """
    try:
        # Of a stream nothing but its bytes is read; a text could name a file or an address to open.
        parsed = feedparser.parse(io.BytesIO(content), response_headers=dict(headers), sanitize_html=False)
    except Exception as error:
        # Its forgiving parser meets whatever the network holds, and one feed must not cost the others.
        raise FeedError(f"the answer cannot be read as RSS or Atom ({type(error).__name__})") from error
    if not parsed.get("version"):
        raise FeedError(f"the answer is no RSS or Atom feed but {_described(content, headers)}")
    if not parsed.entries:
        problem = parsed.get("bozo_exception")
        raise FeedError(f"the feed has no items{f' ({type(problem).__name__})' if problem else ''}")
    base = headers.get("content-location", "")
    found: dict[str, Item] = {}
    for entry in parsed.entries:
        item = _item(entry, base)
        if item is not None:
            found.setdefault(item_hash(None, item), item)
    if not found:
        raise FeedError(f"none of the feed's {len(parsed.entries)} items has a title and an http link")
    return tuple(found.values())


def plain_title(text: str) -> str:
    """Return a title as plain text: without markup, entities, control characters and surplus blanks."""
    without_tags = _TAG.sub("", _BREAK.sub(" ", _HIDDEN.sub(" ", text)))
    composed = unicodedata.normalize("NFC", _printable(html.unescape(without_tags)))
    title = " ".join(composed.split())
    return title if len(title) <= MAX_TITLE else f"{title[: MAX_TITLE - 1].rstrip()}…"


def plain_link(text: str, base: str = "") -> str | None:
    """Return a link as browsers understand it, or None if it is not one that may be stored."""
    try:
        link = urljoin(base, _BLANK.sub("%20", _printable(_LINE_BREAK.sub("", text)).strip()))
        _address(link)
    except (KeyError, ValueError):
        return None
    return link if urlsplit(link).hostname and len(link) <= MAX_LINK else None


def _item(entry: Mapping[str, Any], base: str) -> Item | None:
    title = plain_title(str(entry.get("title") or ""))
    link = plain_link(str(entry.get("link") or ""), base)
    if not title or link is None:
        return None
    dates = [entry[name] for name in ("published_parsed", "updated_parsed") if name in entry]
    return Item(title, link, next((_instant(date) for date in dates if date is not None), None))


def _instant(parsed: time.struct_time) -> datetime | None:
    """Return a date of feedparser's, which is in UTC, or None for one that no calendar has."""
    try:
        instant = _EPOCH + timedelta(seconds=calendar.timegm(parsed))
    except (OverflowError, ValueError):
        return None
    return instant if _FIRST_YEAR <= instant.year <= _LAST_YEAR else None


def _address(link: str) -> str:
    """Return what of a link says where it leads; ``KeyError`` or ``ValueError`` if that is nowhere."""
    parts = urlsplit(link)
    port = parts.port
    default = _DEFAULT_PORTS[parts.scheme]
    host = (parts.hostname or "") + (f":{port}" if port not in (None, default) else "")
    return parts._replace(netloc=host, path=parts.path or "/", fragment="").geturl()


def _printable(text: str) -> str:
    """Return the text without control characters and surrogates; blanks stay."""
    return "".join(
        character
        for character in text
        if character.isspace() or unicodedata.category(character) not in ("Cc", "Cs")
    )


def _described(content: bytes, headers: Mapping[str, str]) -> str:
    if not content.strip():
        return "empty"
    kind = headers.get("content-type", "").partition(";")[0].strip()
    return f"a document of {len(content)} bytes of the type {kind or 'unknown'}"
