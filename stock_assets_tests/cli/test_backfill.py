"""``stock-assets backfill`` and ``train``: exactly what was asked for, one command at a time."""

import re
from datetime import date

import pytest

from stock_assets_tests.commands import Workplace

FIRST, LAST = date(2021, 3, 16), date(2021, 3, 18)
DAILY_TABLES = ("days", "stage1_predictions", "portfolio_weights", "outcomes")


def test_a_backfill_computes_its_range_again_and_nothing_else(finished: Workplace) -> None:
    before, contents = finished.world.contents(), finished.contents()

    command = finished.start("backfill", "--from", "2021-03-16", "--to", "2021-03-18")
    command.wait_for_line("[1/1] all daily assets of 3 trading days, 2021-03-16 to 2021-03-18")
    second = finished.run("run")
    first = command.end()

    assert (first.status, first.err) == (0, "")
    assert second.fails_with_one_sentence() == (
        f"Another process is bringing made_up up to date (it holds {finished.state / 'run.lock'}); "
        "wait until it ends."
    )
    assert second.out == ""
    assert len(re.findall(r"^ +done ", first.out, re.MULTILINE)) == 5
    assert finished.contents() == contents
    for table in DAILY_TABLES:
        inside = finished.world.rows(table, FIRST, LAST)
        assert inside and {row["run_id"] for row in inside} == {newest_run(finished)}
        outside = [row for row in finished.world.rows(table) if not FIRST <= row["date"] <= LAST]
        assert {repr(row) for row in outside} <= set(before[table])
    assert finished.query(
        f"SELECT `key`, value FROM run_tags WHERE run_id = '{newest_run(finished)}' "
        "AND `key` LIKE 'dagster/%' ORDER BY `key`",
        "history/runs.db",
    ) == [
        ("dagster/asset_partition_range_end", "2021-03-18"),
        ("dagster/asset_partition_range_start", "2021-03-16"),
        ("dagster/max_retries", "0"),
    ]


def newest_run(workplace: Workplace) -> str:
    return workplace.query("SELECT run_id FROM runs ORDER BY id DESC LIMIT 1", "history/runs.db")[0][0]


@pytest.mark.parametrize(
    ("first", "last"),
    [("2021-03-06", "2021-03-07"), ("2021-03-18", "2021-03-16"), ("2022-01-03", "2022-01-04")],
)
def test_a_range_without_a_trading_day_is_one_sentence(
    first_run: tuple[Workplace, object], first: str, last: str
) -> None:
    workplace = first_run[0]
    assert workplace.run("backfill", "--from", first, "--to", last).fails_with_one_sentence() == (
        f"There is no trading day of made_up from {first} to {last}; its trading days reach from 2020-12-28 "
        "to 2021-03-31."
    )


def test_a_cutoff_that_is_none_is_one_sentence(first_run: tuple[Workplace, object]) -> None:
    sentence = first_run[0].run("train", "--cutoff", "2021-03-14").fails_with_one_sentence()
    assert sentence.startswith("2021-03-14 is no cutoff of made_up; allowed are 2020-12-15, 2021-01-01")
    assert "2021-03-15" in sentence
