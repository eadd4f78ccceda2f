"""Release a held bar from the command line."""

from datetime import UTC, date, datetime

import click

from stock_assets.cli.instance import open_prepared
from stock_assets.pipeline.releases import accept_bar


def release(instrument: str, session: date, by: str, why: str) -> None:
    """Release a bar, and print what had held it and what comes next.

    Raises
    ------
    ConfigurationError, NothingToRelease
        As ``accept_bar``.
    """
    deployment, engine = open_prepared()
    released = accept_bar(deployment, engine, instrument, session, by=by, why=why, now=datetime.now(UTC))
    click.echo(f"{instrument} of {session} is released from {' and '.join(released.kinds)} by {by}.")
    days = [day for day in released.trading_days if day >= deployment.partition_days.first]
    if not days:
        click.echo("It belongs to the history: what is trained, predicted or weighed from now on uses it.")
        return
    click.echo(
        f"`make run`, or the next daily run, judges {' and '.join(map(str, days))} anew. What was "
        f"published without it stands; `stock-assets backfill --from {days[0]} --to DAY` computes it again."
    )
