"""What is still to be done: everything, what is left, nothing."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from stock_assets.pipeline.plan import Plan, split_into_runs
from stock_assets_tests.worlds import FIRST_CUTOFF, LAST_CUTOFF, World

MICROSECOND = timedelta(microseconds=1)


def test_of_an_empty_universe_everything_is_to_be_done(empty_world: World) -> None:
    plan = empty_world.plan()
    assert not plan.is_empty
    assert plan.history == empty_world.instruments
    assert [(run[0], run[-1]) for run in plan.price_runs] == [
        (date(2020, 12, 28), date(2020, 12, 31)),
        (date(2021, 1, 4), date(2021, 3, 31)),
    ]
    assert sum(plan.price_runs, ()) == empty_world.days
    assert [(training.cutoff, training.instruments) for training in plan.trainings] == [
        (FIRST_CUTOFF, empty_world.instruments),
        (LAST_CUTOFF, empty_world.instruments),
    ]
    assert [(training.sharpe_net, training.networks) for training in plan.trainings] == [(True, 7)] * 2
    assert plan.daily_runs == (empty_world.between(FIRST_CUTOFF, empty_world.days[-1]),)


def test_nothing_is_left_after_doing_it(planned_world: World) -> None:
    plan = planned_world.plan()
    assert plan == Plan((), (), (), ())
    assert plan.is_empty
    # A bar that never came, and one that is not valid, are no reason to ask for ever.
    assert {row["kind"] for row in planned_world.rows("findings")} >= {"missing_session", "invalid_close"}


@pytest.mark.parametrize(
    ("now", "last_day", "cutoffs"),
    [
        # A day is over at its decision time, 00:00 UTC of the day after it.
        (datetime(2021, 2, 16, tzinfo=UTC), date(2021, 2, 15), [FIRST_CUTOFF]),
        (datetime(2021, 2, 16, tzinfo=UTC) - MICROSECOND, date(2021, 2, 12), [date(2021, 2, 1)]),
        (datetime(2021, 3, 1, 12, tzinfo=UTC), date(2021, 2, 26), [FIRST_CUTOFF]),
        (datetime(2021, 3, 2, tzinfo=UTC), date(2021, 3, 1), [FIRST_CUTOFF, date(2021, 3, 1)]),
        (datetime(2020, 12, 29, tzinfo=UTC), date(2020, 12, 28), [date(2020, 12, 15)]),
    ],
)
def test_days_that_are_not_over_are_left_out(
    empty_world: World, now: datetime, last_day: date, cutoffs: list[date]
) -> None:
    plan = empty_world.plan(now)
    assert plan.price_runs[-1][-1] == last_day
    assert [training.cutoff for training in plan.trainings] == cutoffs
    assert plan.daily_runs[-1][-1] == last_day
    assert plan.daily_runs[0][0] == max(cutoffs[0], date(2020, 12, 28))


def test_before_the_first_decision_time_there_is_only_history(empty_world: World) -> None:
    plan = empty_world.plan(datetime(2020, 12, 28, 23, tzinfo=UTC))
    assert plan == Plan(empty_world.instruments, (), (), ())


def test_what_is_half_done_is_continued(empty_world: World, tmp_path: Path) -> None:
    world = empty_world.copy(tmp_path / "world")
    world.load_history()
    days = world.days
    world.load_days(days[:3])
    world.load_days(days[10:12])
    plan = world.plan()
    assert plan.history == ()
    # Split at what is there, and at the end of the year.
    assert plan.price_runs == (days[3:4], days[4:10], days[12:])
    assert len(plan.trainings) == 2
    for run in plan.price_runs:
        world.load_days(run)
    world.train(FIRST_CUTOFF, world.instruments[:2], sharpe_net=False)
    world.train(LAST_CUTOFF, [])
    plan = world.plan()
    assert plan.price_runs == ()
    assert [(one.cutoff, one.instruments, one.sharpe_net) for one in plan.trainings] == [
        (FIRST_CUTOFF, world.instruments[2:], True),
        (LAST_CUTOFF, world.instruments, False),
    ]


def test_days_with_an_asset_that_is_not_settled_are_computed_again(up_to_date: World) -> None:
    days = up_to_date.between(FIRST_CUTOFF, up_to_date.days[-1])
    changes = [
        ("DELETE FROM outcomes", "2021-02-17", "stage1_prediction/gold"),
        ("UPDATE outcomes SET status = 'waiting'", "2021-02-19", "portfolio_weights/alpha"),
        ("UPDATE outcomes SET status = 'no_model'", "2021-02-22", "%"),
        ("UPDATE outcomes SET status = 'refused', `rows` = 0", "2021-02-24", "portfolio_weights/alpha"),
        ("UPDATE outcomes SET status = 'closed', `rows` = 0", "2021-02-25", "%"),
    ]
    with up_to_date.engine.begin() as connection:
        for change, day, asset in changes:
            connection.exec_driver_sql(f"{change} WHERE date = '{day}' AND asset LIKE '{asset}'")
    plan = up_to_date.plan()
    assert plan.daily_runs == ((date(2021, 2, 17),), (date(2021, 2, 19), date(2021, 2, 22)))
    assert not plan.history and not plan.price_runs and not plan.trainings
    up_to_date.carry_out(plan)
    assert up_to_date.plan().is_empty
    assert {row["date"] for row in up_to_date.rows("outcomes")} == set(days)


def test_a_waiting_day_is_asked_for_until_its_deadline(up_to_date: World) -> None:
    day = date(2021, 3, 31)
    up_to_date.forget_prices(day)
    up_to_date.remove_bars("gold", day)
    early = datetime(2021, 4, 1, 6, tzinfo=UTC)
    assert up_to_date.plan(early).price_runs == ((day,),)
    up_to_date.load_days([day], early)
    up_to_date.predict([day], now=early)
    up_to_date.weigh([day], now=early)
    plan = up_to_date.plan(early)
    assert (plan.price_runs, plan.daily_runs) == (((day,),), ((day,),))
    up_to_date.carry_out(plan)
    assert up_to_date.plan().is_empty
    assert [row["state"] for row in up_to_date.rows("days", day, day)] == ["partial"]


@pytest.mark.parametrize(("instruments", "sharpe_net"), [(["gold"], False), ([], True)])
def test_an_early_network_of_one_asset_is_used_once(
    up_to_date: World, instruments: list[str], sharpe_net: bool
) -> None:
    """The days before the others' first cutoff get what there is, and are not asked for again."""
    early = date(2021, 2, 1)
    up_to_date.train(early, instruments, sharpe_net=sharpe_net)
    plan = up_to_date.plan()
    days = up_to_date.between(early, FIRST_CUTOFF - timedelta(days=1))
    assert plan.daily_runs == (days,)
    up_to_date.carry_out(plan)
    assert up_to_date.plan().is_empty
    # As soon as the others have one too, the days are computed again.
    up_to_date.train(early)
    assert up_to_date.plan().daily_runs == (days,)


def test_missing_history_of_one_instrument_is_loaded_again(up_to_date: World) -> None:
    with up_to_date.engine.begin() as connection:
        connection.exec_driver_sql(
            "DELETE FROM price_bars WHERE instrument = 'gold' AND session = '2020-06-01'"
        )
    assert up_to_date.plan() == Plan(("gold",), (), (), ())
    (report,) = up_to_date.load_history().values()
    assert report.stored.added == 1
    assert up_to_date.plan().is_empty


def test_a_universe_without_portfolios_wants_none(empty_world: World, tmp_path: Path) -> None:
    world = empty_world.copy(tmp_path / "world")
    (world.deployment.config.folder / "portfolios.yaml").unlink()
    world = World.open(world.folder)
    assert [(one.sharpe_net, one.networks) for one in world.plan().trainings] == [(False, 6)] * 2


def test_runs_are_split_by_year_and_length() -> None:
    days = [date(2019, 12, 30) + timedelta(days=number) for number in range(2 + 366 + 1)]
    runs = split_into_runs(days)
    assert [(run[0], len(run)) for run in runs] == [
        (date(2019, 12, 30), 2),
        (date(2020, 1, 1), 300),
        (date(2020, 10, 27), 66),
        (date(2021, 1, 1), 1),
    ]
    assert sum(runs, ()) == tuple(days)
    assert split_into_runs([]) == ()
