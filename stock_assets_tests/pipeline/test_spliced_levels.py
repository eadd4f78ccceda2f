"""Closes of two levels never meet in one history: they would make a return that never was."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stock_assets.config.instruments import Instrument
from stock_assets.errors import RateLimited, SourceUnavailable
from stock_assets.market_data.source import PriceSource
from stock_assets_tests.pipeline.odd_sources import OddSource
from stock_assets_tests.worlds import NOW, World

DAY, BEFORE = date(2021, 3, 24), date(2021, 3, 23)
LONG_AGO = date(2020, 6, 10)
LATER = NOW + timedelta(days=1)

Edit = Callable[[pd.DataFrame], pd.DataFrame]


def at(rows: pd.DataFrame, session: date) -> pd.Series:
    return rows["session"] == pd.Timestamp(session)


def scaled(factor: float) -> Edit:
    return lambda rows: rows.assign(close=rows["close"] * factor)


def without(*sessions: date) -> Edit:
    return lambda rows: rows[~rows["session"].isin(pd.to_datetime(list(sessions)))]


def since(first: date) -> Edit:
    return lambda rows: rows[rows["session"] >= pd.Timestamp(first)]


def with_close(session: date, close: float) -> Edit:
    return lambda rows: rows.assign(close=rows["close"].mask(at(rows, session), close))


def of(name: str, *edits: Edit) -> Callable[[str, pd.DataFrame], pd.DataFrame]:
    def edit(instrument: str, rows: pd.DataFrame) -> pd.DataFrame:
        if instrument == name:
            for one in edits:
                rows = one(rows)
        return rows

    return edit


@dataclass(frozen=True)
class LimitedAfterOne:
    """Answers the first request for gold, and no other."""

    source: PriceSource
    asked: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.source.name

    def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
        self.asked.append(instrument.id)
        if instrument.id == "gold" and self.asked.count("gold") > 1:
            raise RateLimited("csv is limited.")
        return self.source.fetch(instrument, symbol, first, last)


@pytest.fixture
def unloaded(priced_world: World, tmp_path: Path) -> World:
    """Without the prices from DAY on; gold and the yield have a fallback, which tests give."""
    world = priced_world.copy(tmp_path / "world")
    world.forget_prices(DAY)
    for symbol in ("GOLD", "US10Y"):
        own = f"{{source: csv, symbol: {symbol}}}"
        world = world.configured(
            "universe.yaml", f"[{own}]", f"[{own}, {{source: sample, symbol: {symbol}}}]"
        )
    return world


def closes(world: World, instrument: str = "gold") -> dict[object, float]:
    """The newest close of each stored session."""
    rows = world.rows("price_bars", instrument=instrument)
    return {row["session"]: float(str(row["close"])) for row in rows}


def load(
    world: World, *edits: Edit, instrument: str = "gold", days: Sequence[date] = (DAY,)
) -> tuple[str | None, bool]:
    """Load the days from a first choice that says something else: what failed, and whether it was written."""
    before = closes(world, instrument)
    source = OddSource(world.sources()["csv"], edit=of(instrument, *edits))
    report = world.load_days(days, LATER, sources={"csv": source, "sample": world.sources()["csv"]})
    return report.failures.get(instrument), closes(world, instrument) != before


def stand_in(world: World, *edits: Edit, instrument: str = "gold") -> tuple[str | None, list[object]]:
    """Load the day from a fallback: what failed, and the sessions that were added."""
    before = closes(world, instrument)
    down = OddSource(world.sources()["csv"], {instrument: SourceUnavailable("csv is down.")})
    fallback = OddSource(world.sources()["csv"], edit=of(instrument, *edits))
    report = world.load_days([DAY], sources={"csv": down, "sample": fallback})
    after = closes(world, instrument)
    assert {session: after[session] for session in before} == before, "a fallback corrects nothing"
    return report.failures.get(instrument), [session for session in after if session not in before]


# A restatement that does not say all of the past.


@pytest.mark.parametrize(
    "lacking",
    [
        without(LONG_AGO),
        with_close(LONG_AGO, np.nan),
        with_close(LONG_AGO, 0.0),
        without(BEFORE),
        since(LONG_AGO + timedelta(days=1)),
    ],
)
def test_a_restatement_that_lacks_a_stored_session_is_owed(unloaded: World, lacking: Edit) -> None:
    failure, written = load(unloaded, scaled(0.5), lacking)
    assert failure is not None and not written
    assert failure.startswith(
        "instruments.gold: the source 'csv' restates its closes and gives no usable one"
    )
    assert "2020-06-10" in failure or "2021-03-23" in failure or "2019-01-" in failure, failure
    (finding,) = unloaded.rows("findings", DAY, DAY, instrument="gold")
    assert (finding["kind"], finding["detail"]) == ("source_failed", failure)
    # With the session it is a restatement like any other.
    before = closes(unloaded)
    assert load(unloaded, scaled(0.5)) == (None, True)
    assert {session: close / 2 for session, close in before.items()} == pytest.approx(
        {session: close for session, close in closes(unloaded).items() if session in before}
    )


def test_a_restatement_of_a_day_with_stored_ones_behind_it_is_owed(
    priced_world: World, tmp_path: Path
) -> None:
    world = priced_world.copy(tmp_path / "world")
    failure, written = load(world, scaled(0.5))
    assert failure is not None and "of 2021-03-25" in failure and not written
    assert load(world, scaled(0.5), days=world.between(DAY, world.days[-1])) == (None, True)


def test_a_correction_of_the_oldest_bar_is_no_restatement(unloaded: World) -> None:
    oldest = date(2021, 3, 16)
    stored = closes(unloaded)[oldest]
    beside = date(2021, 3, 15)
    failure, _ = load(unloaded, with_close(oldest, stored * 1.01), without(beside, LONG_AGO))
    assert failure is None
    assert closes(unloaded)[oldest] == pytest.approx(stored * 1.01)


def test_what_vanished_among_closes_that_stand_stops_nothing(unloaded: World) -> None:
    recent = pd.Timestamp(2021, 3, 1)

    def restated_since(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(close=rows["close"].mask(rows["session"] >= recent, rows["close"] / 2))

    before = closes(unloaded)
    assert load(unloaded, restated_since, without(LONG_AGO)) == (None, True)
    after = closes(unloaded)
    assert (after[LONG_AGO], after[BEFORE]) == (before[LONG_AGO], pytest.approx(before[BEFORE] / 2))


@pytest.mark.parametrize("fallback", [since(date(2020, 9, 1)), scaled(2)])
def test_a_restatement_is_read_again_from_the_source_that_told_of_it(unloaded: World, fallback: Edit) -> None:
    before = closes(unloaded)
    restated = OddSource(unloaded.sources()["csv"], edit=of("gold", scaled(0.5)))
    other = OddSource(unloaded.sources()["csv"], edit=of("gold", scaled(0.5), fallback))
    report = unloaded.load_days([DAY], sources={"csv": LimitedAfterOne(restated), "sample": other})
    assert report.failures == {"gold": "csv is limited."}
    assert closes(unloaded) == before


# A fallback on another level.


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (scaled(1.0025), "more apart than quality.disagreement"),
        (scaled(0.5), "more apart than quality.disagreement"),
        (since(DAY), "nobody knows whether its closes are on their level"),
        (with_close(BEFORE, np.nan), None),
        (scaled(1.0015), None),
        (without(BEFORE), None),
    ],
)
def test_a_fallback_is_believed_on_the_level_of_what_is_stored(
    unloaded: World, edit: Edit, sentence: str | None
) -> None:
    failure, added = stand_in(unloaded, edit)
    if sentence is None:
        assert (failure, added) == (None, [DAY])
        return
    assert failure is not None and sentence in failure and not added
    (finding,) = unloaded.rows("findings", DAY, DAY, instrument="gold")
    assert finding["kind"] == "source_failed"
    # It is owed, and asked for again.
    assert DAY in unloaded.plan().price_runs[-1]
    unloaded.load_days([DAY], LATER, only_missing=True)
    assert DAY in closes(unloaded)


def test_one_session_in_common_at_its_level_is_no_level(unloaded: World) -> None:
    stands = date(2021, 3, 18)
    close = closes(unloaded)[stands]
    failure, added = stand_in(unloaded, scaled(1.08), with_close(stands, close))
    assert failure is not None and "of 2021-03-23" in failure and not added


@pytest.mark.parametrize(("points", "believed"), [(0.04, True), (0.06, False)])
def test_yields_are_compared_in_basis_points(unloaded: World, points: float, believed: bool) -> None:
    def moved(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(close=rows["close"] + points)

    failure, added = stand_in(unloaded, moved, instrument="us10y")
    assert (failure is None, bool(added)) == (believed, believed)


def test_a_fallback_that_corrects_itself_restates_nothing(unloaded: World) -> None:
    """Nor does it where it has given all that is read again."""
    with unloaded.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE price_bars SET source = 'sample' WHERE instrument = 'gold' AND session >= '2021-03-01'"
        )
    old = closes(unloaded)
    down = OddSource(unloaded.sources()["csv"], {"gold": SourceUnavailable("csv is down.")})
    fallback = OddSource(unloaded.sources()["csv"], edit=of("gold", scaled(1.001)))
    report = unloaded.load_days([DAY], sources={"csv": down, "sample": fallback})
    assert not report.failures and len(report.corrections) == 5
    assert closes(unloaded)[LONG_AGO] == old[LONG_AGO]


def test_a_fallback_that_has_given_everything_may_restate_it(unloaded: World) -> None:
    with unloaded.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE price_bars SET source = 'sample' WHERE instrument = 'gold'")
    before = closes(unloaded)
    down = OddSource(unloaded.sources()["csv"], {"gold": SourceUnavailable("csv is down.")})
    fallback = OddSource(unloaded.sources()["csv"], edit=of("gold", scaled(0.5)))
    report = unloaded.load_days([DAY], sources={"csv": down, "sample": fallback})
    assert (report.failures, report.silent["gold"]) == ({}, ("csv is down.",))
    assert closes(unloaded)[LONG_AGO] == pytest.approx(before[LONG_AGO] / 2)


# A gap in the history.


@pytest.mark.parametrize(
    ("edits", "sentence"),
    [
        ((scaled(0.5),), "'csv' says"),
        (
            (
                without(
                    *pd.bdate_range("2020-05-01", "2020-06-09"), *pd.bdate_range("2020-06-12", NOW.date())
                ),
            ),
            "'csv' has none of",
        ),
        ((scaled(1.0015),), None),
        ((), None),
    ],
)
def test_a_gap_is_filled_on_the_level_of_what_is_stored_beside_it(
    unloaded: World, edits: tuple[Edit, ...], sentence: str | None
) -> None:
    gap = (LONG_AGO, LONG_AGO + timedelta(days=1))
    whole = closes(unloaded)
    with unloaded.engine.begin() as connection:
        connection.exec_driver_sql(
            f"DELETE FROM price_bars WHERE instrument = 'gold' AND session BETWEEN '{gap[0]}' AND '{gap[1]}'"
        )
    before = closes(unloaded)
    source = OddSource(unloaded.sources()["csv"], edit=of("gold", *edits))
    sources = {"csv": source, "sample": unloaded.sources()["csv"]}
    if sentence is not None:
        with pytest.raises(SourceUnavailable, match=sentence):
            unloaded.load_history(sources=sources)
        assert closes(unloaded) == before
        return
    unloaded.load_history(sources=sources)
    after = closes(unloaded)
    assert set(after) == set(whole), "nothing beside the gap is added or taken"
    assert {session: after[session] for session in before} == before, "and nothing is corrected"
    ((_, first, last),) = source.requests
    assert len([session for session in whole if first <= session <= last]) == 2 + 2 * 5
