"""What is measured in processes of their own: ``python -m benchmarks.tasks NAME``.

They work on the universe of the environment. The last line that a task prints is its result as JSON.
"""

import json
import logging
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime

import click

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def main() -> None:
    """Do one thing that is measured."""


@main.command()
@click.argument("last", type=_DAY)
def prices(last: datetime) -> None:
    """Load the history and the trading days up to LAST, without Dagster."""
    from stock_assets.market_data.sources import build_sources
    from stock_assets.pipeline.deployment import current_deployment
    from stock_assets.pipeline.price_gaps import history_gaps
    from stock_assets.pipeline.prices import load_days, load_history
    from stock_assets.storage.engine import create_engine, read_transaction

    deployment = current_deployment()
    engine = create_engine(deployment.settings.database_url)
    sources = build_sources(deployment.universe, deployment.config.folder, deployment.settings)
    now = datetime.now(UTC)
    with read_transaction(engine) as connection:
        gaps = history_gaps(deployment, connection)
    for name, gap in gaps.items():
        load_history(deployment, engine, sources, name, gap, run_id="benchmark", now=now)
    days = deployment.partition_days.between(deployment.partition_days.first, last.date())
    load_days(deployment, engine, sources, days, run_id="benchmark", now=now)
    _say(len(days))


@main.command()
@click.argument("first", type=_DAY)
@click.argument("last", type=_DAY)
def plain(first: datetime, last: datetime) -> None:
    """Compute the daily assets of a range in this process, without Dagster; the same tables are written."""
    from stock_assets.config.portfolios import PORTFOLIO_MODELS
    from stock_assets.market_data.sources import build_sources
    from stock_assets.pipeline.deployment import current_deployment
    from stock_assets.pipeline.portfolios import weigh_days
    from stock_assets.pipeline.prices import load_days
    from stock_assets.pipeline.stage1 import predict_days
    from stock_assets.storage.engine import create_engine

    deployment = current_deployment()
    engine = create_engine(deployment.settings.database_url)
    sources = build_sources(deployment.universe, deployment.config.folder, deployment.settings)
    days = deployment.partition_days.between(first.date(), last.date())
    now = datetime.now(UTC)
    load_days(deployment, engine, sources, days, run_id="benchmark", now=now)
    instruments = deployment.universe.instrument_ids
    predict_days(deployment, engine, instruments, days, run_id="benchmark", now=now)
    if deployment.config.portfolios is not None:
        for model in PORTFOLIO_MODELS:
            weigh_days(deployment, engine, model, days, run_id="benchmark", now=now)
    _say(len(days))


@main.command("each-day")
@click.argument("first", type=_DAY)
@click.argument("last", type=_DAY)
def each_day(first: datetime, last: datetime) -> None:
    """Materialize all daily assets of a range, one run a day; say the seconds of each run."""
    from rich.console import Console

    from stock_assets.cli.instance import dagster_instance
    from stock_assets.cli.launch import Launch, launch
    from stock_assets.defs.jobs import DAILY_JOB
    from stock_assets.pipeline.deployment import current_deployment

    deployment = current_deployment()
    log = deployment.settings.state_dir / "run.log"
    seconds: list[float] = []
    with dagster_instance(deployment.settings) as instance:
        for day in deployment.partition_days.between(first.date(), last.date()):
            began = time.perf_counter()
            launch(instance, Launch(str(day), DAILY_JOB, str(day), str(day)), Console(quiet=True), log)
            seconds.append(time.perf_counter() - began)
    _say(seconds)


@main.command()
@click.argument("first", type=_DAY)
@click.argument("last", type=_DAY)
def days(first: datetime, last: datetime) -> None:
    """Say the trading days of a range."""
    from stock_assets.pipeline.deployment import current_deployment

    found: Sequence[date] = current_deployment().partition_days.between(first.date(), last.date())
    _say([str(day) for day in found])


@main.command()
@click.argument("moment", type=click.DateTime(["%Y-%m-%dT%H:%M"]))
@click.argument("looks", type=int)
def evaluations(moment: datetime, looks: int) -> None:
    """Evaluate the sensor of the days at a moment in UTC; say the seconds of each but the first.

    The first one imports the database's packages and connects, once a code server.
    """
    import dagster as dg

    from stock_assets.defs.daily_sensor import evaluate
    from stock_assets.defs.jobs import DAILY_JOB, HISTORY_JOB
    from stock_assets.pipeline.deployment import current_deployment

    deployment, now = current_deployment(), moment.replace(tzinfo=UTC)
    seconds: list[float] = []
    with dg.DagsterInstance.get() as instance:
        for _ in range(looks + 1):
            began = time.perf_counter()
            with dg.build_sensor_context(instance=instance) as context:
                evaluate(deployment, context, now, DAILY_JOB, HISTORY_JOB)
            seconds.append(time.perf_counter() - began)
    _say(seconds[1:])


@main.command()
def definitions() -> None:
    """Load the code location as a code server does, and say how many assets it has."""
    from stock_assets.definitions import defs

    repository = defs().get_repository_def()
    _say(len(repository.asset_graph.get_all_asset_keys()))


def _say(result: object) -> None:
    click.echo(json.dumps(result))


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main()
