"""What is said of trading days whose prices are not all there."""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa
from rich.console import Console

from stock_assets.pipeline.frames import rows_of
from stock_assets.pipeline.owed_bars import owing_sources
from stock_assets.storage.days import read_days
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.lost_connections import again_if_lost

#: States other than complete, and what days do that are in them.
_VERBS = {"waiting": "still waiting for bars", "partial": "partial", "closed": "closed"}


@again_if_lost
def say_what_is_incomplete(engine: sa.Engine, console: Console, days: Sequence[date]) -> None:
    """Print which of some trading days wait, are partial or closed, and whose sources failed.

    Parameters
    ----------
    days : sequence of date
        In ascending order; nothing is said of none.
    """
    if not days:
        return
    with read_transaction(engine) as connection:
        states = [
            row for row in rows_of(read_days(connection, days[0], days[-1])) if row["date"].date() in days
        ]
        owing = owing_sources(connection, days)
    for state, verb in _VERBS.items():
        own = [row for row in states if row["state"] == state]
        if own:
            be, which = ("is", "") if len(own) == 1 else ("are", "the last of them ")
            _say(
                console,
                f"{len(own)} of {len(days)} trading days {be} {verb}, {which}{own[-1]['date'].date()}: "
                f"{own[-1]['reason']}",
            )
    for name, sentence in owing.items():
        _say(console, f"No source of {name} answered, and a later run asks again: {sentence}")


def _say(console: Console, sentence: str) -> None:
    # What a server said may hold what rich would take for its own markup.
    console.print(sentence, style="yellow", markup=False, highlight=False, soft_wrap=True)
