"""The command ``stock-assets``."""

import functools
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from stock_assets.cli.interruption import end_on_sigterm
from stock_assets.errors import StockAssetsError

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _sentences(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Print the package's own errors as what they are, sentences, without a traceback."""

    @functools.wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return command(*args, **kwargs)
        except StockAssetsError as error:
            click.secho(str(error), fg="red", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.secho(
                "The command was interrupted; what was finished is kept, and the same command goes on from "
                "there.",
                fg="red",
                err=True,
            )
            sys.exit(1)

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Bring a universe up to date, and look at what it holds.

    The universe is the one that STOCK_ASSETS_UNIVERSE names, sample by default.
    """
    end_on_sigterm()


@main.command()
@_sentences
def init() -> None:
    """Prepare the universe: calendars, tables and Dagster's instance."""
    from stock_assets.cli.instance import prepare

    deployment = prepare()
    click.echo(f"{deployment.universe.name} is ready in {deployment.settings.state_dir}.")


@main.command()
@click.option(
    "--all", "every_symbol", is_flag=True, help="Ask the sources for every symbol, not for one each."
)
@_sentences
def doctor(every_symbol: bool) -> None:
    """Check everything the universe needs, and say what to do.

    Configuration, keys, disk, database, calendars, sources, feeds and Slack, a line each. The exit status is
    1 if anything failed.
    """
    from stock_assets.cli.doctor import print_examination

    sys.exit(0 if print_examination(every_symbol=every_symbol) else 1)


@main.command()
@_sentences
def run() -> None:
    """Bring the universe up to date and print its weights.

    What is missing of prices, training, predictions and weights is computed, and nothing else.
    """
    from stock_assets.cli.up_to_date import bring_up_to_date

    bring_up_to_date()


@main.command()
@click.option("--from", "first", required=True, metavar="DAY", help="First trading day, as 2022-01-03.")
@click.option("--to", "last", required=True, metavar="DAY", help="Last trading day.")
@_sentences
def backfill(first: str, last: str) -> None:
    """Materialize all daily assets of a range of trading days."""
    from stock_assets.cli.up_to_date import backfill_days

    backfill_days(_day("--from", first), _day("--to", last))


@main.command()
@click.option(
    "--cutoff", "cutoffs", multiple=True, required=True, metavar="DAY", help="May be given several times."
)
@_sentences
def train(cutoffs: tuple[str, ...]) -> None:
    """Train all networks of cutoffs."""
    from stock_assets.cli.up_to_date import train_cutoffs

    train_cutoffs([_day("--cutoff", cutoff) for cutoff in cutoffs])


@main.command()
@click.option("--cutoff", required=True, metavar="DAY", help="Cutoff of the networks, as 2022-10-01.")
@click.option("--from", "first", required=True, metavar="DAY", help="First trading day to predict.")
@click.option("--to", "last", required=True, metavar="DAY", help="Last trading day to predict.")
@_sentences
def validate(cutoff: str, first: str, last: str) -> None:
    """Hold the stage1 networks of a cutoff against the returns that came; nothing is stored."""
    from stock_assets.cli.validation_table import print_validation

    print_validation(_day("--cutoff", cutoff), _day("--from", first), _day("--to", last))


@main.command("predict")
@click.option("--date", "day", metavar="DAY", help="Trading day; by default the newest with settled prices.")
@click.option(
    "--instrument",
    "instruments",
    multiple=True,
    metavar="ID",
    help="May be given several times; default all.",
)
@click.option("--model", metavar="MODEL_ID", help="A registered network, for its instrument.")
@click.option(
    "--artifact",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Instead of --model: a file with a network, which is read and not registered.",
)
@click.option("--allow-later-model", is_flag=True, help="Let the given network have a cutoff after the day.")
@click.option("--picture", metavar="FILE", type=click.Path(path_type=Path), help="Write a picture, a PNG.")
@_sentences
def predict_on_demand(
    day: str | None,
    instruments: tuple[str, ...],
    model: str | None,
    artifact: Path | None,
    allow_later_model: bool,
    picture: Path | None,
) -> None:
    """Predict instruments on a trading day; nothing is stored.

    Without --model or --artifact the networks are those that the day uses.
    """
    from stock_assets.cli.predictions_table import print_predictions

    print_predictions(
        None if day is None else _day("--date", day),
        instruments,
        model=model,
        artifact=artifact,
        allow_later_model=allow_later_model,
        picture=picture,
    )


@main.command("collect-headlines")
@_sentences
def collect_headlines() -> None:
    """Read the universe's feeds once, as its schedule does every hour."""
    from stock_assets.cli.headlines import collect_or_fail
    from stock_assets.cli.instance import open_prepared

    collect_or_fail(*open_prepared())


@main.command("send-test-alert")
@_sentences
def send_test_alert() -> None:
    """Send a message to Slack that shows that alerts arrive."""
    from stock_assets.cli.alerts import send_trial
    from stock_assets.settings import Settings

    send_trial(Settings.from_environment())


@main.command("accept-bar")
@click.argument("instrument")
@click.argument("session")
@click.option("--by", required=True, metavar="NAME", help="Who says that the bar is right.")
@click.option("--why", required=True, metavar="TEXT", help="What shows that it is right.")
@_sentences
def accept_bar(instrument: str, session: str, by: str, why: str) -> None:
    """Release a held bar: use it from now on.

    INSTRUMENT is its id, SESSION the exchange-local date of the bar, as 2022-01-03.
    """
    from stock_assets.cli.accept_bar import release

    release(instrument, _day("SESSION", session), by, why)


@main.command()
@_sentences
def copy() -> None:
    """Copy the universe's tables from SQLite to the database of STOCK_ASSETS_DATABASE_URL.

    A copy that was interrupted goes on when it is started again. What is copied is compared, row by row.
    """
    from stock_assets.cli.copy_universe import copy_universe

    copy_universe()


@main.command()
@_sentences
def weights() -> None:
    """Print the weights of the last published day."""
    from stock_assets.cli.instance import open_prepared
    from stock_assets.cli.weights_table import print_last_weights

    print_last_weights(*open_prepared())


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535))
@_sentences
def ui(host: str, port: int) -> None:
    """Serve the Dagster UI together with its daemon."""
    from stock_assets.cli.servers import serve

    sys.exit(serve(host, port))


def _day(option: str, text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise click.BadParameter(f"{text!r} is no date; write it as 2022-01-03.", param_hint=option) from None
