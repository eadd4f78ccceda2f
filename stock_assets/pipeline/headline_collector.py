"""Collect headlines: read every feed once, and store what had not been seen before."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd
import sqlalchemy as sa

from stock_assets.errors import ConfigurationError, FeedError
from stock_assets.headlines.download import Limits
from stock_assets.headlines.feeds import FeedAddress, feed_addresses, read_feed
from stock_assets.headlines.items import Item, item_hash
from stock_assets.pipeline.deployment import Deployment
from stock_assets.storage.headlines import add_collections, add_headlines
from stock_assets.storage.lost_connections import again_if_lost

#: Feeds that are read at the same time: a few, since those of one template are one server's.
_AT_ONCE = 4


@dataclass(frozen=True)
class Collection:
    """One attempt to read one feed.

    Attributes
    ----------
    feed : str
    instrument : str or None
    items, new_items : int
        Items that it held, and those among them that had not been seen before.
    error : str or None
        Why it gave none, as a sentence.
    """

    feed: str
    instrument: str | None
    items: int = 0
    new_items: int = 0
    error: str | None = None


def collect_headlines(
    deployment: Deployment,
    engine: sa.Engine,
    *,
    run_id: str | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    limits: Limits | None = None,
) -> tuple[Collection, ...]:
    """Read every feed of the universe once, and store items and attempts feed by feed.

    A feed that cannot be read costs its own headlines and nothing else.

    Parameters
    ----------
    run_id : str, optional
        Dagster run that collects.
    clock : callable
        Returns now, with a time zone. It is asked when a feed's items are about to be stored: an item that
        was read around a decision time belongs to the day after it rather than to one that could not know it.
    limits : Limits, optional
        What one feed may cost.

    Raises
    ------
    ConfigurationError
        If the universe has no feeds.
    """
    settings = deployment.universe.headlines
    if settings is None:
        raise ConfigurationError(
            f"{deployment.universe.name} has no feeds; add headlines to "
            f"{deployment.config.folder / 'universe.yaml'}."
        )
    addresses = feed_addresses(settings, deployment.universe.instruments)

    def attempt(address: FeedAddress) -> tuple[Item, ...] | FeedError:
        try:
            return read_feed(address, limits)
        except FeedError as error:
            return error

    collections = []
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        for address, answer in zip(addresses, readers.map(attempt, addresses), strict=True):
            collections.append(_store(engine, address, answer, clock, run_id))
    return tuple(collections)


@again_if_lost
def _store(
    engine: sa.Engine,
    address: FeedAddress,
    answer: Sequence[Item] | FeedError,
    clock: Callable[[], datetime],
    run_id: str | None,
) -> Collection:
    with engine.begin() as connection:
        return _store_answer(connection, address, answer, clock(), run_id)


def _store_answer(
    connection: sa.Connection,
    address: FeedAddress,
    answer: Sequence[Item] | FeedError,
    now: datetime,
    run_id: str | None,
) -> Collection:
    if isinstance(answer, FeedError):
        collection = Collection(address.feed, address.instrument, error=str(answer))
    else:
        new_items = add_headlines(connection, _frame(address, answer), first_seen_at=now)
        collection = Collection(address.feed, address.instrument, len(answer), new_items)
    row = {
        "collected_at": now,
        "feed": collection.feed,
        "instrument": collection.instrument or "",
        "items": collection.items,
        "new_items": collection.new_items,
        "error": collection.error,
        "run_id": run_id,
    }
    add_collections(connection, pd.DataFrame([row]))
    return collection


def _frame(address: FeedAddress, items: Sequence[Item]) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "hash": [item_hash(address.instrument, item) for item in items],
            "title": [item.title for item in items],
            "link": [item.link for item in items],
            # Nanoseconds do not reach as far as feeds do.
            "published_at": pd.Series([item.published_at for item in items], dtype="datetime64[us, UTC]"),
        }
    )
    return frame.assign(feed=address.feed, instrument=address.instrument)
