"""The universe kospi on the command line, from nothing: prices, a network, predictions and headlines."""

import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stock_assets_tests.commands import Workplace
from stock_assets_tests.end_to_end.live import Place
from stock_assets_tests.end_to_end.providers import Providers
from stock_assets_tests.fake_feeds import rss
from stock_assets_tests.fake_yahoo import HANG

TWO_INDICES = [
    {
        "id": name,
        "name": title,
        "exchange": exchange,
        "currency": currency,
        "return_kind": "price",
        "publication_lag": "PT90M",
        "sources": [{"source": "yahoo", "symbol": symbol}],
    }
    for name, title, exchange, currency, symbol in (
        ("kospi", "KOSPI", "XKRX", "KRW", "^KS11"),
        ("nikkei", "Nikkei 225", "XTKS", "JPY", "^N225"),
    )
]


class LiveWorkplace(Workplace):
    """A folder with kospi instead of the made-up universe."""

    @property
    def state(self) -> Path:
        return self.folder / "state" / "kospi"


def installed(folder: Path, providers: Providers) -> LiveWorkplace:
    """Write a universe like kospi whose days reach to yesterday, with feeds on this machine."""
    today = datetime.now(UTC).date()
    place = Place.install(folder, "kospi", providers)
    feeds = [
        {"name": "One an instrument", "url": providers.feeds.url("/own?q={id}")},
        {"name": "Dead", "url": providers.feeds.url("/dead?s={symbol}")},
    ]
    place.configure(
        only=["kospi"],
        instruments=TWO_INDICES,
        history_start=today - timedelta(days=400),
        start=today - timedelta(days=40),
        headlines={"collect": "0 * * * *", "feeds": feeds},
    )
    world = place.open(datetime.now(UTC))
    providers.tell(world.deployment, datetime.now(UTC))
    world.engine.dispose()
    return LiveWorkplace(folder, place.environment)


def test_kospi_is_killed_goes_on_and_has_nothing_to_do_then(tmp_path: Path, providers: Providers) -> None:
    work = installed(tmp_path, providers)
    providers.yahoo.fail("^N225", HANG, lasting=True)
    providers.feeds.serve("/own", rss([("Index rises", "http://news.example/1")]))
    command = work.start("run")
    command.wait_for(lambda: work.count("price_bars") > 0, "bar of kospi")
    os.killpg(command.pid, signal.SIGKILL)
    command.end()
    providers.yahoo.recover("^N225")

    before = providers.asked()
    ended = work.run("run")
    assert ended.status == 0, ended.said
    # Two of the history's requests were answered in all, and each run of a year takes one an instrument.
    assert "2 of 4 feeds could be read" in ended.out
    assert "predictions of" in ended.out and "kospi" in ended.out and "nikkei" in ended.out
    history = [one for one in providers.yahoo.charts("^KS11") if _days(one.query) > 300]
    assert len(history) == 1, "what was stored before the kill was asked for again"
    assert providers.asked(before)["yahoo"] <= 5

    items = work.query("SELECT instrument, title FROM headlines ORDER BY instrument")
    assert items == [("kospi", "Index rises"), ("nikkei", "Index rises")]
    published = "SELECT count(*) FROM outcomes WHERE status = 'published'"
    ((count,),) = work.query(published)
    assert count > 0

    before = providers.asked()
    again = work.run("run")
    assert again.status == 0, again.said
    assert "kospi is up to date: there is nothing to do." in again.out
    assert providers.asked(before) == {}


def _days(query: dict[str, str]) -> float:
    return (int(query["period2"]) - int(query["period1"])) / 86400
