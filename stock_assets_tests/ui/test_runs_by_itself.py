"""A live universe that is served: the daemon requests what is due, and nobody has asked for it."""

from datetime import UTC, datetime, timedelta

from stock_assets.settings import SLACK_CHANNEL_VARIABLE, SLACK_TOKEN_VARIABLE, SLACK_URL_VARIABLE
from stock_assets_tests.commands import Workplace, needs_proc
from stock_assets_tests.fake_slack import CHANNEL, TOKEN, fake_slack
from stock_assets_tests.ui.served import served

START = datetime.now(UTC).date() - timedelta(days=6)


@needs_proc
def test_the_daemon_runs_the_history_and_then_the_days_and_tells_slack(workplace: Workplace) -> None:
    path = workplace.configuration / "universe.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("end: 2021-03-31\n", "").replace("start: 2020-12-28", f"start: {START}"),
        encoding="utf-8",
    )
    with fake_slack() as slack:
        told = workplace.with_variables(
            **{
                SLACK_TOKEN_VARIABLE: TOKEN,
                SLACK_CHANNEL_VARIABLE: CHANNEL,
                SLACK_URL_VARIABLE: slack.url,
            }
        )
        with served(told) as ui:
            ui.wait_until(
                lambda: any(line.startswith(":arrow_forward: Daily ") for line in slack.lines),
                f"Slack heard of no day, but of {slack.lines}; requested: {requested(workplace)}",
            )
            keys = requested(workplace)
        assert ":white_check_mark: History finished." in slack.lines
        assert slack.lines.index(":arrow_forward: History started.") < slack.lines.index(
            ":white_check_mark: History finished."
        )
    assert keys[0] == f"history/{START}/1"
    days = [key for key in keys if key.startswith("daily/")]
    assert days == sorted(days) and all(key.endswith("/1") for key in days)
    assert ("history", "SUCCESS") in workplace.dagster_runs()
    workplace.wait_until_deserted()
    assert TOKEN not in "".join(file.read_text(errors="replace") for file in workplace.state.rglob("*.log"))


def requested(workplace: Workplace) -> list[str]:
    """The keys of what was requested, in their order."""
    rows = workplace.query(
        "SELECT value FROM run_tags WHERE run_tags.key = 'stock_assets/request' ORDER BY id",
        "history/runs.db",
    )
    return [key for (key,) in rows]
