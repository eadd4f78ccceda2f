"""Which cutoffs are trained: the schedule says when, the cutoffs say what."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from stock_assets.pipeline.due_trainings import TrainingDecision, called_cutoffs
from stock_assets_tests.pipeline.simulation import Simulation, at
from stock_assets_tests.pipeline.test_due_days import NEW_YORK

FIRST = date(2026, 2, 2)
NOW = at(date(2026, 5, 20))
FEBRUARY, MARCH, MIDDLE, APRIL = date(2026, 2, 1), date(2026, 3, 1), date(2026, 3, 15), date(2026, 4, 1)
SECOND = {**NEW_YORK, "id": "us2", "name": "Also New York"}
Install = Callable[..., Simulation]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@pytest.fixture
def install(tables: Path, tmp_path: Path) -> Install:
    """Two instruments of New York, every trading day up to the day of the test complete."""

    def simulation(until: date, **operations: object) -> Simulation:
        made = Simulation.install(
            tmp_path, "kospi", NOW, tables, start=FIRST, instruments=[NEW_YORK, SECOND], operations=operations
        )
        made.load_history()
        made.finish_days(made.deployment.partition_days.between(FIRST, until), NOW)
        return made

    return simulation


def cutoffs(decision: TrainingDecision) -> list[date]:
    return [training.cutoff for _, training in decision.requests]


def test_only_the_newest_cutoff_is_trained_at_the_first_start(install: Install) -> None:
    simulation = install(date(2026, 3, 19))
    now = at(date(2026, 3, 20), 4)
    decision = simulation.look_at_trainings(now)
    assert [(one.key, training.cutoff) for one, training in decision.requests] == [
        ("training/2026-03-15/1", MIDDLE)
    ]
    assert decision.requests[0][1].instruments == ("us", "us2")
    assert simulation.look_at_trainings(now).reason == "2026-03-15 is being trained."
    simulation.run(now)
    done = simulation.look_at_trainings(now)
    assert done.requests == () and done.reason == (
        "The cutoff 2026-03-15, the last one that the schedule has called for, is trained."
    )
    # What is trained is not trained a second time, at any later time of the schedule before the next cutoff.
    assert simulation.look_at_trainings(at(date(2026, 3, 31), 23.9)).requests == ()


def test_a_cutoff_waits_for_the_last_day_before_it(install: Install) -> None:
    simulation = install(date(2026, 3, 30))
    simulation.train(MIDDLE, NOW)
    midnight = at(APRIL)
    early = simulation.look_at_trainings(midnight)
    assert early.requests == ()
    assert early.reason == "2026-04-01 is trained once the prices of 2026-03-31 are loaded."
    simulation.finish_days([date(2026, 3, 31)], at(APRIL, 1), "waiting")
    waits = simulation.look_at_trainings(at(APRIL, 2))
    assert waits.requests == () and waits.reason == (
        "2026-04-01 is trained once 2026-03-31 is complete, or at 2026-04-02 00:00 UTC."
    )
    simulation.finish_days([date(2026, 3, 31)], at(APRIL, 3))
    assert cutoffs(simulation.look_at_trainings(at(APRIL, 3))) == [APRIL]


def test_a_cutoff_waits_no_longer_than_until_the_deadline(install: Install) -> None:
    simulation = install(date(2026, 3, 30))
    simulation.train(MIDDLE, NOW)
    simulation.finish_days([date(2026, 3, 31)], at(APRIL, 1), "waiting")
    deadline = at(date(2026, 4, 2))
    assert simulation.look_at_trainings(deadline - timedelta(seconds=1)).requests == ()
    assert cutoffs(simulation.look_at_trainings(deadline)) == [APRIL]


@pytest.mark.parametrize("catch_up", [True, False])
def test_after_an_outage_a_cutoff_waits_for_the_days_that_are_caught_up(
    install: Install, catch_up: bool
) -> None:
    """Their deadlines are past, but nobody has asked for their bars yet."""
    simulation = install(date(2026, 3, 26), catch_up=catch_up)
    simulation.train(MIDDLE, NOW)
    now = at(date(2026, 4, 4))
    decision = simulation.look_at_trainings(now)
    assert decision.requests == ()
    assert decision.reason == (
        "2026-04-01 is trained once the prices of 2026-03-27 to 2026-03-31 are loaded."
        if catch_up
        else "2026-04-01 is not trained: 3 trading days from 2026-03-27 to 2026-03-31 were never loaded, run "
        "`make run`."
    )
    days = [date(2026, 3, day) for day in (27, 30, 31)]
    simulation.finish_days(days[:2], now)
    assert simulation.look_at_trainings(now).requests == ()
    simulation.finish_days(days[2:], now, "partial")
    assert cutoffs(simulation.look_at_trainings(now)) == [APRIL]


def test_missed_cutoffs_are_made_up_oldest_first(install: Install) -> None:
    simulation = install(date(2026, 4, 6))
    simulation.train(FEBRUARY, NOW)
    simulation.train(date(2026, 2, 15), NOW)
    decision = simulation.look_at_trainings(at(date(2026, 4, 7)))
    assert cutoffs(decision) == [MARCH, MIDDLE, APRIL]
    assert simulation.look_at_trainings(at(date(2026, 4, 7), 1)).requests == ()


def test_networks_that_are_there_are_not_trained_again(install: Install) -> None:
    simulation = install(date(2026, 3, 19))
    simulation.train(MIDDLE, NOW, ["us"])
    (request,) = simulation.look_at_trainings(at(date(2026, 3, 20))).requests
    assert request[1].instruments == ("us2",) and not request[1].sharpe_net


def test_a_failed_training_is_tried_again_within_the_bound(install: Install) -> None:
    simulation = install(date(2026, 3, 19), attempts_a_day=2, step_retries=0, retry_delay="PT1H")
    simulation.ending = lambda kind, day: "failed"
    tried: list[tuple[datetime, int]] = []
    for half in range(2 * 26):
        now = at(date(2026, 3, 20), half / 2)
        decision = simulation.look_at_trainings(now)
        tried += [(now, one.attempt) for one, _ in decision.requests]
        simulation.run(now)
    day = date(2026, 3, 20)
    assert tried == [(at(day), 1), (at(day, 1.5), 2), (at(day, 24), 3), (at(day, 25.5), 4)]
    (text,) = simulation.said("failure")[:1]
    assert text.startswith("The training of 2026-03-15 is not tried again before 2026-03-21 00:00 UTC")


def test_a_network_that_never_succeeds_costs_no_more_with_every_cutoff(install: Install) -> None:
    simulation = install(date(2026, 4, 6), attempts_a_day=2, step_retries=0, retry_delay="PT1H")
    simulation.train(FEBRUARY, NOW)
    simulation.train(date(2026, 2, 15), NOW)
    simulation.ending = lambda kind, day: "failed"
    tried: dict[date, list[date]] = {}
    for day in (date(2026, 4, 7), date(2026, 4, 8)):
        for hour in range(8):
            tried.setdefault(day, []).extend(cutoffs(simulation.look_at_trainings(at(day, hour))))
            simulation.run(at(day, hour))
    first, second = tried.values()
    assert sorted(first) == [MARCH, MARCH, MIDDLE, MIDDLE, APRIL, APRIL]
    assert second == [APRIL, APRIL]


def test_nothing_is_trained_across_a_hole_in_the_prices(install: Install) -> None:
    simulation = install(date(2026, 2, 3))
    decision = simulation.look_at_trainings(at(date(2026, 4, 7)))
    assert decision.requests == ()
    assert decision.reason.startswith(
        "2026-04-01 is not trained: 27 trading days from 2026-02-04 to 2026-03-13"
    )


def test_nothing_is_trained_before_the_history_is_there(install: Install) -> None:
    """Sensors are evaluated in any order. A history that cannot be loaded is not waited for."""
    simulation = install(date(2026, 3, 19), attempts_a_day=1, step_retries=0)
    with simulation.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM price_bars")
        connection.exec_driver_sql("DELETE FROM days WHERE date > '2026-03-18'")
    now = at(date(2026, 3, 20))
    for _ in range(2):
        decision = simulation.look_at_trainings(now)
        assert decision.requests == ()
        assert decision.reason == "2026-03-15 is trained once the history is loaded."
        assert [one.kind for one in simulation.look(now).requests] in (["history"], [])
    simulation.ending = lambda kind, day: "failed" if kind == "history" else "complete"
    simulation.run(now)
    simulation.look(now)
    assert cutoffs(simulation.look_at_trainings(now)) == [MIDDLE]


def test_what_somebody_trains_by_hand_is_not_started_twice(install: Install) -> None:
    simulation = install(date(2026, 3, 19))
    decision = simulation.look_at_trainings(at(date(2026, 3, 20)), running=[MIDDLE])
    assert (decision.requests, decision.reason) == ((), "2026-03-15 is being trained.")


@pytest.mark.parametrize(
    ("training", "now", "called"),
    [
        ({}, at(MARCH) - timedelta(seconds=1), [FEBRUARY, date(2026, 2, 15)]),
        ({}, at(MARCH), [FEBRUARY, date(2026, 2, 15), MARCH]),
        # Once a month: what comes in between is never called for.
        ({"schedule": "monthly"}, at(APRIL), [FEBRUARY, MARCH, APRIL]),
        # 09:00 in Seoul is the cutoff's own midnight in UTC; 08:00 is before it, and calls the one before.
        ({"schedule": "0 9 1 * *", "timezone": "Asia/Seoul"}, at(APRIL), [FEBRUARY, MARCH, APRIL]),
        ({"schedule": "0 8 1 * *", "timezone": "Asia/Seoul"}, at(APRIL), [date(2026, 2, 15), MIDDLE]),
        # New York is four hours behind in summer and five in winter.
        (
            {"schedule": "0 20 * * *", "timezone": "America/New_York"},
            at(MARCH, 0.9),
            [FEBRUARY, date(2026, 2, 15)],
        ),
        (
            {"schedule": "0 20 * * *", "timezone": "America/New_York"},
            at(MARCH, 1),
            [FEBRUARY, date(2026, 2, 15), MARCH],
        ),
        (
            {"schedule": "0 20 * * *", "timezone": "America/New_York"},
            at(APRIL),
            [FEBRUARY, date(2026, 2, 15), MARCH, MIDDLE, APRIL],
        ),
    ],
)
def test_the_schedule_calls_for_the_newest_cutoff_that_is_not_in_the_future(
    install: Install, training: dict[str, str], now: datetime, called: list[date]
) -> None:
    simulation = install(FIRST, training=training)
    assert called_cutoffs(simulation.deployment, now) == called
