"""What is changed and what is compared, to show that nothing of a day knows what falls due after it."""

import zlib
from collections.abc import Iterable
from datetime import date, timedelta

import numpy as np

from stock_assets.cutoffs import cutoffs_between
from stock_assets_tests.lookahead import LookAhead
from stock_assets_tests.worlds import DAY_COLUMNS, PriceRow, World

#: Chances of a later bar to disappear, to come twice and to have no close, and of a day without a session
#: to have a bar.
_DROPPED, _TWICE, _EMPTY, _SURPRISE = 0.15, 0.04, 0.04, 0.2
#: What numbers are multiplied by, at the least and at the most.
_FACTORS, _SMALL_FACTORS = (0.5, 2.0), (0.98, 1.02)
#: A bar this many days before a trading day is no later one, however its source lags.
_LONG_BEFORE = timedelta(days=10)


def change_after(
    world: World,
    day: date,
    seed: int,
    *,
    values_only: bool = False,
    there_until: date | None = None,
    instruments: Iterable[str] | None = None,
) -> None:
    """Change at random everything in the sources that falls due after a trading day.

    Numbers change, bars disappear, come twice or lose their close, and days without a session get one. With
    ``values_only`` numbers change and nothing else, by so little that no bar is held for it. Sessions until
    ``there_until`` stay: who has stored them believes no answer that restates what lies beside them and says
    nothing of them, be it right about earlier days or not. ``instruments`` are those of the universe by
    default.
    """
    factors = _SMALL_FACTORS if values_only else _FACTORS
    for instrument in world.instruments if instruments is None else instruments:
        rng = np.random.default_rng([seed, zlib.crc32(instrument.encode())])

        def edit(rows: list[PriceRow], instrument=instrument, rng=rng) -> list[PriceRow]:
            known = [row for row in rows if not _is_later(world, instrument, row[0], day)]
            later = [row for row in rows if _is_later(world, instrument, row[0], day)]
            changed = [[row[0], *(_times(cell, rng.uniform(*factors)) for cell in row[1:])] for row in later]
            if values_only:
                return known + changed
            last = date.fromisoformat(rows[-1][0])
            stays = "" if there_until is None else there_until.isoformat()
            surprises = _surprises(world, instrument, day, last, rows, rng)
            return known + _disturbed(changed, stays, rng) + surprises

        world.edit_prices(instrument, edit)


def cutoffs_known_on(world: World, day: date, cutoffs: Iterable[date]) -> list[date]:
    """The cutoffs whose models know nothing that falls due after a trading day."""
    return [cutoff for cutoff in cutoffs if cutoff <= world.deployment.partition_days.next(day)]


def demand_the_same(
    base: World, other: World, day: date, *, first: date | None = None, tables: Iterable[str] = DAY_COLUMNS
) -> None:
    """Demand the same rows, to the last bit, of everything at or before a trading day.

    Parameters
    ----------
    first : date, optional
        Rows of days before it are not looked at.
    tables : iterable of str
        What is looked at: models up to the last cutoff that knows nothing later than the day.

    Raises
    ------
    LookAhead
        With the table and the first row that differs.
    """
    for table in tables:
        last = day
        if table == "models":
            cutoffs = cutoffs_between(base.deployment.universe.cutoffs, base.days[0], base.days[-1])
            last = cutoffs_known_on(base, day, cutoffs)[-1]
        expected, found = (world.contents(first, last)[table] for world in (base, other))
        if not expected:
            raise ValueError(f"{table} has no row until {last}: comparing nothing shows nothing.")
        if expected != found:
            pairs = zip([*expected, "nothing"], [*found, "nothing"], strict=False)
            old, new = next(pair for pair in pairs if pair[0] != pair[1])
            raise LookAhead(f"{table} until {last} changes with what falls due after {day}: {old} to {new}")


def _is_later(world: World, instrument: str, session: str, day: date) -> bool:
    of = date.fromisoformat(session)
    return of > day - _LONG_BEFORE and world.due_day(instrument, of) > day


def _times(cell: str, factor: float) -> str:
    return f"{float(cell) * factor:.4f}" if cell else ""


def _disturbed(rows: list[PriceRow], stays: str, rng: np.random.Generator) -> list[PriceRow]:
    disturbed = []
    for row in rows:
        draw = rng.uniform()
        if row[0] <= stays:
            disturbed.append(row)
            continue
        if draw < _DROPPED:
            continue
        disturbed.append([*row[:4], "", *row[5:]] if draw < _DROPPED + _EMPTY else row)
        if draw > 1 - _TWICE:
            disturbed.append([row[0], *(_times(cell, 1.1) for cell in row[1:])])
    return disturbed


def _surprises(
    world: World, instrument: str, day: date, last: date, rows: list[PriceRow], rng: np.random.Generator
) -> list[PriceRow]:
    there = {row[0] for row in rows}
    every = [(day + timedelta(days=number)).isoformat() for number in range(1, (last - day).days + 1)]
    return [
        [session, *rows[-1][1:]]
        for session in every
        if session not in there and rng.uniform() < _SURPRISE and _is_later(world, instrument, session, day)
    ]
