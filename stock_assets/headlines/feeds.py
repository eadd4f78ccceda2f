"""Feeds: which there are to read, and their items in bounded time."""

import queue
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote

from stock_assets.config.headlines import Feed, HeadlineSettings
from stock_assets.config.instruments import Instrument
from stock_assets.errors import FeedError
from stock_assets.headlines.download import Limits, download
from stock_assets.headlines.items import Item, parse_items


@dataclass(frozen=True)
class FeedAddress:
    """One feed to read.

    Attributes
    ----------
    feed : str
        Name in ``universe.yaml``.
    instrument : str or None
        Whom its items belong to; None for nobody in particular.
    url : str
        May hold a key, so it is in no ``repr`` and in no message.
    """

    feed: str
    instrument: str | None
    url: str = field(repr=False)

    @property
    def label(self) -> str:
        """Its name for messages."""
        return self.feed if self.instrument is None else f"{self.feed} of {self.instrument}"


def feed_addresses(settings: HeadlineSettings, instruments: Iterable[Instrument]) -> tuple[FeedAddress, ...]:
    """Return the feeds of a universe, those of one template in the order of its instruments.

    Parameters
    ----------
    settings : HeadlineSettings
    instruments : iterable of Instrument
        All of the universe.
    """
    known = {instrument.id: instrument for instrument in instruments}
    addresses: list[FeedAddress] = []
    for feed in settings.feeds:
        if feed.is_template:
            wanted = feed.instruments or tuple(known)
            addresses += [FeedAddress(feed.name, name, _filled(feed, known[name])) for name in wanted]
        else:
            addresses.append(FeedAddress(feed.name, next(iter(feed.instruments), None), feed.url))
    return tuple(addresses)


def read_feed(address: FeedAddress, limits: Limits | None = None) -> tuple[Item, ...]:
    """Return the items that a feed holds at this moment, in its order.

    Raises
    ------
    FeedError
        With a sentence that names the feed and says what is wrong; within ``limits.deadline`` seconds,
        whatever the server does.
    """
    bounds = limits or Limits()
    answers: queue.SimpleQueue[tuple[Item, ...] | Exception] = queue.SimpleQueue()

    def read() -> None:
        try:
            answers.put(parse_items(*download(address.url, bounds)))
        except Exception as error:
            answers.put(error)

    # The look-up of a name and a server that sends byte by byte outlast every timeout of a socket. A thread
    # that is still waiting then is left behind; it ends with its connection or with the process.
    threading.Thread(target=read, name=f"feed {address.label}", daemon=True).start()
    try:
        answer = answers.get(timeout=bounds.deadline)
    except queue.Empty:
        answer = FeedError(f"there was no complete answer within {bounds.deadline:g} s")
    if isinstance(answer, FeedError):
        # What is behind it may show the URL, so it is not chained.
        raise FeedError(f"The feed {address.label} gave no headlines: {answer}.") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _filled(feed: Feed, instrument: Instrument) -> str:
    """Return the URL of an instrument's own feed."""
    said = {"id": instrument.id, "name": instrument.name, "symbol": instrument.sources[0].symbol}
    return feed.url.format_map({place: quote(text, safe="") for place, text in said.items()})
