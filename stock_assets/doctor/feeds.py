"""The feeds of headlines: each of them is read once, and nothing of it is stored."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from stock_assets.config.universe import Universe
from stock_assets.doctor.diagnosis import Diagnosis
from stock_assets.errors import FeedError
from stock_assets.headlines.download import Limits
from stock_assets.headlines.feeds import FeedAddress, feed_addresses, read_feed

#: Feeds that are read at the same time: a few, since those of one template are one server's.
_AT_ONCE = 4
_LIMITS = Limits(timeout=4.0, deadline=5.0)


def feed_diagnoses(universe: Universe, limits: Limits = _LIMITS) -> Iterator[Diagnosis]:
    """Read each feed of the universe, if it has any.

    Parameters
    ----------
    universe : Universe
        Whose feeds.
    limits : Limits
        What one feed may cost.
    """
    if universe.headlines is None:
        return
    addresses = feed_addresses(universe.headlines, universe.instruments)
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        yield from readers.map(lambda address: _read(address, limits), addresses)


def _read(address: FeedAddress, limits: Limits) -> Diagnosis:
    subject = f"feed {address.label}"
    try:
        items = read_feed(address, limits)
    except FeedError as error:
        remedy = f"Check the network and the URL of {address.feed} in universe.yaml; prices do not need it."
        return Diagnosis(subject, "failed", str(error), remedy)
    return Diagnosis(subject, "ok", f"It holds {len(items)} headlines.")
