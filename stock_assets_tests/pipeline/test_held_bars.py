"""A spike in a source: used on its day, held from the next on, and back once somebody has released it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from stock_assets.errors import ConfigurationError, NothingToRelease
from stock_assets.pipeline.releases import accept_bar
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.prices import read_bars
from stock_assets_tests.worlds import NOW, World

DAY, NEXT, AFTER = date(2021, 3, 9), date(2021, 3, 10), date(2021, 3, 11)
DAYS = (date(2021, 3, 8), DAY, NEXT, AFTER, date(2021, 3, 12))
LATER = NOW + timedelta(days=1)
WRITTEN = ("computed_at", "run_id", "found_at", "completed_at", "known_at")
BY_NEXT, BY_SECOND = "jump_denied_by_next_bar", "jump_denied_by_second_source"


def spiked(source: World, folder: Path) -> World:
    """Prices until the day before, and a source that says half as much again on DAY."""
    world = source.copy(folder)
    world.forget_prices(DAYS[0])
    world.scale_bar("us_index", DAY, 1.5)
    return world


def compute(world: World, days: Sequence[date], now: datetime = NOW, *, weigh: bool = False) -> None:
    world.load_days(days, now)
    world.predict(days, now=now)
    if weigh:
        world.weigh(days, now=now)


def found(world: World, instrument: str = "us_index") -> list[tuple[object, ...]]:
    rows = world.rows("findings", DAYS[0], DAYS[-1], instrument=instrument)
    return [(row["session"], row["kind"], row["severity"], row["trading_day"]) for row in rows]


def used(world: World, until: date) -> bool:
    """Whether a day may use the bar of DAY."""
    with read_transaction(world.engine) as connection:
        bars = read_bars(connection, instruments=["us_index"], until=until)
    return str(DAY) in bars["session"].astype(str).tolist()


def predicted(world: World, days: Sequence[date]) -> dict[tuple[object, object], object]:
    """What the networks say that read us_index: its own and that of jp_index."""
    rows = world.rows("stage1_predictions", days[0], days[-1])
    return {
        (row["date"], row["instrument"]): row["predicted_return"]
        for row in rows
        if row["instrument"] in ("us_index", "jp_index")
    }


def release(world: World, instrument: str = "us_index", session: date = DAY, **said: str) -> None:
    words = {"by": "kim", "why": "the exchange's own page has it"} | said
    accept_bar(world.deployment, world.engine, instrument, session, now=LATER, **words)


JUMP = (DAY, "jump", "warning", DAY)
DENIED = (DAY, BY_NEXT, "held", NEXT)


def test_a_spike_is_used_on_its_day_and_by_no_later_one(trained_world: World, tmp_path: Path) -> None:
    world = spiked(trained_world, tmp_path / "world")
    compute(world, DAYS[:1])
    compute(world, [DAY], weigh=True)
    assert found(world) == [JUMP]
    as_it_was = world.contents(DAY, DAY, WRITTEN)
    # jp_index reads New York's close of the day before, which had no spike then.
    before = predicted(world, [DAY])
    compute(world, [NEXT])
    assert found(world) == [JUMP, DENIED]
    assert used(world, DAY) and not used(world, NEXT)
    assert [row["state"] for row in world.rows("days", DAY, NEXT)] == ["complete", "complete"]

    compute(world, [DAY], LATER, weigh=True)
    assert world.contents(DAY, DAY, WRITTEN) == as_it_was, "a day that has used it is computed from it again"
    compute(world, DAYS[3:])

    never = spiked(trained_world, tmp_path / "never")
    never.remove_bars("us_index", DAY)
    real = spiked(trained_world, tmp_path / "real").configured("universe.yaml", "jump: 0.2", "jump: 0.9")
    for other in (never, real):
        compute(other, DAYS)
    later = DAYS[2:]
    assert predicted(world, later) == predicted(never, later) != predicted(real, later)
    assert before == predicted(real, [DAY]) != predicted(never, [DAY])

    release(world)
    assert used(world, NEXT)
    compute(world, DAYS, LATER)
    assert found(world) == [JUMP, DENIED, (NEXT, "jump", "warning", NEXT)]
    assert predicted(world, DAYS) == predicted(real, DAYS)


def test_a_range_gives_what_its_days_give(trained_world: World, tmp_path: Path) -> None:
    in_one, one_by_one, in_disorder = (spiked(trained_world, tmp_path / str(number)) for number in range(3))
    days = DAYS[1:4]
    in_one.load_days(DAYS[:1])
    one_by_one.load_days(DAYS[:1])
    compute(in_one, days, weigh=True)
    for day in days:
        compute(one_by_one, [day], weigh=True)
    for day in (NEXT, DAYS[0], AFTER, DAY):
        in_disorder.load_days([day])
    assert DENIED in found(in_one)
    assert in_one.contents() == one_by_one.contents()
    for table in ("price_bars", "findings", "days"):
        assert in_one.contents()[table] == in_disorder.contents()[table]


def test_a_cutoff_does_not_train_on_a_bar_that_is_held(trained_world: World, tmp_path: Path) -> None:
    held, never, used_it = (spiked(trained_world, tmp_path / name) for name in ("held", "never", "used"))
    never.remove_bars("us_index", DAY)
    held.load_days(world_days(held))
    never.load_days(world_days(never))
    used_it.load_days(world_days(used_it))
    release(used_it)
    cutoff = date(2021, 3, 15)
    results = [
        world.train(cutoff, ["us_index"], sharpe_net=False)["us_index"] for world in (held, never, used_it)
    ]
    scalers = [result.model.scaler.mean.tobytes() for result in results]
    assert scalers[0] == scalers[1]
    windows = [result.model.metrics.train_windows for result in results]
    assert windows[0] == windows[1]
    losses = [result.train_losses for result in results]
    assert losses[0] == losses[1]


def world_days(world: World) -> tuple[date, ...]:
    return world.between(DAYS[0], world.days[-1])


def test_a_held_bar_that_its_source_corrects_is_used_again(up_to_date: World) -> None:
    world = up_to_date
    world.forget_prices(DAYS[0])
    world.scale_bar("us_index", DAY, 1.5)
    world.load_days(world_days(world))
    world.carry_out(world.plan())
    assert world.plan().is_empty and not used(world, NEXT)

    world.scale_bar("us_index", DAY, 1 / 1.5)
    world.load_days([AFTER], LATER)
    assert DENIED in found(world), "the day that holds it has not been judged again yet"
    assert world.plan(LATER).price_runs == ((DAY, NEXT),)
    world.load_days([DAY, NEXT], LATER)
    assert found(world) == []
    assert used(world, NEXT)
    assert not world.plan(LATER).price_runs


def test_a_released_bar_opens_the_day_that_held_it(up_to_date: World) -> None:
    world = up_to_date
    world.forget_prices(DAYS[0])
    world.scale_bar("us_index", DAY, 1.5)
    world.load_days(world_days(world))
    release(world)
    assert world.plan(LATER).price_runs == ((NEXT,),)
    world.load_days([NEXT], LATER + timedelta(hours=1))
    assert DENIED in found(world), "who has released it is kept"
    assert (NEXT, "jump", "warning", NEXT) in found(world)
    assert used(world, NEXT)
    assert not world.plan(LATER).price_runs


def test_a_bar_that_a_second_source_denies_is_missing_on_its_own_day(up_to_date: World) -> None:
    """The second source prices something else, so that it denies every jump."""
    alone = "{source: csv, symbol: USX}"
    world = up_to_date.configured(
        "universe.yaml", alone, f"{alone}, {{source: sample, symbol: AAPL}}"
    ).configured("universe.yaml", "max_staleness: 3", "max_staleness: 0")
    world.forget_prices(DAYS[0])
    world.scale_bar("us_index", DAY, 1.5)
    world.load_days(DAYS[:1])
    soon = datetime(2021, 3, 10, 1, tzinfo=UTC)
    world.load_days([DAY], soon)
    assert found(world)[-1] == (DAY, BY_SECOND, "held", DAY)
    (state,) = world.rows("days", DAY, DAY)
    assert state["state"] == "waiting" and f"us_index of {DAY}" in str(state["reason"])
    compute(world, [DAY], weigh=True)
    assert [row["state"] for row in world.rows("days", DAY, DAY)] == ["partial"]
    (outcome,) = world.rows("outcomes", DAY, DAY, asset="stage1_prediction/us_index")
    assert outcome["status"] == "refused" and "lags 1 of its sessions" in str(outcome["reason"])
    assert not used(world, DAY)
    world.load_days(world_days(world)[2:])
    assert DAY not in world.plan(LATER).price_runs and DAY not in planned(world)

    release(world)
    assert used(world, DAY)
    assert world.plan(LATER).price_runs == ((DAY,),)
    assert DAY in planned(world), "what was refused without it is tried again"
    now = LATER + timedelta(hours=1)
    compute(world, [DAY], now)
    assert [row["state"] for row in world.rows("days", DAY, DAY)] == ["complete"]
    (outcome,) = world.rows("outcomes", DAY, DAY, asset="stage1_prediction/us_index")
    assert outcome["status"] == "published"


def planned(world: World) -> set[date]:
    return {day for run in world.plan(LATER).daily_runs for day in run}


def test_a_release_needs_an_instrument_a_held_bar_and_words(priced_world: World, tmp_path: Path) -> None:
    world = priced_world.copy(tmp_path / "world")
    spike = date(2021, 1, 27)
    with pytest.raises(ConfigurationError, match=r"^made_up has no instrument 'us'; allowed are jp_index, "):
        release(world, "us")
    with pytest.raises(NothingToRelease, match=rf"of {DAY} is not held; held are us_index of {spike}\.$"):
        release(world)
    with pytest.raises(ConfigurationError, match=r"without a word on who releases it\.$"):
        release(world, session=spike, by="  ")
    with pytest.raises(ConfigurationError, match=r"without a word on why it is right\.$"):
        release(world, session=spike, why="")
    with pytest.raises(ConfigurationError, match=r"said in 129 characters; allowed are 128\.$"):
        release(world, session=spike, by="k" * 129)
    assert not world.rows("findings", released_by="kim")
    release(world, session=spike, by=" kim ", why=" checked ")
    (row,) = world.rows("findings", released_by="kim")
    assert (row["session"], row["kind"]) == (spike, BY_NEXT)
    assert (row["released_at"], row["release_reason"]) == (LATER, "checked")
    with pytest.raises(
        NothingToRelease, match=r"was released by kim on 2021-04-13 06:00 UTC already: checked\.$"
    ):
        release(world, session=spike)


def test_a_spike_of_the_last_session_of_the_history_is_held_by_the_first_day(tmp_path: Path) -> None:
    world = World.install(tmp_path / "world")
    last = date(2020, 12, 24)  # New York was closed on the 25th
    world.scale_bar("us_index", last, 1.5)
    world.load_history()
    world.load_days(world.days[:2])
    rows = world.rows("findings", instrument="us_index")
    assert [(row["session"], row["kind"], row["trading_day"]) for row in rows] == [
        (last, "jump", last),
        (last, BY_NEXT, world.days[0]),
    ]
