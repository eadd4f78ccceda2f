"""Yahoo, the Treasury, FRED, ECOS and feeds on this machine, which tell what they would tell at a moment.

with Providers() as providers:
    providers.tell(deployment, datetime(2025, 6, 12, 7, tzinfo=UTC))
    ...  # a process with the environment providers.variables
    assert providers.asked() == {"yahoo": 5, "treasury": 2, "ecos": 1}
"""

import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Self

import numpy as np
import pandas as pd

from stock_assets.calendars import SessionCalendar
from stock_assets.config.instruments import Instrument
from stock_assets.config.sources import SourceChoice
from stock_assets.pipeline.deployment import Deployment
from stock_assets.settings import source_key_variable, source_url_variable
from stock_assets_tests.fake_feeds import fake_feeds
from stock_assets_tests.fake_yahoo import FakeYahoo
from stock_assets_tests.fake_yield_sources import FakeEcos, FakeFred, FakeProvider, FakeTreasury

#: What a provider says of a session that is still open, in relation to its close.
UNFINISHED = 1.02

#: Local time at which Yahoo stamps bars, and the zone of the exchange.
_ZONES = {
    "XNYS": ("America/New_York", time(9, 30)),
    "XLON": ("Europe/London", time(8)),
    "XTKS": ("Asia/Tokyo", time(9)),
    "XPAR": ("Europe/Paris", time(9)),
    "XKRX": ("Asia/Seoul", time(9)),
    "BVMF": ("America/Sao_Paulo", time(10)),
    "XTAI": ("Asia/Taipei", time(9)),
    "XBOM": ("Asia/Kolkata", time(9, 15)),
    "COMEX": ("America/New_York", time(0)),
    "FX": ("Europe/London", time(0)),
}
#: How long before its close a session shows at Yahoo, and how long after their close yields are published.
_SHOWS_BEFORE = timedelta(hours=5)
_PUBLISHED_AFTER = {"treasury": timedelta(hours=3), "fred": timedelta(hours=25), "ecos": timedelta(hours=9)}


@dataclass(frozen=True, eq=False)
class Walk:
    """The made-up history of an instrument, which is the same however far it is told.

    Attributes
    ----------
    sessions : tuple of date
    prices : ndarray, shape (n_sessions, 5)
        Open, high, low, close and volume.
    """

    sessions: tuple[date, ...]
    prices: np.ndarray

    def closes(self) -> dict[date, float]:
        return dict(zip(self.sessions, self.prices[:, 3].tolist(), strict=True))


class Providers:
    """The servers; a context manager that starts and ends them.

    Attributes
    ----------
    yahoo : FakeYahoo
    treasury : FakeTreasury
    fred : FakeFred
    ecos : FakeEcos
    edits : dict of (str, date) to float or None
        What providers say of a close in place of the truth, by symbol and session; None for no row.
    """

    def __init__(self) -> None:
        self.yahoo, self.treasury, self.fred, self.ecos = FakeYahoo(), FakeTreasury(), FakeFred(), FakeEcos()
        self.edits: dict[tuple[str, date], float | None] = {}
        self._told: dict[str, int] = {}
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        for server in (self.yahoo, self.treasury, self.fred, self.ecos):
            self._ends.enter_context(server)
        self.feeds = self._ends.enter_context(fake_feeds())
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a deployment that asks them, with the key that the Bank of Korea wants."""
        servers = {"yahoo": self.yahoo, "treasury": self.treasury, "fred": self.fred, "ecos": self.ecos}
        urls = {source_url_variable(name): server.url for name, server in servers.items()}
        return {**urls, source_key_variable("ecos"): self.ecos.key}

    def asked(self, since: "dict[str, int] | None" = None) -> dict[str, int]:
        """Return how many prices were asked for so far, or since then, by provider that was asked."""
        yields: dict[str, FakeProvider] = {"treasury": self.treasury, "fred": self.fred, "ecos": self.ecos}
        total = Counter({"yahoo": len(self.yahoo.charts())})
        total.update({name: len(server.requests) for name, server in yields.items()})
        return dict(total - Counter(since or {}))

    def tell(self, deployment: Deployment, now: datetime) -> None:
        """Let all providers say what they know at a moment, of everything that the deployment prices."""
        for instrument in deployment.universe.priced:
            calendar = deployment.calendars[instrument.exchange]
            for choice in instrument.sources:
                if choice.source == "yahoo":
                    self._tell_yahoo(deployment, instrument, calendar, choice.symbol, now)
                else:
                    server = {"treasury": self.treasury, "fred": self.fred, "ecos": self.ecos}[choice.source]
                    server.serve(choice.symbol, dict(self._yields(deployment, instrument, choice, now)))

    def _tell_yahoo(
        self,
        deployment: Deployment,
        instrument: Instrument,
        calendar: SessionCalendar,
        symbol: str,
        now: datetime,
    ) -> None:
        walk = walk_of(deployment, instrument.id)
        zone, opens = _ZONES[instrument.exchange]
        rows = []
        for session, prices in zip(walk.sessions, walk.prices, strict=True):
            closes_at = calendar.close_of(session)
            if closes_at - _SHOWS_BEFORE > now:
                break
            row = dict(zip(("open", "high", "low", "close", "volume"), prices.tolist(), strict=True))
            if closes_at + timedelta(minutes=90) > now:
                row["close"] *= UNFINISHED
                row["high"] = max(row["high"], row["close"])
            if (symbol, session) in self.edits:
                close = self.edits[symbol, session]
                if close is None:
                    continue
                row |= dict.fromkeys(("open", "high", "low", "close"), close)
            rows.append({"session": session, **row})
        self.yahoo.serve(
            symbol, timezone=zone, currency=instrument.currency, bars=pd.DataFrame(rows), opens=opens
        )

    def _yields(
        self, deployment: Deployment, instrument: Instrument, choice: SourceChoice, now: datetime
    ) -> Iterator[tuple[date, float | None]]:
        """Yield what is said of every weekday: nothing of those on which bonds were not traded."""
        closes = walk_of(deployment, instrument.id).closes()
        calendar = deployment.calendars[instrument.exchange]
        day = min(closes)
        published = day
        while day <= now.date():
            if day in closes:
                published = day
            if day.weekday() < 5 and calendar.close_of(published) + _PUBLISHED_AFTER[choice.source] <= now:
                said = self.edits.get((choice.symbol, day), closes.get(day))
                if said is not None or choice.source != "ecos":
                    yield day, said
            day += timedelta(days=1)


def walk_of(deployment: Deployment, instrument: str) -> Walk:
    """Return the made-up history of an instrument, from ``history_start`` to the end of its calendar."""
    settings = deployment.universe.instrument(instrument)
    calendar = deployment.calendars[settings.exchange]
    return _walk(
        instrument,
        settings.return_kind == "yield",
        calendar.between(deployment.universe.history_start, calendar.last),
    )


@cache
def _walk(instrument: str, is_yield: bool, sessions: tuple[date, ...]) -> Walk:
    seed = zlib.crc32(instrument.encode())
    generator = np.random.default_rng(seed)
    steps = generator.standard_normal((len(sessions), 4))
    if is_yield:
        # Pulled back to 3 %, so that sixteen years neither explode nor fall below zero.
        closes = np.empty(len(sessions))
        level = 3.0
        for place, step in enumerate(steps[:, 0]):
            level += 0.002 * (3.0 - level) + 0.04 * step
            closes[place] = level
        closes = np.round(closes, 2)
        return Walk(sessions, np.column_stack([closes] * 5))
    scale = 10 ** (2 + seed % 3)
    closes = scale * np.exp(np.cumsum(0.0003 + 0.01 * steps[:, 0]))
    before = np.concatenate([closes[:1], closes[:-1]])
    opens = before * np.exp(0.003 * steps[:, 1])
    highs = np.maximum(opens, closes) * np.exp(0.002 * np.abs(steps[:, 2]))
    lows = np.minimum(opens, closes) * np.exp(-0.002 * np.abs(steps[:, 3]))
    volumes = np.floor(1e6 * np.exp(0.2 * steps[:, 2]))
    return Walk(sessions, np.column_stack([opens, highs, lows, closes, volumes]))
