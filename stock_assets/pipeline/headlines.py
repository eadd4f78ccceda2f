"""Headlines of trading days: what was seen first between two decision times, and how well was looked."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import takewhile
from typing import Any, Literal

import pandas as pd
import sqlalchemy as sa
from cronsim import CronSim

from stock_assets.errors import ConfigurationError
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.frames import rows_of
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.headlines import read_collections, read_headlines, read_sightings
from stock_assets.trading_days import decision_time

_TICK = timedelta(seconds=1)
Observation = Literal["observed", "partially observed", "not observable"]


@dataclass(frozen=True)
class Window:
    """The time that belongs to a trading day: after one instant, and not after another.

    It begins at the decision time of the trading day before and ends at the day's own, so that what was
    first seen on a weekend belongs to Monday.
    """

    after: datetime
    until: datetime


@dataclass(frozen=True)
class FeedObservation:
    """How well one feed was observed in a window.

    Attributes
    ----------
    feed : str
    instrument : str or None
    readings, failures : int
        Attempts to read it, and those among them that failed.
    scheduled, kept : int
        Collections that were due in the window, and those among them in whose time it was read.
    last_error : str or None
        Of the last failure, as a sentence.
    """

    feed: str
    instrument: str | None
    readings: int
    failures: int
    scheduled: int
    kept: int
    last_error: str | None


@dataclass(frozen=True, eq=False)
class HeadlinesOfDay:
    """The headlines of a trading day.

    Attributes
    ----------
    day : date
    window : Window
    counts : dict
        Number of items by instrument, None for those of no instrument.
    feeds : tuple of FeedObservation
        Those that were tried, in the order of their names.
    newest : DataFrame or None
        The last items, rows of the table ``headlines`` with the newest first; None if they were not asked
        for.
    """

    day: date
    window: Window
    counts: Mapping[str | None, int]
    feeds: tuple[FeedObservation, ...]
    newest: pd.DataFrame | None = None

    @property
    def count(self) -> int:
        """Number of items."""
        return sum(self.counts.values())

    @property
    def observed(self) -> float:
        """Share of the scheduled readings of all feeds that took place, from 0 to 1."""
        return self._kept / self._scheduled if self.feeds else 0.0

    @property
    def observation(self) -> Observation:
        """Whether what was published could be seen."""
        if all(feed.readings == feed.failures for feed in self.feeds):
            return "not observable"
        return "observed" if self._kept == self._scheduled else "partially observed"

    @property
    def reason(self) -> str | None:
        """Why not everything could be seen, as a sentence; None if it could."""
        if self.observation == "observed":
            return None
        between = f"between {self.window.after:%Y-%m-%d %H:%M} and {self.window.until:%Y-%m-%d %H:%M} UTC"
        if not self.feeds:
            return f"No feed was read {between}: the collector did not run, and feeds do not tell the past."
        if self.observation == "not observable":
            return f"No feed could be read {between}: {self.feeds[-1].last_error}"
        return f"{self._kept} of {self._scheduled} scheduled readings of feeds {between} took place."

    @property
    def _kept(self) -> int:
        return sum(feed.kept for feed in self.feeds)

    @property
    def _scheduled(self) -> int:
        return sum(feed.scheduled for feed in self.feeds)


def window_of(deployment: Deployment, day: date) -> Window:
    """Return the time that belongs to a trading day."""
    days = deployment.history_days
    before = days.previous(day) if day > days.first else day - timedelta(days=1)
    return Window(decision_time(before), decision_time(day))


def headlines_of_days(
    deployment: Deployment,
    engine: sa.Engine,
    days: Sequence[date],
    *,
    with_titles: int = 1,
    titles: int = 20,
) -> tuple[HeadlinesOfDay, ...]:
    """Return the headlines of trading days; nothing is written.

    Parameters
    ----------
    days : sequence of date
        Trading days in ascending order, at least one.
    with_titles : int
        Number of days, the last ones, that have ``newest``.
    titles : int
        Number of items in ``newest`` at the most.

    Raises
    ------
    ConfigurationError
        If the universe has no feeds.
    """
    settings = deployment.universe.headlines
    if settings is None:
        raise ConfigurationError(f"{deployment.universe.name} has no feeds, and so no headlines of a day.")
    windows = [window_of(deployment, day) for day in days]
    titled = windows[-with_titles:] if with_titles else []
    with read_transaction(engine) as connection:
        sightings = read_sightings(connection, windows[0].after, windows[-1].until)
        collections = read_collections(connection, windows[0].after, windows[-1].until)
        items = read_headlines(connection, titled[0].after, titled[-1].until) if titled else None
    return tuple(
        HeadlinesOfDay(
            day,
            window,
            Counter(_name(value) for value in _within(sightings, "first_seen_at", window)["instrument"]),
            _observations(rows_of(_within(collections, "collected_at", window)), settings.collect, window),
            _newest(items, window, titles) if items is not None and window in titled else None,
        )
        for day, window in zip(days, windows, strict=True)
    )


def _newest(items: pd.DataFrame, window: Window, count: int) -> pd.DataFrame:
    return _within(items, "first_seen_at", window).tail(count).iloc[::-1].reset_index(drop=True)


def _within(frame: pd.DataFrame, column: str, window: Window) -> pd.DataFrame:
    """Return the rows of a window; the frame is in the order of the column."""
    moments = pd.DatetimeIndex(frame[column])
    first, last = (
        moments.searchsorted(pd.Timestamp(end), side="right") for end in (window.after, window.until)
    )
    return frame.iloc[first:last]


def _observations(
    collections: Sequence[Mapping[str, Any]], cron: str, window: Window
) -> tuple[FeedObservation, ...]:
    """Return how well each feed was observed that was tried at all.

    A feed that was added later, or is gone since, changes nothing of what is said of the past.
    """
    scheduled = _scheduled(cron, window)
    by_feed: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in collections:
        by_feed.setdefault((row["feed"], row["instrument"]), []).append(row)
    found = []
    for (feed, instrument), rows in sorted(by_feed.items()):
        failed = [row for row in rows if isinstance(row["error"], str)]
        read_at = [row["collected_at"] for row in rows if not isinstance(row["error"], str)]
        # A reading stands for the scheduled instant before it, however late it came.
        kept = {bisect_left(scheduled, moment) for moment in read_at} - {0}
        found.append(
            FeedObservation(
                feed,
                instrument or None,
                len(rows),
                len(failed),
                len(scheduled),
                len(kept),
                failed[-1]["error"] if failed else None,
            )
        )
    return tuple(found)


def _scheduled(cron: str, window: Window) -> list[datetime]:
    """Return when collections are due in a window; at its beginning, if a rare schedule leaves it out."""
    due = takewhile(lambda instant: instant < window.until, CronSim(cron, window.after - _TICK))
    return list(due) or [window.after]


def _name(value: object) -> str | None:
    return value if isinstance(value, str) else None
