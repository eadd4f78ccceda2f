"""The made-up universe: writes its prices, and gives tests a copy of its configuration beside them."""

import csv
import shutil
import zlib
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from stock_assets.calendars import SessionCalendar, load_calendar
from stock_assets.config import UniverseConfig, load_universe
from stock_assets.config.instruments import Instrument
from stock_assets.trading_days import TradingDays

CONFIG_DIR = Path(__file__).parent / "configs"
SEED = 20210104

#: The Saturday session of XTKS and the closure of XLON in session_overrides.csv.
SATURDAY_SESSION = date(2021, 2, 6)
LONDON_CLOSED = date(2021, 3, 17)
#: The ex-date sessions of jp_stock, and what happens on them.
DIVIDENDS = {
    date(2019, 3, 27): 12.0,
    date(2019, 9, 26): 12.0,
    date(2020, 3, 27): 14.0,
    date(2020, 9, 28): 14.0,
}
SPLITS = {date(2020, 7, 1): 2.0}

_HEADER = ("Date", "Open", "High", "Low", "Close", "Volume", "Dividends", "Stock Splits")
_WITH_OHLC = ("jp_index", "jp_stock", "us_index")
_BEHIND_THE_END = timedelta(days=31)


def install(folder: Path, seed: int = SEED) -> UniverseConfig:
    """Copy the configuration into ``folder``, write the prices beside it, and load it.

    The folder of all universes is then ``folder / "configs"``, the universe's ``config.folder``.
    """
    config_dir = folder / "configs"
    shutil.copytree(CONFIG_DIR, config_dir)
    config = load_universe(config_dir / "made_up")
    calendars = load_calendars(config, folder / "calendars")
    (config.folder / "prices").mkdir()
    for instrument in config.universe.instruments:
        write_prices(config, instrument, calendars[instrument.exchange], seed)
    return config


def load_calendars(config: UniverseConfig, cache_dir: Path) -> dict[str, SessionCalendar]:
    """The calendars of the universe from its first session to a month behind its end."""
    universe = config.universe
    assert universe.end is not None
    last = universe.end + _BEHIND_THE_END
    return {
        code: load_calendar(code, universe.history_start, last, cache_dir, config.overrides)
        for code in universe.exchanges
    }


def trading_days(config: UniverseConfig, calendars: dict[str, SessionCalendar]) -> TradingDays:
    """The trading days from ``history_start`` to ``end``."""
    assert config.universe.end is not None
    return TradingDays.from_calendars(calendars.values(), config.universe.history_start, config.universe.end)


def price_file(config: UniverseConfig, instrument: Instrument) -> Path:
    """Where the prices of an instrument lie."""
    return config.folder / "prices" / f"{instrument.sources[0].symbol}.csv"


def write_prices(
    config: UniverseConfig, instrument: Instrument, calendar: SessionCalendar, seed: int
) -> None:
    """Write one file with a bar for each session from ``history_start`` to ``end``."""
    assert config.universe.end is not None
    sessions = calendar.between(config.universe.history_start, config.universe.end)
    with price_file(config, instrument).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        writer.writerows(made_up_rows(instrument, sessions, seed))


def made_up_rows(instrument: Instrument, sessions: tuple[date, ...], seed: int) -> list[list[str]]:
    """A random walk: of the logarithm of a price, or of a yield in percent.

    Closes are as sources deliver them, adjusted for splits: a split leaves no trace in them.
    """
    generator = np.random.default_rng([seed, zlib.crc32(instrument.id.encode())])
    steps = generator.standard_normal((len(sessions), 4))
    if instrument.return_kind == "yield":
        closes = 1.5 + 0.03 * np.cumsum(steps[:, 0])
    else:
        closes = 1000 * np.exp(np.cumsum(0.0003 + 0.01 * steps[:, 0]))
    rows = []
    before = closes[0]
    for session, close, (_, at_open, above, below) in zip(sessions, closes, steps, strict=True):
        paid, split = DIVIDENDS.get(session, 0.0), SPLITS.get(session, 0.0)
        row = [session.isoformat(), "", "", "", f"{close:.4f}", "", "", ""]
        if instrument.id in _WITH_OHLC:
            opening = before * np.exp(0.003 * at_open)
            high = max(opening, close) * np.exp(0.002 * abs(above))
            low = min(opening, close) * np.exp(-0.002 * abs(below))
            row[1:4] = [f"{price:.4f}" for price in (opening, high, low)]
            row[5] = str(int(1e6 * np.exp(0.2 * above)))
        if instrument.id == "jp_stock":
            row[6:] = [f"{paid:g}", f"{split:g}"]
        rows.append(row)
        before = close
    return rows
