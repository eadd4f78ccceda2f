"""A small live universe, one instrument a source, with feeds, and the servers that answer for its sources."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from stock_assets.doctor.configuration import Configuration, read_configuration
from stock_assets.settings import PROJECT_ROOT, Settings
from stock_assets_tests.fake_yahoo import FakeYahoo
from stock_assets_tests.fake_yield_sources import FakeEcos, FakeFred, FakeTreasury

#: A Wednesday; the window that sources are asked for reaches from the 12th to the 31st of January.
TODAY = date(2024, 2, 1)
ECOS_KEY = "ABCDEFGHIJ0123456789"

UNIVERSE = """
name: live
description: One instrument a source
owners: [team:quant]
history_start: 2020-01-06
start: 2023-01-02
source_settings:
  csv: {file: "prices/{symbol}.csv"}
instruments:
  - {id: kospi, name: KOSPI, exchange: XKRX, currency: KRW,
     return_kind: price,
     sources: [{source: yahoo, symbol: ^KS11}]}
  - {id: nasdaq, name: Nasdaq, exchange: XNYS, currency: USD,
     return_kind: price,
     sources: [{source: yahoo, symbol: ^IXIC}]}
  - {id: kor3y, name: Korean bond, exchange: XKRX, currency: KRW,
     return_kind: yield, maturity_years: 3,
     sources: [{source: ecos, symbol: 817Y002/010200000}]}
  - {id: us10y, name: US note, exchange: USGOV, currency: USD,
     return_kind: yield, maturity_years: 10,
     sources: [{source: treasury, symbol: BC_10YEAR}, {source: fred, symbol: DGS10}]}
  - {id: fund, name: Fund, exchange: XNYS, currency: USD,
     return_kind: total,
     sources: [{source: csv, symbol: FUND}]}
"""


@dataclass(frozen=True)
class Providers:
    """The servers."""

    yahoo: FakeYahoo
    treasury: FakeTreasury
    fred: FakeFred
    ecos: FakeEcos

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead to them."""
        names = ("yahoo", "treasury", "fred", "ecos")
        return {f"STOCK_ASSETS_{name.upper()}_URL": getattr(self, name).url for name in names}


def weekdays(first: date, last: date) -> list[date]:
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    return [day for day in days if day.weekday() < 5]


#: 22 sessions, of which 14 lie in the window.
SESSIONS = weekdays(date(2024, 1, 2), date(2024, 1, 31))


@contextmanager
def providers() -> Iterator[Providers]:
    """Servers that have every session of January 2024."""
    with FakeYahoo() as yahoo, FakeTreasury() as treasury, FakeFred() as fred, FakeEcos(ECOS_KEY) as ecos:
        bars = [(day, 2500.0) for day in SESSIONS]
        yahoo.serve("^KS11", timezone="Asia/Seoul", currency="KRW", bars=bars)
        yahoo.serve("^IXIC", timezone="America/New_York", currency="USD", bars=bars)
        values = dict.fromkeys(SESSIONS, 3.5)
        treasury.serve("BC_10YEAR", values)
        fred.serve("DGS10", values)
        ecos.serve("817Y002/010200000", values)
        yield Providers(yahoo, treasury, fred, ecos)


def install(folder: Path, *, more: str = "", **variables: str) -> Settings:
    """Write the configuration and the prices of the fund; ``more`` is appended to ``universe.yaml``."""
    universe = folder / "configs" / "live"
    (universe / "prices").mkdir(parents=True)
    (universe / "universe.yaml").write_text(UNIVERSE + more, encoding="utf-8")
    shutil.copyfile(PROJECT_ROOT / "configs" / "kospi" / "stage1.yaml", universe / "stage1.yaml")
    rows = [f"{day},100.0" for day in SESSIONS]
    (universe / "prices" / "FUND.csv").write_text("\n".join(["date,close", *rows]), encoding="utf-8")
    return Settings.from_environment(environment(folder, **variables))


def environment(folder: Path, **variables: str) -> dict[str, str]:
    return {
        "STOCK_ASSETS_UNIVERSE": "live",
        "STOCK_ASSETS_CONFIG_DIR": str(folder / "configs"),
        "STOCK_ASSETS_STATE_DIR": str(folder / "state"),
        "STOCK_ASSETS_ECOS_KEY": ECOS_KEY,
        **variables,
    }


def edit(settings: Settings, old: str, new: str, file: str = "universe.yaml") -> Configuration:
    """Change the configuration in one place and read it again."""
    path = settings.universe_dir / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return read_configuration(settings)
