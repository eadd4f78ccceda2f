"""One deployment: a universe, its calendar and where its things are kept."""

import hashlib
import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from stock_assets.calendars import CalendarEnd, SessionCalendar, calendar_ends, load_calendar
from stock_assets.config import UniverseConfig, load_universe
from stock_assets.config.base_currency import rates_of
from stock_assets.config.universe import LOCAL, Universe
from stock_assets.past_days import keep_past_days, read_past_days
from stock_assets.pipeline.usable import usable_config
from stock_assets.settings import Settings
from stock_assets.trading_days import TradingDays, decision_time

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)


# Compared by identity, so that what is derived from one can be kept by it.
@dataclass(frozen=True, eq=False)
class Deployment:
    """A universe with its settings, its exchanges' sessions and its trading days.

    Attributes
    ----------
    settings : Settings
    config : UniverseConfig
        With the instruments that a source can be used for.
    calendars : dict of str to SessionCalendar
        By exchange, from ``history_start`` on.
    dropped : dict of str to str
        Why each optional instrument that ``universe.yaml`` has and ``config`` has not was left out, by id.
    past_days : frozenset of date
        Trading days that are over, and stay trading days whatever the calendars say by now.
    """

    settings: Settings
    config: UniverseConfig
    calendars: dict[str, SessionCalendar]
    dropped: dict[str, str] = field(default_factory=dict)
    past_days: frozenset[date] = frozenset()

    @property
    def universe(self) -> Universe:
        """The instruments with their settings."""
        return self.config.universe

    @cached_property
    def instrument_set(self) -> str:
        """A name of these instruments in this order, under which networks over all of them are registered.

        The Sharpe net of others gives weights for instruments that are not there, or none for some. Optional
        ones that were left out are not among them: when a key comes or goes, so does the name. One of
        another base currency has learned from other returns, so the name ends in that currency.
        """
        base = self.universe.base_currency
        return f"set-{_digest(self.universe.instrument_ids)}" + ("" if base == LOCAL else f"-{base}")

    @cached_property
    def prediction_settings(self) -> str:
        """A name of the settings that decide, beside bars and networks, what is predicted."""
        return _digest(self.config.stage1.horizon, self.universe.max_staleness)

    @cached_property
    def weight_settings(self) -> str:
        """A name of the settings that decide, beside bars and networks, what weights are published.

        It begins with ``instrument_set``.
        """
        portfolios = self.config.portfolios
        safe = [instrument.safe for instrument in self.universe.instruments]
        rates = rates_of(self.universe)
        rest = _digest(
            self.prediction_settings,
            safe,
            portfolios and portfolios.model_dump(mode="json"),
            *([rates] if rates else []),  # a universe that needs none keeps its name
        )
        return f"{self.instrument_set}/{rest}"

    @cached_property
    def history_days(self) -> TradingDays:
        """All trading days from ``history_start`` on, as far as calendars go.

        Those before the first partition are among them, and those after the last one: a bar that is
        published late belongs to a day after its session.
        """
        last = min(calendar.last for calendar in self.calendars.values())
        return TradingDays.from_calendars(self.markets, self.universe.history_start, last, self.past_days)

    @cached_property
    def partition_days(self) -> TradingDays:
        """The trading days of the daily partitions, from ``start`` to ``end`` or as far as calendars go."""
        return TradingDays.from_calendars(self.markets, self.universe.start, self.last_day, self.past_days)

    @property
    def markets(self) -> list[SessionCalendar]:
        """The calendars of what is predicted and held: exchange rates, say, make no day a trading day."""
        exchanges = sorted({instrument.exchange for instrument in self.universe.instruments})
        return [self.calendars[exchange] for exchange in exchanges]

    def calendar_ends(self, today: date) -> list[CalendarEnd]:
        """Return the calendars that end soon, as ``calendars.calendar_ends`` does."""
        return calendar_ends(self.calendars.values(), today)

    @cached_property
    def expected_bars(self) -> "dict[str, pd.DataFrame]":
        """Which bars the calendars let expect, by id in the order of ``priced``."""
        # Definitions load without pandas; whoever looks at bars has it anyway.
        from stock_assets.market_data.bar_assembly import expected_bars

        return {
            instrument.id: expected_bars(instrument, self.calendars[instrument.exchange], self.history_days)
            for instrument in self.universe.priced
        }

    @property
    def last_day(self) -> date:
        """The universe's ``end``, or for a live universe the last day that all calendars know."""
        if self.universe.end is not None:
            return self.universe.end
        return min(calendar.last for calendar in self.calendars.values())


def _digest(*values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def open_deployment(settings: Settings, now: datetime | None = None) -> Deployment:
    """Read the universe's configuration and its calendars, and keep the trading days that are over.

    Parameters
    ----------
    now : datetime, optional
        With a time zone; by default the present.

    Raises
    ------
    ConfigurationError
        If the configuration is wrong anywhere, or a required instrument has no source that can be used.
    """
    now = now or datetime.now(UTC)
    config, dropped = usable_config(load_universe(settings.universe_dir), settings)
    for sentence in dropped.values():
        _log.warning("%s", sentence)
    calendars = {
        exchange: load_calendar(
            exchange,
            config.universe.history_start,
            config.universe.end and config.universe.end + timedelta(days=MARGIN_DAYS),
            cache_dir=settings.calendar_dir,
            overrides=config.overrides,
            today=now.date(),
        )
        for exchange in config.universe.exchanges
    }
    past_days = frozenset(day for day in read_past_days(settings.calendar_dir) if decision_time(day) <= now)
    deployment = Deployment(settings, config, calendars, dropped, past_days)
    over = frozenset(day for day in deployment.history_days if decision_time(day) <= now)
    if not over <= past_days:
        keep_past_days(over, settings.calendar_dir)
    return deployment


#: Sessions after ``end`` that must be known: returns that start on the last days need their next session.
MARGIN_DAYS = 14


@lru_cache(maxsize=1)
def _cached(settings: Settings) -> Deployment:
    return open_deployment(settings)


def current_deployment() -> Deployment:
    """Return the deployment of this process's environment, read once."""
    return _cached(Settings.from_environment())
