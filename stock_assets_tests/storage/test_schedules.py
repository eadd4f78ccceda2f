"""What the daemon has requested, and what became of it."""

from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from stock_assets.storage.engine import read_transaction
from stock_assets.storage.schedules import Result, RunAttempt, failed_requests_before, write_attempts

DAY, OTHER_DAY = date(2022, 12, 1), date(2022, 12, 2)
NOW = datetime(2022, 12, 2, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("results", "failed"),
    [
        ([], []),
        (["failed"], [1]),
        (["failed", "failed"], [2, 1]),
        (["failed", "waiting"], []),
        (["failed", "succeeded", "failed"], [3]),
        (["failed", None], []),
    ],
)
def test_requests_that_failed_are_those_since_one_that_did_not(
    database: sa.Engine, results: list[Result | None], failed: list[int]
) -> None:
    own = len(results) + 1
    attempts = [
        RunAttempt("daily", DAY, number, NOW, NOW, result) for number, result in enumerate(results, start=1)
    ]
    others = [
        RunAttempt("training", DAY, own - 1, NOW, NOW, "failed"),
        RunAttempt("daily", OTHER_DAY, own - 1, NOW, NOW, "failed"),
        RunAttempt("daily", DAY, own, NOW),
        RunAttempt("daily", DAY, own + 1, NOW, NOW, "failed"),
    ]
    with database.begin() as connection:
        write_attempts(connection, [*attempts, *others])
    with read_transaction(database) as connection:
        assert failed_requests_before(connection, f"daily/{DAY}/{own}") == [
            f"daily/{DAY}/{number}" for number in failed
        ]
