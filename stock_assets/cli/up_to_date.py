"""Bring a universe up to date through Dagster, from the command line."""

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime

import sqlalchemy as sa
from rich.console import Console

from stock_assets.cli.headlines import collect
from stock_assets.cli.incomplete_prices import say_what_is_incomplete
from stock_assets.cli.instance import dagster_instance, only_runner, prepare
from stock_assets.cli.launch import Launch, fail_abandoned_runs, keys_of, launch
from stock_assets.cli.weights_table import print_last_weights
from stock_assets.config.portfolios import PORTFOLIO_MODELS
from stock_assets.cutoffs import cutoffs_between
from stock_assets.defs.jobs import DAILY_JOB, HISTORY_JOB, TRAINING_JOB
from stock_assets.errors import ConfigurationError
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.frames import rows_of
from stock_assets.pipeline.plan import Plan, days_over, make_plan, split_into_runs
from stock_assets.pipeline.trainings import Training
from stock_assets.settings import DEFAULT_UNIVERSE
from stock_assets.storage.engine import create_engine, read_transaction
from stock_assets.storage.lost_connections import again_if_lost
from stock_assets.storage.outcomes import read_outcomes


def bring_up_to_date() -> None:
    """Do what ``make_plan`` finds to do, then print the last weights."""
    console = Console()
    started = time.monotonic()
    deployment = prepare()
    engine = create_engine(deployment.settings.database_url, patient=True)
    with only_runner(deployment.settings):
        if deployment.universe.headlines is not None:
            collect(deployment, engine, console)
        plan = _plan(deployment, engine)
        if plan.is_empty:
            console.print(f"{deployment.universe.name} is up to date: there is nothing to do.")
        else:
            _launch_all(deployment, launches(deployment, plan), console)
            say_what_is_incomplete(engine, console, [day for run in plan.price_runs for day in run])
            _say_what_is_empty(engine, console, [day for run in plan.daily_runs for day in run])
    print_last_weights(deployment, engine, console)
    _say_where_to_look(deployment, console, time.monotonic() - started)


@again_if_lost
def _plan(deployment: Deployment, engine: sa.Engine) -> Plan:
    with read_transaction(engine) as connection:
        return make_plan(deployment, connection, datetime.now(UTC))


def backfill_days(first: date, last: date) -> None:
    """Materialize all daily assets of the trading days from ``first`` to ``last``.

    Raises
    ------
    ConfigurationError
        If there is no trading day of the universe between them that is over.
    """
    deployment = prepare()
    over = days_over(deployment, datetime.now(UTC))
    days = [day for day in over if first <= day <= last]
    if not days:
        known = (
            f"reach from {over[0]} to {over[-1]}" if over else f"begin on {deployment.partition_days.first}"
        )
        raise ConfigurationError(
            f"There is no trading day of {deployment.universe.name} from {first} to {last}; its trading days "
            f"{known}."
        )
    specs = [
        Launch(_title("all daily assets", run), DAILY_JOB, *keys_of(run)) for run in split_into_runs(days)
    ]
    console = Console()
    with only_runner(deployment.settings):
        _launch_all(deployment, specs, console)
    engine = create_engine(deployment.settings.database_url, patient=True)
    say_what_is_incomplete(engine, console, days)
    _say_what_is_empty(engine, console, days)


def train_cutoffs(cutoffs: Sequence[date]) -> None:
    """Train all networks of cutoffs, those that are trained already too.

    Raises
    ------
    ConfigurationError
        If one of them is no cutoff of the universe, or lies in the future.
    """
    deployment = prepare()
    days = deployment.partition_days
    today = datetime.now(UTC).date()
    known = cutoffs_between(deployment.universe.cutoffs, days.first, min(days.last, today))
    for cutoff in cutoffs:
        if cutoff not in known:
            firsts = ", ".join(map(str, known[:2]))
            raise ConfigurationError(
                f"{cutoff} is no cutoff of {deployment.universe.name}; allowed are {firsts}, and so on up to "
                f"{known[-1]} ({deployment.universe.cutoffs!r})."
            )
    specs = [
        Launch(f"training for the cutoff {cutoff}", TRAINING_JOB, cutoff.isoformat(), cutoff.isoformat())
        for cutoff in cutoffs
    ]
    with only_runner(deployment.settings):
        _launch_all(deployment, specs, Console())


def launches(deployment: Deployment, plan: Plan) -> list[Launch]:
    """Return the runs that a plan takes, in their order."""
    specs = []
    if plan.history:
        specs.append(Launch("price history", HISTORY_JOB, in_process=True))
    specs += [
        Launch(
            _title("close prices", run),
            DAILY_JOB,
            *keys_of(run),
            (("close_prices",),),
            in_process=True,
            config={"close_prices": {"only_missing": True}},
        )
        for run in plan.price_runs
    ]
    specs += [_training_launch(training) for training in plan.trainings]
    assets: list[tuple[str, ...]] = [
        ("stage1_prediction", name) for name in deployment.universe.instrument_ids
    ]
    if deployment.config.portfolios is not None:
        assets += [("portfolio_weights", model) for model in PORTFOLIO_MODELS]
    if deployment.universe.headlines is not None:
        # They have no outcome of their own: a day that is run anyway shows them, and no day is run for them.
        assets.append(("headlines",))
    specs += [
        Launch(_title("predictions and weights", run), DAILY_JOB, *keys_of(run), tuple(assets))
        for run in plan.daily_runs
    ]
    return specs


def _training_launch(training: Training) -> Launch:
    cutoff = training.cutoff.isoformat()
    assets: list[tuple[str, ...]] = [("stage1_model", name) for name in training.instruments]
    if training.sharpe_net:
        assets.append(("sharpe_net_model",))
    title = f"training {training.networks} networks for the cutoff {cutoff}"
    return Launch(title, TRAINING_JOB, cutoff, cutoff, tuple(assets))


def _launch_all(deployment: Deployment, specs: Sequence[Launch], console: Console) -> None:
    with dagster_instance(deployment.settings) as instance:
        fail_abandoned_runs(instance)
        for number, spec in enumerate(specs, start=1):
            console.print(f"[bold]\\[{number}/{len(specs)}][/] {spec.title}")
            launch(instance, spec, console, deployment.settings.state_dir / "run.log")


@again_if_lost
def _say_what_is_empty(engine: sa.Engine, console: Console, days: Sequence[date]) -> None:
    """Print how many assets and days have no rows after a run that succeeded, and why one has none."""
    if not days:
        return
    with read_transaction(engine) as connection:
        rows = rows_of(read_outcomes(connection, days[0], days[-1]))
    empty = [row for row in rows if row["status"] != "published"]
    if empty:
        last = empty[-1]
        console.print(
            f"[yellow]{len(empty)} of {len(rows)} predictions and portfolios have no rows, for instance "
            f"{last['asset']} of {last['date'].date()}:[/] {last['reason']}",
            soft_wrap=True,
        )


def _title(what: str, days: Sequence[date]) -> str:
    if len(days) == 1:
        return f"{what} of {days[0]}"
    return f"{what} of {len(days)} trading days, {days[0]} to {days[-1]}"


def _say_where_to_look(deployment: Deployment, console: Console, seconds: float) -> None:
    over = days_over(deployment, datetime.now(UTC))
    name = deployment.universe.name
    chosen = "" if name == DEFAULT_UNIVERSE else f" UNIVERSE={name}"
    backfill = ""
    if over:
        first = next(day for day in over if day >= over[-1].replace(day=1))
        backfill = (
            f"  make backfill FROM={first} TO={over[-1]}{chosen}\n"
            "    computes a range of trading days again\n"
        )
    console.print(
        f"\nDone in {seconds:.0f} s. Look next:\n"
        f"  make ui{chosen}\n    the way from price to weight, on http://127.0.0.1:3000\n"
        f"{backfill}"
        f"  {create_engine(deployment.settings.database_url).url.render_as_string()}\n    holds the tables",
        soft_wrap=True,
        highlight=False,
    )
