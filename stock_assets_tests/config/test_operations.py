"""``operations`` in ``universe.yaml``: the defaults, what is allowed, and one sentence for each mistake."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from stock_assets.config import load_universe
from stock_assets.config.operations import Operations, TrainingSchedule
from stock_assets.errors import ConfigurationError
from stock_assets.settings import PROJECT_ROOT
from stock_assets_tests.made_up import CONFIG_DIR

ALLOWED = (
    "allowed are twice-monthly, monthly, weekly, or five fields of numbers, names, lists, ranges and steps, "
    "such as '0 9 1,15 * *'; every two weeks, and what is counted in trading days or from the end of a "
    "month, no cron can say."
)
ZONES = "is no time zone; allowed are names such as UTC, Asia/Seoul or America/New_York."
SCHEDULE = "training: {schedule: '%s'}"

MISTAKES = {
    "every two weeks": (SCHEDULE % "every 2 weeks", f"'every 2 weeks' is no schedule; {ALLOWED}"),
    "last day": (SCHEDULE % "0 0 L * *", f"'0 0 L * *' is no schedule; {ALLOWED}"),
    "nearest weekday": (SCHEDULE % "0 0 15W * *", f"'0 0 15W * *' is no schedule; {ALLOWED}"),
    "second Friday": (SCHEDULE % "0 0 * * 5#2", f"'0 0 * * 5#2' is no schedule; {ALLOWED}"),
    "preset of cron": (SCHEDULE % "@daily", f"'@daily' is no schedule; {ALLOWED}"),
    "six fields": (SCHEDULE % "0 0 0 1 * *", f"'0 0 0 1 * *' is no schedule; {ALLOWED}"),
    "bad day": (SCHEDULE % "0 0 32 * *", f"'0 0 32 * *' is no schedule: bad day-of-month; {ALLOWED}"),
    "two kinds of days": (
        SCHEDULE % "0 0 1 * MON",
        "'0 0 1 * MON' restricts the day of the month and the weekday both; allowed is one of them.",
    ),
    # Dagster takes either day of it, and cronsim those that are both.
    "a step and a weekday": (
        SCHEDULE % "0 0 */2 * 1",
        "'0 0 */2 * 1' restricts the day of the month and the weekday both; allowed is one of them.",
    ),
    # Dagster takes it for every day.
    "a range of one": (SCHEDULE % "0 0 1-1 * *", f"'0 0 1-1 * *' is no schedule; {ALLOWED}"),
}
OTHER_MISTAKES = {
    "time zone": (
        "training: {timezone: Seoul}",
        f"training.timezone: 'Seoul' {ZONES}",
    ),
    "folder of time zones": (
        "training: {timezone: Asia}",
        f"training.timezone: 'Asia' {ZONES}",
    ),
    "path": (
        "training: {timezone: ../UTC}",
        f"training.timezone: '../UTC' {ZONES}",
    ),
    "no unit": (
        "retry_delay: 600",
        "retry_delay: 600 has no unit; allowed is a duration such as PT24H or P1D.",
    ),
    "no day": ("catch_up_days: 0", "catch_up_days: 0 is not allowed; allowed is a value of at least 1."),
    "no attempt": (
        "attempts_a_day: 0",
        "attempts_a_day: 0 is not allowed; allowed is a value of at least 1.",
    ),
    "asking all the time": (
        "waiting_delay: PT0S",
        "waiting_delay: 0:00:00 is not allowed; allowed is a value of at least 1 minute.",
    ),
    "unknown key": (
        "catchup: true",
        "catchup: the key 'catchup' is unknown; allowed here are catch_up, catch_up_days, attempts_a_day, "
        "retry_delay, waiting_delay, step_retries, step_retry_delay, training, concurrent_runs, "
        "training_processes, run_time_limit, training_time_limit, late_after.",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CONFIG_DIR, tmp_path / "configs")) / "made_up"


def told(folder: Path, section: str) -> list[str]:
    with (folder / "universe.yaml").open("a", encoding="utf-8") as file:
        file.write(f"\noperations:\n  {section}\n")
    with pytest.raises(ConfigurationError) as raised:
        load_universe(folder)
    return str(raised.value).splitlines()


@pytest.mark.parametrize(("section", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_what_no_cron_can_say_is_refused(folder: Path, section: str, sentence: str) -> None:
    assert told(folder, section) == [f"made_up/universe.yaml: operations.training.schedule: {sentence}"]


@pytest.mark.parametrize(("section", "sentence"), OTHER_MISTAKES.values(), ids=OTHER_MISTAKES)
def test_a_mistake_is_one_sentence(folder: Path, section: str, sentence: str) -> None:
    assert told(folder, section) == [f"made_up/universe.yaml: operations.{sentence}"]


def test_repeated_steps_are_attempts_too(folder: Path) -> None:
    assert told(folder, "{attempts_a_day: 2, step_retries: 2}") == [
        "made_up/universe.yaml: operations: step_retries 2 is not below attempts_a_day 2, and repeated steps "
        "are attempts too; allowed is a smaller number."
    ]


@pytest.mark.parametrize(
    ("schedule", "cron"),
    [
        (None, "0 0 3 * *"),
        ("twice-monthly", "0 0 1,15 * *"),
        ("monthly", "0 0 1 * *"),
        ("weekly", "0 0 * * 1"),
        ("30 7 * * MON-FRI", "30 7 * * MON-FRI"),
    ],
)
def test_the_training_follows_cutoffs_a_preset_or_a_cron(schedule: str | None, cron: str) -> None:
    settings = TrainingSchedule(schedule=schedule, timezone="Asia/Seoul")
    assert (settings.cron("0 0 3 * *"), settings.timezone) == (cron, "Asia/Seoul")


def test_the_documented_settings_are_the_defaults() -> None:
    assert load_universe(PROJECT_ROOT / "configs" / "sample").universe.operations == Operations()
    written = (PROJECT_ROOT / "configs" / "sample" / "universe.yaml").read_text(encoding="utf-8")
    names = [*Operations.model_fields, *TrainingSchedule.model_fields]
    assert [name for name in names if f" {name}:" not in written] == []


def test_what_is_left_out_has_a_default(folder: Path) -> None:
    with (folder / "universe.yaml").open("a", encoding="utf-8") as file:
        file.write("\noperations: {catch_up: false, late_after: P1D}\n")
    operations = load_universe(folder).universe.operations
    assert operations == Operations(catch_up=False, late_after=timedelta(days=1))
    assert operations.training.cron("0 0 1 * *") == "0 0 1 * *"
