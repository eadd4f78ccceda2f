"""What is said of trading days, yields and closed markets, on three exchanges from file to history."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stock_assets.calendars import SessionCalendar
from stock_assets.config import UniverseConfig
from stock_assets.market_data.bar_assembly import assemble_bars, expected_bars
from stock_assets.market_data.bars import InstrumentHistory
from stock_assets.market_data.day_state import day_states
from stock_assets.market_data.history import build_histories
from stock_assets.market_data.quality import check_bars
from stock_assets.market_data.sources import build_sources, fetch_rows
from stock_assets.market_data.yields import par_bond_returns
from stock_assets.settings import Settings
from stock_assets.trading_days import TradingDays, decision_time
from stock_assets_tests import made_up


@dataclass(frozen=True)
class World:
    """The made-up universe with its bars."""

    config: UniverseConfig
    calendars: dict[str, SessionCalendar]
    days: TradingDays
    expected: dict[str, pd.DataFrame]
    bars: pd.DataFrame
    findings: pd.DataFrame
    histories: dict[str, InstrumentHistory]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Everything from files to histories, once."""
    folder = tmp_path_factory.mktemp("made_up")
    config = made_up.install(folder)
    universe = config.universe
    calendars = made_up.load_calendars(config, folder / "calendars")
    days = made_up.trading_days(config, calendars)
    sources = build_sources(universe, config.folder, Settings.from_environment({}))
    expected, bars, findings = {}, [], []
    for instrument in universe.instruments:
        calendar = calendars[instrument.exchange]
        table = expected[instrument.id] = expected_bars(instrument, calendar, days)
        first, last = (table["session"].iloc[at].date() for at in (0, -1))
        fetched = fetch_rows(instrument, sources, first, last)
        assembled = assemble_bars(instrument, fetched.source, fetched.rows, calendar, days)
        report = check_bars(instrument, assembled, table, assembled.iloc[:0], universe.quality)
        bars.append(report.bars)
        findings.append(report.findings)
    together = pd.concat(bars, ignore_index=True)
    return World(
        config,
        calendars,
        days,
        expected,
        together,
        pd.concat(findings, ignore_index=True),
        build_histories(universe, together, days),
    )


def bar(world: World, instrument: str, session: date) -> pd.Series:
    own = world.bars[world.bars["instrument"] == instrument]
    [found] = [row for _, row in own[own["session"] == pd.Timestamp(session)].iterrows()]
    return found


def test_the_files_are_the_same_whenever_they_are_written(world: World, tmp_path: Path) -> None:
    again = made_up.install(tmp_path)
    for instrument in world.config.universe.instruments:
        first, second = (made_up.price_file(config, instrument) for config in (world.config, again))
        assert first.read_bytes() == second.read_bytes()


def test_nothing_is_wrong_with_the_files(world: World) -> None:
    assert set(world.findings["severity"]) <= {"warning"}
    assert set(world.findings["kind"]) <= {"stale_repeat", "jump"}


def test_holidays_differ_and_new_year_is_no_trading_day(world: World) -> None:
    start, end = world.config.universe.start, world.config.universe.end
    assert end is not None
    assert world.days.weekdays_off(start, end) == (date(2021, 1, 1),)
    holidays = {
        code: [day for day in world.days.between(start, end) if not calendar.is_session(day)]
        for code, calendar in world.calendars.items()
    }
    assert date(2021, 1, 18) in holidays["XNYS"]
    assert date(2021, 2, 11) in holidays["XTKS"]
    assert made_up.LONDON_CLOSED in holidays["XLON"]
    assert not set(holidays["XNYS"]) & set(holidays["XTKS"])


def test_the_closes_of_a_day_are_in_the_order_of_the_sun(world: World) -> None:
    closes = [bar(world, name, date(2021, 1, 5))["closed_at"] for name in ("jp_index", "gold", "us_index")]
    assert [close.strftime("%H:%M") for close in closes] == ["06:00", "16:30", "21:00"]
    assert {
        bar(world, name, date(2021, 1, 5))["trading_day"] for name in ("jp_index", "gold", "us_index")
    } == {pd.Timestamp("2021-01-05")}


def test_the_session_on_saturday_belongs_to_monday(world: World) -> None:
    saturday = bar(world, "jp_stock", made_up.SATURDAY_SESSION)
    assert made_up.SATURDAY_SESSION.strftime("%A") == "Saturday"
    assert saturday["closed_at"] == pd.Timestamp("2021-02-06T06:00", tz="UTC")
    assert saturday["trading_day"] == pd.Timestamp("2021-02-08")
    history = world.histories["jp_stock"]
    assert history.until(date(2021, 2, 5)).sessions[-1].item() == date(2021, 2, 5)
    assert history.until(date(2021, 2, 8)).sessions[-2:].tolist() == [date(2021, 2, 6), date(2021, 2, 8)]


def test_a_yield_is_published_a_day_later(world: World) -> None:
    friday = bar(world, "us10y", date(2021, 1, 15))
    # Saturday at 21:00 UTC; Monday is a holiday in New York, and none in Tokyo and London.
    assert friday["available_at"] == pd.Timestamp("2021-01-16T21:00", tz="UTC")
    assert friday["trading_day"] == pd.Timestamp("2021-01-18")
    assert friday["unit"] == "percent"
    history = world.histories["us10y"]
    at = history.sessions.tolist().index(date(2021, 1, 15))
    assert history.closing_days[at].item() == date(2021, 1, 15)
    assert history.trading_days[at].item() == date(2021, 1, 18)


def test_the_level_of_a_yield_is_that_of_its_par_bond(world: World) -> None:
    history = world.histories["us10y"]
    days = np.diff(history.sessions).astype(int)
    assert set(days.tolist()) >= {1, 3, 4}
    returns = par_bond_returns(history.close, days, 10)
    assert history.level[1:] / history.level[:-1] - 1 == pytest.approx(returns, abs=1e-12)
    # A fall of the yield is a gain: what is repriced is no price that rises with the number.
    moves = np.diff(history.close)
    assert (np.sign(returns[np.abs(moves) > 0.01]) == -np.sign(moves[np.abs(moves) > 0.01])).all()


def test_dividends_are_earned_and_a_split_leaves_no_trace(world: World) -> None:
    history = world.histories["jp_stock"]
    returns = history.level[1:] / history.level[:-1] - 1
    prices = history.close[1:] / history.close[:-1] - 1
    paid = {
        history.sessions[at + 1].item(): (returns[at] - prices[at]) * history.close[at]
        for at in np.flatnonzero(np.abs(returns - prices) > 1e-12)
    }
    assert paid == pytest.approx(made_up.DIVIDENDS)
    [split] = made_up.SPLITS
    assert bar(world, "jp_stock", split)["split"] == 2
    assert abs(prices[history.sessions.tolist().index(split) - 1]) < 0.1


def test_no_day_uses_a_bar_that_was_not_due(world: World) -> None:
    decisions = (world.bars["trading_day"] + pd.Timedelta(days=1)).dt.tz_localize("UTC")
    assert (world.bars["available_at"] <= decisions).all()
    # And none is held back: the day before had been decided by then.
    later = world.bars[world.bars["trading_day"] > pd.Timestamp(world.days.first)]
    before = [decision_time(world.days.previous(day.date())) for day in later["trading_day"]]
    assert (later["available_at"] > pd.DatetimeIndex(before)).all()


def test_all_days_are_complete_and_a_closed_market_is_not_stale(world: World) -> None:
    universe = world.config.universe
    states = day_states(
        universe_days := world.days.between(universe.start, date(2021, 3, 31)),
        world.expected,
        world.bars,
        datetime(2021, 6, 1, tzinfo=UTC),
        universe.deadline,
        universe.max_staleness,
    )
    assert set(states.days["state"]) == {"complete"}
    assert states.usable.all()
    assert (states.staleness == 0).all()
    at = universe_days.index(made_up.LONDON_CLOSED)
    last = dict(zip(states.instruments, states.last_sessions[at].tolist(), strict=True))
    assert last["gold"] == made_up.LONDON_CLOSED - timedelta(days=1)
    assert last["jp_index"] == made_up.LONDON_CLOSED
