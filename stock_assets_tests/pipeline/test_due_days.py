"""Which days the daemon runs, when it tries again, and what is said of days."""

import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from stock_assets.pipeline.closures import closed_markets
from stock_assets.pipeline.due_days import decide
from stock_assets.pipeline.run_attempts import LOST_AFTER
from stock_assets.settings import PROJECT_ROOT
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.prices import append_bars
from stock_assets.storage.schedules import RunAttempt, read_attempts, write_attempts
from stock_assets_tests.pipeline.simulation import Simulation, at
from stock_assets_tests.storage.builders import bars

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2026, 3, day) for day in range(9, 14))
SATURDAY, SUNDAY = date(2026, 3, 14), date(2026, 3, 15)
NEW_YORK = {
    "id": "us",
    "name": "New York",
    "exchange": "XNYS",
    "currency": "USD",
    "return_kind": "price",
    "publication_lag": "PT90M",
    "sources": [{"source": "yahoo", "symbol": "^IXIC"}],
}
Install = Callable[..., Simulation]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@pytest.fixture
def install(tables: Path, tmp_path: Path) -> Install:
    """The universe kospi on New York's sessions, from Monday on, with its history loaded."""

    def simulation(**operations: object) -> Simulation:
        made = Simulation.install(
            tmp_path,
            "kospi",
            at(FRIDAY),
            tables,
            start=MONDAY,
            instruments=[NEW_YORK],
            operations=operations,
        )
        made.load_history()
        return made

    return simulation


def keys(requests: tuple[RunAttempt, ...]) -> list[str]:
    return [one.key for one in requests]


def test_a_day_is_run_once_it_is_over(install: Install) -> None:
    simulation = install()
    before = simulation.look(at(TUESDAY) - timedelta(seconds=1))
    assert before.requests == () and before.reason == (
        "2026-03-08: weekend; The first trading day, 2026-03-09, is not over yet."
    )
    assert keys(simulation.look(at(TUESDAY)).requests) == ["daily/2026-03-09/1"]
    running = simulation.look(at(TUESDAY, 0.1))
    assert (running.requests, running.reason) == ((), "2026-03-09 is being run.")
    simulation.run(at(TUESDAY, 0.2))
    done = simulation.look(at(TUESDAY, 0.3))
    assert done.reason == "All of the last 1 trading days up to 2026-03-09 are finished."
    assert [one.result for one in done.finished] == ["succeeded"]
    assert simulation.look(at(TUESDAY, 0.4)).finished == ()


def test_what_was_missed_is_made_up_in_order_and_at_most_twenty_at_once(install: Install) -> None:
    simulation = install(catch_up_days=30)
    now = at(date(2026, 4, 15), 3)
    first = simulation.look(now)
    days = simulation.deployment.partition_days.between(MONDAY, date(2026, 4, 14))
    assert len(days) == 26 and [one.day for one in first.requests] == list(days[:20])
    assert [one.day for one in simulation.look(now).requests] == list(days[20:])
    assert simulation.look(now).requests == ()
    simulation.run(now)
    assert simulation.look(now).reason.startswith("All of the last 26 trading days")


def test_only_the_last_weeks_are_looked_at(install: Install) -> None:
    simulation = install(catch_up_days=2)
    assert [one.day for one in simulation.look(at(SATURDAY)).requests] == [THURSDAY, FRIDAY]


def test_without_catching_up_only_the_last_day_is_run(install: Install) -> None:
    simulation = install(catch_up=False)
    assert [one.day for one in simulation.look(at(SATURDAY, 3)).requests] == [FRIDAY]
    simulation.run(at(SATURDAY, 4))
    assert simulation.look(at(SATURDAY, 5)).requests == simulation.look(at(SUNDAY)).requests == ()
    # And that is all that there is to do: silence would be a false alarm.
    assert simulation.said("all_complete") == ["All complete up to 2026-03-13 (1 trading day looked at)."]
    with read_transaction(simulation.engine) as connection:
        details = connection.exec_driver_sql(
            "SELECT details FROM alerts WHERE kind = 'all_complete' AND target = 'slack'"
        ).scalar()
    assert details == ("Never loaded, since catch_up is off: 2026-03-09, 2026-03-10, 2026-03-11, 2026-03-12.")


def test_without_catching_up_a_day_that_waits_is_brought_to_its_end(install: Install) -> None:
    simulation = install(catch_up=False)
    simulation.ending = lambda kind, day: "waiting"
    for hour in (0.1, 23):
        simulation.look(at(WEDNESDAY, hour))
        simulation.run(at(WEDNESDAY, hour))
    simulation.ending = lambda kind, day: "complete"
    # The deadline of Tuesday, with which Wednesday is the last day that is over.
    decision = simulation.look(at(THURSDAY))
    assert keys(decision.requests) == ["daily/2026-03-10/2", "daily/2026-03-11/1"]
    assert "2026-03-09 is missing and left to `make run`, since catch_up is off" in decision.reason


def test_the_history_comes_first_and_holds_nothing_up_for_ever(install: Install) -> None:
    simulation = install(attempts_a_day=3, step_retries=0, retry_delay="PT0S")
    with simulation.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM price_bars")
    simulation.ending = lambda kind, day: "failed" if kind == "history" else "complete"
    requested = []
    for number in range(6):
        now = at(TUESDAY, 1 + number)
        requested.append(keys(simulation.look(now).requests))
        assert simulation.look(now).requests == ()
        simulation.run(now)
    assert requested == [
        ["history/2026-03-09/1"],
        ["history/2026-03-09/2"],
        ["history/2026-03-09/3"],
        ["daily/2026-03-09/1"],
        [],
        [],
    ]
    (text,) = simulation.said("failure")
    assert text.startswith("The history is not tried again before 2026-03-11 00:00 UTC: its 3 attempts")


def test_no_day_is_run_while_the_history_is_to_be_tried_again(install: Install) -> None:
    simulation = install(retry_delay="PT30M")
    with simulation.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM price_bars")
    simulation.ending = lambda kind, day: "failed"
    simulation.look(at(TUESDAY))
    simulation.run(at(TUESDAY, 1))
    for minute in (0, 10, 29):
        assert simulation.look(at(TUESDAY, 1) + timedelta(minutes=minute)).requests == ()
    assert keys(simulation.look(at(TUESDAY, 1.5)).requests) == ["history/2026-03-09/2"]


def test_a_failed_day_is_tried_again_after_a_pause_within_the_bound(install: Install) -> None:
    simulation = install(attempts_a_day=3, step_retries=0, retry_delay="PT30M")
    simulation.ending = lambda kind, day: "failed"
    assert keys(simulation.look(at(TUESDAY)).requests) == ["daily/2026-03-09/1"]
    simulation.run(at(TUESDAY, 1))
    seen = at(TUESDAY, 1)
    assert simulation.look(seen).reason == "2026-03-09 is missing and is tried again later."
    assert simulation.look(seen + timedelta(minutes=30, seconds=-1)).requests == ()
    assert keys(simulation.look(seen + timedelta(minutes=30)).requests) == ["daily/2026-03-09/2"]
    simulation.run(at(TUESDAY, 2))
    simulation.look(at(TUESDAY, 2))
    assert keys(simulation.look(at(TUESDAY, 3)).requests) == ["daily/2026-03-09/3"]
    simulation.run(at(TUESDAY, 4))
    for hour in (5, 12, 23.9):
        assert simulation.look(at(TUESDAY, hour)).requests == ()
    (text,) = simulation.said("failure")
    assert text.startswith(
        "2026-03-09 is not tried again before 2026-03-11 00:00 UTC: its 3 attempts of today"
    )
    # The next calendar day has attempts of its own.
    assert keys(simulation.look(at(WEDNESDAY)).requests) == ["daily/2026-03-09/4", "daily/2026-03-10/1"]


def test_repeated_steps_and_runs_count_as_attempts(install: Install) -> None:
    simulation = install(attempts_a_day=6)
    simulation.ending, simulation.tries = lambda kind, day: "failed", 3
    for hour in range(1, 9):
        simulation.look(at(TUESDAY, hour))
        simulation.run(at(TUESDAY, hour + 0.1))
    assert [one.attempt for one in simulation.requested] == [1, 2]
    with read_transaction(simulation.engine) as connection:
        assert [one.tries for one in read_attempts(connection, "daily", MONDAY)] == [3, 3]


def test_a_run_that_brings_nothing_forward_is_bounded_too(install: Install) -> None:
    simulation = install(attempts_a_day=3, step_retries=0)
    simulation.ending = lambda kind, day: "complete"
    simulation.look(at(TUESDAY, 1))
    for hour in range(2, 12):
        simulation.run(at(TUESDAY, hour))
        with simulation.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM days")
        simulation.look(at(TUESDAY, hour + 0.5))
    assert len(simulation.requested) == 3


def test_a_day_that_waits_is_asked_for_without_using_attempts(install: Install) -> None:
    simulation = install(attempts_a_day=2, step_retries=0, waiting_delay="PT2H")
    simulation.ending = lambda kind, day: "waiting"
    asked = []
    for quarter in range(4 * 25):
        now = at(TUESDAY, quarter / 4)
        asked += [(one.attempt, quarter / 4) for one in simulation.look(now).requests if one.day == MONDAY]
        simulation.run(now)
    # Every two hours after its end was seen, and once more at its deadline.
    hours = [hour for _, hour in asked]
    assert hours == [0.0, *(2.25 * number for number in range(1, 11)), 24.0]
    assert [attempt for attempt, _ in asked] == list(range(1, 13))
    assert not simulation.said("failure")
    simulation.ending = lambda kind, day: "partial"
    now = at(WEDNESDAY, 2.5)
    assert MONDAY in [one.day for one in simulation.look(now).requests]
    simulation.run(now)
    assert not [one for one in simulation.look(now).requests if one.day == MONDAY]


def test_a_day_that_somebody_else_left_waiting_is_not_asked_for_at_once(install: Install) -> None:
    simulation = install(waiting_delay="PT1H")
    simulation.finish_days([MONDAY], at(TUESDAY, 5), "waiting")
    assert simulation.look(at(TUESDAY, 5.9)).requests == ()
    assert keys(simulation.look(at(TUESDAY, 6)).requests) == ["daily/2026-03-09/1"]


def test_what_somebody_started_by_hand_is_not_started_twice(install: Install) -> None:
    simulation = install()
    decision = simulation.look(at(WEDNESDAY), running=[MONDAY])
    assert keys(decision.requests) == ["daily/2026-03-10/1"]
    assert "2026-03-09 is being run" in decision.reason


def test_a_request_that_never_became_a_run_is_made_again_with_its_key(install: Install) -> None:
    simulation = install()
    lost = RunAttempt("daily", MONDAY, 1, at(TUESDAY))
    with simulation.engine.begin() as connection:
        write_attempts(connection, [lost])
    assert simulation.look(at(TUESDAY) + LOST_AFTER - timedelta(seconds=1)).requests == ()
    again = simulation.look(at(TUESDAY) + LOST_AFTER)
    assert keys(again.requests) == [lost.key]
    simulation.run(at(TUESDAY, 1))
    assert simulation.look(at(TUESDAY, 1)).requests == ()
    with read_transaction(simulation.engine) as connection:
        assert len(read_attempts(connection, "daily", MONDAY)) == 1


@pytest.mark.parametrize(
    ("change", "asset"),
    [
        ("DELETE FROM outcomes", "stage1_prediction/us"),
        ("UPDATE outcomes SET status = 'waiting'", "stage1_prediction/us"),
        ("UPDATE outcomes SET status = 'no_model'", "stage1_prediction/us"),
    ],
)
def test_a_day_whose_predictions_are_not_settled_is_run_again(
    install: Install, change: str, asset: str
) -> None:
    simulation = install()
    simulation.finish_days([MONDAY, TUESDAY], at(WEDNESDAY))
    simulation.train(date(2026, 3, 1), at(MONDAY))
    assert simulation.look(at(WEDNESDAY, 1)).requests == ()
    with simulation.engine.begin() as connection:
        connection.exec_driver_sql(f"{change} WHERE date = '{MONDAY}' AND asset = '{asset}'")
    assert [one.day for one in simulation.look(at(WEDNESDAY, 2)).requests] == [MONDAY]


def test_a_day_with_bars_that_a_source_owes_is_run_again(install: Install) -> None:
    simulation = install()
    simulation.finish_days([MONDAY], at(TUESDAY), "partial")
    assert simulation.look(at(TUESDAY, 1)).requests == ()
    with simulation.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO findings "
            "(instrument, session, kind, trading_day, severity, detail, found_at, run_id) "
            f"VALUES ('us', '{MONDAY}', 'source_failed', '{MONDAY}', 'blocked', 'x', '2026-03-10', 'a run')"
        )
    assert [one.day for one in simulation.look(at(TUESDAY, 2)).requests] == [MONDAY]


def test_a_day_off_says_why_at_every_look_and_once_in_an_alert(install: Install) -> None:
    simulation = install()
    simulation.look(at(date(2026, 11, 26)))
    simulation.run(at(date(2026, 11, 26), 1))
    thanksgiving = [simulation.look(at(date(2026, 11, 27), hour)).reason for hour in (0, 6, 23)]
    assert all(
        reason.startswith("2026-11-26: XNYS closed, Thanksgiving; All of the last 15")
        for reason in thanksgiving
    )
    assert simulation.said("market_closed") == ["2026-11-26: XNYS closed, Thanksgiving"]
    assert simulation.look(at(date(2026, 11, 29))).reason.startswith("2026-11-28: weekend")
    assert simulation.look(at(date(2026, 11, 30))).reason.startswith("2026-11-29: weekend")
    assert simulation.said("market_closed")[1:] == ["2026-11-28: weekend", "2026-11-29: weekend"]


def test_what_was_before_anybody_watched_is_not_said(install: Install) -> None:
    """Neither old weekends, nor days that were late before the first look."""
    simulation = install()
    simulation.ending = lambda kind, day: "failed"
    simulation.look(at(date(2026, 3, 18), 5))
    assert simulation.said("market_closed", "late") == []
    simulation.look(at(date(2026, 3, 19), 5))
    # Tuesday's deadline came after the first look.
    assert [text[:10] for text in simulation.said("late")] == ["2026-03-17"]


def test_a_day_is_late_once_and_recovers_once(install: Install) -> None:
    simulation = install(late_after="PT2H")
    simulation.ending = lambda kind, day: "failed"
    simulation.look(at(TUESDAY))
    for hour in (1, 12, 25.9):
        simulation.look(at(TUESDAY, hour))
        simulation.run(at(TUESDAY, hour))
    assert simulation.said("late") == []
    for hour in (26, 27, 40):
        simulation.look(at(TUESDAY, hour))
        simulation.run(at(TUESDAY, hour))
    assert simulation.said("late") == [
        "2026-03-09 is late: it was to be complete by 2026-03-11 00:00 UTC. It is missing: it was never "
        "loaded."
    ]
    simulation.ending = lambda kind, day: "complete"
    for hour in (49, 50, 51):
        simulation.look(at(TUESDAY, hour))
        simulation.run(at(TUESDAY, hour))
    simulation.look(at(TUESDAY, 52))
    assert simulation.said("recovered") == ["2026-03-09 recovered: it is complete."]


def test_a_partial_day_is_late_and_holds_up_no_all_clear(install: Install) -> None:
    simulation = install()
    simulation.look(at(TUESDAY))
    simulation.ending = lambda kind, day: "partial" if day == MONDAY else "complete"
    simulation.run(at(TUESDAY, 1))
    simulation.look(at(TUESDAY, 2))
    assert simulation.said("all_complete") == ["All complete up to 2026-03-09 (1 trading day looked at)."]
    simulation.look(at(WEDNESDAY, 1))
    simulation.run(at(WEDNESDAY, 2))
    simulation.look(at(WEDNESDAY, 3))
    assert [text[:21] for text in simulation.said("late")] == ["2026-03-09 is late: i"]
    assert len(simulation.said("all_complete")) == 2 and simulation.said("recovered") == []


def test_a_day_that_was_complete_is_not_late_when_a_correction_reopens_it(install: Install) -> None:
    simulation = install()
    for day, close in ((MONDAY, 2.0), (TUESDAY, 2.1)):
        with simulation.engine.begin() as connection:
            append_bars(connection, bars("us", [close], day), run_id="a", known_at=at(day, 24.2))
        simulation.look(at(day, 24.1))
        simulation.run(at(day, 24.5))
        simulation.look(at(day, 25))
    # What the run of Wednesday reads again is corrected, when the deadline of Monday is long past.
    with simulation.engine.begin() as connection:
        append_bars(connection, bars("us", [3.0], MONDAY), run_id="b", known_at=at(THURSDAY, 0.5))
    decision = simulation.look(at(THURSDAY, 2))
    assert keys(decision.requests) == [
        f"daily/{day}" for day in ("2026-03-09/2", "2026-03-10/2", "2026-03-11/1")
    ]
    simulation.run(at(THURSDAY, 2.5))
    simulation.look(at(THURSDAY, 3))
    assert simulation.said("late") == simulation.said("recovered") == []


def test_a_universe_that_has_ended_says_so(install: Install) -> None:
    simulation = install()
    universe = simulation.deployment.universe.model_copy(update={"end": FRIDAY})
    config = simulation.deployment.config
    object.__setattr__(config, "universe", universe)
    assert simulation.look(at(SATURDAY) - timedelta(seconds=1)).requests
    ended = simulation.look(at(SUNDAY))
    assert ended.requests == () and ended.reason.startswith("The data of kospi ended on 2026-03-13: ")


def test_of_several_markets_the_closed_ones_are_named(tables: Path, tmp_path: Path) -> None:
    simulation = Simulation.install(tmp_path, "global13", at(FRIDAY), tables, start=MONDAY)
    closed = closed_markets(simulation.deployment, date(2026, 5, 1))
    assert "XKRX closed, Labor Day" in closed and "XPAR closed, Labour Day" in closed
    assert not [one for one in closed if one.startswith(("XNYS", "FX"))]
    assert closed_markets(simulation.deployment, TUESDAY) == []


def test_deciding_loads_nothing_heavy_and_writes_nothing(install: Install) -> None:
    simulation = install()
    decide(simulation.deployment, simulation.engine, at(TUESDAY), lambda attempts: {})
    with read_transaction(simulation.engine) as connection:
        assert read_attempts(connection, "daily", MONDAY) == []
    code = (
        "import sys\n"
        "import stock_assets.pipeline.due_days, stock_assets.pipeline.due_trainings\n"
        "print(' '.join({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    heavy = {"exchange_calendars", "numpy", "pandas", "requests", "slack_sdk", "torch", "yfinance"}
    assert heavy.isdisjoint(done.stdout.split())
