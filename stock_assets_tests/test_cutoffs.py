"""Cutoffs are the dates on which the configured cron fires, as Dagster reads it."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from stock_assets.cutoffs import CutoffSchedule, cutoff_for, cutoffs_between, next_cutoff

TWICE_A_MONTH = "0 0 1,15 * *"


def test_the_first_cutoff_is_on_or_before_the_first_trading_day() -> None:
    assert cutoffs_between(TWICE_A_MONTH, date(2021, 1, 4), date(2021, 3, 1)) == (
        date(2021, 1, 1),
        date(2021, 1, 15),
        date(2021, 2, 1),
        date(2021, 2, 15),
        date(2021, 3, 1),
    )
    assert cutoffs_between(TWICE_A_MONTH, date(2021, 1, 15), date(2021, 1, 31)) == (date(2021, 1, 15),)
    assert cutoffs_between(TWICE_A_MONTH, date(2021, 1, 14), date(2021, 1, 14)) == (date(2021, 1, 1),)


def test_a_day_uses_the_last_cutoff_on_or_before_it() -> None:
    assert cutoff_for(TWICE_A_MONTH, date(2022, 10, 3)) == date(2022, 10, 1)
    assert cutoff_for(TWICE_A_MONTH, date(2022, 10, 1)) == date(2022, 10, 1)
    assert cutoff_for(TWICE_A_MONTH, date(2022, 9, 30)) == date(2022, 9, 15)


def test_the_next_cutoff_is_after_the_day() -> None:
    assert next_cutoff(TWICE_A_MONTH, date(2022, 12, 15)) == date(2023, 1, 1)
    assert next_cutoff(TWICE_A_MONTH, date(2022, 12, 14)) == date(2022, 12, 15)


def test_the_rarest_cutoff_is_found() -> None:
    assert cutoff_for("0 0 29 2 *", date(2103, 12, 31)) == date(2096, 2, 29)
    assert next_cutoff("0 0 29 2 *", date(2096, 2, 29)) == date(2104, 2, 29)


@pytest.mark.parametrize(
    "cron",
    [
        TWICE_A_MONTH,
        "0 0 * * *",
        "0 0 1 */3 *",
        "0 0 1 1,4,7,10 *",
        "0 0 1 jan-jun/2 *",
        "0 0 10-20/5 * *",
        "0 0 */10 * *",
        "0 0 31 * *",
        "0 0 29 2 *",
        "0 0 * * 1",
        "0 0 * * 0",
        "0 0 * * 7",
        "0 0 * * SUN",
        "0 0 * * mon-fri",
        "0 0 * * 5-7",
        "0 0 * 6 2,4",
        "0 0 * * */2",
    ],
)
def test_dagster_fires_on_the_same_dates(cron: str) -> None:
    first, end = date(2020, 1, 1), date(2024, 6, 1)
    partitions = dg.TimeWindowPartitionsDefinition(
        start=datetime(first.year, first.month, first.day, tzinfo=UTC),
        end=datetime(2030, 1, 1, tzinfo=UTC),
        cron_schedule=cron,
        fmt="%Y-%m-%d",
    )
    keys = partitions.get_partition_keys(current_time=datetime(2029, 1, 1, tzinfo=UTC))
    expected = [key for key in keys if key < end.isoformat()]
    schedule = CutoffSchedule.parse(cron)
    days = (first + timedelta(days=offset) for offset in range((end - first).days))
    assert [day.isoformat() for day in days if schedule.matches(day)] == expected


@pytest.mark.parametrize(
    ("cron", "sentence"),
    [
        (
            "0 0 1 *",
            "is no schedule of cutoffs; allowed are five-field crons at midnight UTC, such as '0 0 1,15 * *'",
        ),
        (
            "30 0 1 * *",
            "is no schedule of cutoffs; allowed are five-field crons at midnight UTC, such as '0 0 1,15 * *'",
        ),
        (
            "@monthly",
            "is no schedule of cutoffs; allowed are five-field crons at midnight UTC, such as '0 0 1,15 * *'",
        ),
        (
            "0 0 0 * *",
            "is no schedule of cutoffs: bad day-of-month; allowed are days 1-31, months 1-12 "
            "and weekdays 0-7 that exist, with lists, ranges and steps, such as '0 0 1,15 * *'",
        ),
        (
            "0 0 20-10 * *",
            "is no schedule of cutoffs: bad day-of-month; allowed are days 1-31, months 1-12 "
            "and weekdays 0-7 that exist, with lists, ranges and steps, such as '0 0 1,15 * *'",
        ),
        (
            "0 0 L * *",
            "is no schedule of cutoffs: 'L' is no list of numbers, ranges and steps; allowed are days 1-31, "
            "months 1-12 and weekdays 0-7 that exist, with lists, ranges and steps, such as '0 0 1,15 * *'",
        ),
        (
            "0 0 */0 * *",
            "is no schedule of cutoffs: bad day-of-month; allowed are days 1-31, months 1-12 "
            "and weekdays 0-7 that exist, with lists, ranges and steps, such as '0 0 1,15 * *'",
        ),
        (
            "0 0 31 2,4 *",
            "is no schedule of cutoffs: bad day-of-month; allowed are days 1-31, months 1-12 "
            "and weekdays 0-7 that exist, with lists, ranges and steps, such as '0 0 1,15 * *'",
        ),
        (
            "0 0 1 * mon",
            "restricts the day of the month and the weekday both; allowed is one of them, such as '0 0 1,15 "
            "* *' or '0 0 * * 1'",
        ),
        (
            "0 0 */2 * */2",
            "restricts the day of the month and the weekday both; allowed is one of them, such as '0 0 1,15 "
            "* *' or '0 0 * * 1'",
        ),
        (
            "0 0 15-15 * *",
            "is no schedule of cutoffs: '15-15' is no list of numbers, ranges and steps; allowed are days "
            "1-31, months 1-12 and weekdays 0-7 that exist, with lists, ranges and steps, such as '0 0 1,15 "
            "* *'",
        ),
    ],
)
def test_what_is_no_schedule_says_what_is_allowed(cron: str, sentence: str) -> None:
    with pytest.raises(ValueError) as raised:
        CutoffSchedule.parse(cron)
    assert str(raised.value) == f"{cron!r} {sentence}"
