"""A live universe that is served: the daemon requests what is due, and nobody has asked for it."""

from datetime import UTC, datetime, timedelta

import pytest

from stock_assets_tests.commands import Workplace, needs_proc
from stock_assets_tests.ui.served import served

START = datetime.now(UTC).date() - timedelta(days=6)


@pytest.mark.slow_machine
@needs_proc
def test_the_daemon_runs_the_history_and_then_the_days(workplace: Workplace) -> None:
    path = workplace.configuration / "universe.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("end: 2021-03-31\n", "").replace("start: 2020-12-28", f"start: {START}"),
        encoding="utf-8",
    )
    with served(workplace) as ui:

        def requested() -> list[str]:
            return [
                key
                for (key,) in workplace.query(
                    "SELECT value FROM run_tags WHERE key = 'stock_assets/request' ORDER BY id",
                    "history/runs.db",
                )
            ]

        ui.wait_until(lambda: any(key.startswith("daily/") for key in requested()), "no day was requested")
        keys = requested()
    assert keys[0] == f"history/{START}/1"
    days = [key for key in keys if key.startswith("daily/")]
    assert days == sorted(days) and all(key.endswith("/1") for key in days)
    assert ("history", "SUCCESS") in workplace.dagster_runs()
    workplace.wait_until_deserted()
