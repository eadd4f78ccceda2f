"""A held bar is released from the command line, with who and why."""

from datetime import date

import pytest

from stock_assets_tests.commands import Workplace
from stock_assets_tests.worlds import World

SPIKE = date(2021, 1, 5)


@pytest.fixture
def spiked(workplace: Workplace) -> Workplace:
    """A universe with the prices of its first days, and a spike among them."""
    assert workplace.run("init").status == 0
    world = World.open(workplace.folder)
    world.scale_bar("us_index", SPIKE, 1.5)
    world.load_days(world.days[:8])
    world.engine.dispose()
    return workplace


def test_a_bar_is_released_once_with_who_and_why(spiked: Workplace) -> None:
    words = ("--by", "Kim Minsu", "--why", "the exchange's own page has it")
    other = spiked.run("accept-bar", "us_index", "2021-01-06", *words).fails_with_one_sentence()
    assert other == "The bar of us_index of 2021-01-06 is not held; held are us_index of 2021-01-05."

    ended = spiked.run("accept-bar", "us_index", str(SPIKE), *words)

    assert (ended.status, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "us_index of 2021-01-05 is released from jump_denied_by_next_bar by Kim Minsu.",
        "`make run`, or the next daily run, judges 2021-01-06 anew. What was published without it stands; "
        "`stock-assets backfill --from 2021-01-06 --to DAY` computes it again.",
    ]
    kept = "SELECT released_by, release_reason FROM findings WHERE severity = 'held'"
    assert spiked.query(kept) == [("Kim Minsu", "the exchange's own page has it")]
    again = spiked.run("accept-bar", "us_index", str(SPIKE), *words).fails_with_one_sentence()
    assert again.startswith("The bar of us_index of 2021-01-05 was released by Kim Minsu on 20")


def test_what_is_missing_is_said(workplace: Workplace) -> None:
    ended = workplace.run("accept-bar", "us_index", "5 January", "--by", "kim", "--why", "it is right")
    assert ended.status == 2 and "'5 January' is no date; write it as 2022-01-03." in ended.err
    assert (
        "Missing option '--why'" in workplace.run("accept-bar", "us_index", "2021-01-05", "--by", "kim").err
    )
