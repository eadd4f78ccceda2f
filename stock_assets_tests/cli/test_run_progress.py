"""The line on the terminal that follows a run."""

import io

import dagster as dg
import pytest
from rich.console import Console

from stock_assets.cli.run_progress import LAUNCH_TAG, RunProgress


@dg.op
def loads(context: dg.OpExecutionContext) -> None:
    context.log.info("1 of 2: a, 10 bars")
    context.log.info("2 of 2: [/b], 4,012 bars from yahoo in 1.2 s")


@dg.job
def history_of_two() -> None:
    loads()


@pytest.mark.parametrize("tells", [True, False])
def test_the_progress_line_shows_the_newest_message(tells: bool) -> None:
    """Whatever it holds: brackets are no style."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    with dg.DagsterInstance.ephemeral() as instance:
        history_of_two.execute_in_process(instance=instance, tags={LAUNCH_TAG: "mark"})
        # Everything is read when it ends, if not before; the step ended too, and says so on its own line.
        with RunProgress(instance, "mark", "price history", console, tells=tells):
            pass
    assert "done loads" in screen.getvalue()
    assert ("2 of 2: [/b], 4,012 bars from yahoo in 1.2 s" in screen.getvalue()) == tells
