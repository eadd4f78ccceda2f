"""A write that is broken off leaves the old rows, all of them, and is continued from there."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from stock_assets.pipeline import stage1
from stock_assets.storage import days, findings, models, outcomes, predictions, prices, weights
from stock_assets_tests.worlds import CUTOFFS, NOW, World, blemish

LATER = NOW + timedelta(days=1)


class PowerCutError(Exception):
    """The moment at which the machine stops."""


def break_insert(monkeypatch: pytest.MonkeyPatch, module: object) -> None:
    """Let half of the rows of a table's next insert arrive, and then stop."""
    insert = module.insert_rows

    def half(connection, table, records):
        insert(connection, table, records[: len(records) // 2])
        raise PowerCutError

    monkeypatch.setattr(module, "insert_rows", half)


def change_everything(world: World) -> None:
    """Sources with which every table gets other rows."""
    world.scale_bar("us_index", date(2021, 2, 1), 1.05)
    world.scale_bar("gold", date(2021, 2, 3), 1.4)
    world.remove_bars("uk_fund", date(2021, 2, 2))


@pytest.mark.parametrize("module", [prices, findings, days], ids=lambda module: module.__name__)
def test_broken_off_while_loading_days(world: World, monkeypatch: pytest.MonkeyPatch, module: object) -> None:
    change_everything(world)
    before = world.contents()
    with monkeypatch.context() as patch:
        break_insert(patch, module)
        with pytest.raises(PowerCutError):
            world.load_days(world.between(date(2021, 2, 1), date(2021, 2, 5)), LATER)
    assert world.contents() == before
    world.load_days(world.between(date(2021, 2, 1), date(2021, 2, 5)), LATER)
    assert world.contents()["price_bars"] != before["price_bars"]


Write = Callable[[World], object]
SOME = (date(2021, 2, 4), date(2021, 2, 5))


@pytest.mark.parametrize(
    ("module", "write"),
    [
        (predictions, lambda world: world.predict(SOME, now=LATER)),
        (outcomes, lambda world: world.predict(SOME, now=LATER)),
        (weights, lambda world: world.weigh(SOME, ["alpha"], now=LATER)),
        (outcomes, lambda world: world.weigh(SOME, ["sharpe_net"], now=LATER)),
        (models, lambda world: world.train(CUTOFFS[0], ["gold"], sharpe_net=False, now=LATER)),
        (models, lambda world: world.train(CUTOFFS[0], [], now=LATER)),
    ],
)
def test_broken_off_while_writing(
    world: World, monkeypatch: pytest.MonkeyPatch, module: object, write: Write
) -> None:
    before, substance = world.contents(), world.contents(without=("computed_at",))
    with monkeypatch.context() as patch:
        break_insert(patch, module)
        with pytest.raises(PowerCutError):
            write(world)
    assert world.contents() == before
    write(world)
    assert world.contents() != before
    assert world.contents(without=("computed_at",)) == substance


def test_a_training_that_breaks_off_leaves_no_model(
    priced_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An artefact without a row is never used: the row is written after it."""
    world = priced_world.copy(tmp_path / "world")

    def stop(*args: object, **kwargs: object) -> None:
        raise PowerCutError

    monkeypatch.setattr(stage1, "register", stop)
    with pytest.raises(PowerCutError):
        world.train(CUTOFFS[0], ["gold"], sharpe_net=False)
    assert len(list(world.deployment.settings.artifact_dir.glob("*.pt"))) == 1
    assert not world.rows("models")
    world.predict([date(2021, 2, 5)], ["gold"])
    (outcome,) = world.rows("outcomes")
    assert outcome["status"] == "no_model"


@pytest.mark.parametrize("done", [0, 2, 5])
def test_loading_the_history_continues_with_the_instruments_that_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    world = World.install(tmp_path / "world")
    blemish(world)
    insert, calls = prices.insert_rows, []

    def stop_later(connection, table, records):
        calls.append(records[0]["instrument"])
        if len(calls) > done:
            insert(connection, table, records[:100])
            raise PowerCutError
        insert(connection, table, records)

    with monkeypatch.context() as patch:
        patch.setattr(prices, "insert_rows", stop_later)
        with pytest.raises(PowerCutError):
            world.load_history()
    kept = {row["instrument"] for row in world.rows("price_bars")}
    assert kept == set(world.instruments[:done])
    before = world.contents()["price_bars"]
    reports = world.load_history(LATER)
    assert tuple(reports) == world.instruments[done:]
    assert set(before) <= set(world.contents()["price_bars"])
    assert world.load_history(LATER) == {}
    # A bar that is known to be missing is not asked for again, and said.
    assert [row["kind"] for row in world.rows("findings", last=date(2020, 12, 24))] == ["missing_session"]
