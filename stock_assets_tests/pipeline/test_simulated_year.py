"""A year of the sensor, with a clock that is moved by hand: one run a trading day, one line a closed day."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from stock_assets_tests.pipeline.simulation import Simulation, at

FIRST, LAST = date(2025, 8, 4), date(2026, 7, 31)
#: Wednesday to Sunday: nothing looks at all, and a whole week of days is to be made up on Monday.
OUTAGE = date(2026, 3, 11), date(2026, 3, 15)
LOOKS = (0.02, 13)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


def calendar_days() -> Iterator[date]:
    day = FIRST
    while day <= LAST:
        yield day
        day += timedelta(days=1)


def simulate(simulation: Simulation) -> dict[date, list[str]]:
    """Look several times a day; return what was said of each day that is no trading day."""
    reasons: dict[date, list[str]] = {}
    for today in calendar_days():
        if OUTAGE[0] <= today <= OUTAGE[1]:
            continue
        for hour in LOOKS:
            decision = simulation.look(at(today, hour))
            reasons.setdefault(today - timedelta(days=1), []).append(decision.reason)
            simulation.run(at(today, hour + 0.3))
    return reasons


@pytest.mark.parametrize("universe", ["kospi", "global13"])
def test_a_year(tmp_path: Path, tables: Path, universe: str) -> None:
    simulation = Simulation.install(tmp_path, universe, at(LAST, 30), tables, start=date(2025, 8, 1))
    simulation.load_history()
    reasons = simulate(simulation)
    days = simulation.deployment.partition_days.between(date(2025, 8, 1), LAST - timedelta(days=1))
    closed = [day for day in (one - timedelta(days=1) for one in calendar_days()) if day not in days]
    # In order, each once: those of the outage too.
    assert [one.day for one in simulation.requested] == list(days)
    assert all(one.attempt == 1 for one in simulation.requested)
    lines = simulation.said("market_closed")
    assert sorted(line[:10] for line in lines) == [str(day) for day in closed]
    outage = [OUTAGE[0] + timedelta(days=number) for number in range(-1, 4)]
    for day in closed:
        assert all(reason.startswith(f"{day}: ") for reason in reasons.get(day, ())), day
    assert all(len(reasons[day]) == len(LOOKS) for day in closed if day not in outage)
    # The days whose deadline passed while nothing looked, and no other, were late; then they came.
    late = [text[:10] for text in simulation.said("late")]
    assert late == [text[:10] for text in simulation.said("recovered")]
    assert late == ["2026-03-10", "2026-03-11", "2026-03-12", "2026-03-13"]
    complete = simulation.said("all_complete")
    assert len(complete) == len(set(complete)) == len(days) - len(late) - 1
    beats = len(simulation.said("all_complete", target="heartbeat"))
    assert beats == len(list(calendar_days())) - 5
    assert not simulation.said("failure", "warning")
    if universe == "kospi":
        assert "2025-10-06: XKRX closed, Chuseok" in "\n".join(lines)
        assert "2025-12-31: XKRX closed, End of Year Holiday" in lines
        assert "2026-01-01: XKRX closed, New Year's Day" in lines
    said = Counter(line.partition(": ")[2] for line in lines)
    assert said["weekend"] == len([day for day in closed if day.weekday() >= 5])
