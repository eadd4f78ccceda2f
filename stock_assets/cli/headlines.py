"""Collect headlines from the command line."""

import sqlalchemy as sa
from rich.console import Console

from stock_assets.errors import FeedError
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.headline_collector import Collection, collect_headlines


def collect(
    deployment: Deployment, engine: sa.Engine, console: Console | None = None
) -> tuple[Collection, ...]:
    """Read every feed once, and say what was new and which feeds could not be read.

    Raises
    ------
    ConfigurationError
        If the universe has no feeds.
    """
    out = console or Console()
    collections = collect_headlines(deployment, engine)
    errors = [collection.error for collection in collections if collection.error is not None]
    new_items, readable = sum(one.new_items for one in collections), len(collections) - len(errors)
    out.print(
        f"{new_items} new headlines; {readable} of {len(collections)} feeds could be read.", highlight=False
    )
    for error in errors:
        # What a server said may hold what rich would take for its own markup.
        out.print(error, style="yellow", markup=False, highlight=False, soft_wrap=True)
    return collections


def collect_or_fail(deployment: Deployment, engine: sa.Engine) -> None:
    """Do the same, and fail if no feed could be read.

    Raises
    ------
    ConfigurationError
        If the universe has no feeds.
    FeedError
        If none of them could be read.
    """
    collections = collect(deployment, engine)
    if all(collection.error is not None for collection in collections):
        raise FeedError(
            f"None of the {len(collections)} feeds of {deployment.universe.name} could be read; see what is "
            "said of each, and look at headlines in its universe.yaml."
        )
