"""The weights of the last published day as a table on the terminal."""

from datetime import UTC, date, datetime

import pandas as pd
import sqlalchemy as sa
from rich import box
from rich.console import Console
from rich.table import Table

from stock_assets.config.base_currency import currency_sentence
from stock_assets.config.portfolios import PORTFOLIO_MODELS, PROFILES
from stock_assets.pipeline.assets import weights_asset
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.frames import rows_of
from stock_assets.pipeline.plan import days_over
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.lost_connections import again_if_lost
from stock_assets.storage.models import read_models
from stock_assets.storage.outcomes import read_outcomes
from stock_assets.storage.predictions import read_predictions
from stock_assets.storage.weights import last_day, read_weights

#: Short enough for a terminal of 80 columns.
_MODEL_TITLES = {"alpha": "alpha", "black_litterman": "Black-L.", "sharpe_net": "Sharpe"}
_PROFILE_TITLES = {"stable": "stable", "aggressive": "aggr."}
_BASIS_TITLES = {"model": "model", "min_variance": "min var", "policy": "policy"}


@again_if_lost
def print_last_weights(deployment: Deployment, engine: sa.Engine, console: Console | None = None) -> None:
    """Print all portfolios of the last day that has any, with their basis and their models' cutoffs.

    Of a universe without portfolios the last predictions are printed.
    """
    out = console or Console()
    if deployment.config.portfolios is None:
        _print_last_predictions(deployment, engine, out)
        return
    with read_transaction(engine) as connection:
        day = last_day(connection)
        if day is None:
            out.print(
                f"No weights of {deployment.universe.name} have been published yet; `make run` does that."
            )
            return
        weights = read_weights(connection, day, day)
        predictions = read_predictions(connection, day, day)
        models = read_models(connection, predictions["model_id"].unique())
        outcomes = read_outcomes(connection, day, day)
    horizons = sorted({str(record.metrics.get("horizon")) for record in models.values()})
    out.print(weights_table(deployment, day, weights, predictions, " or ".join(horizons) or "no"))
    sentences = [*model_sentences(weights, predictions), currency_sentence(deployment.universe)]
    for sentence in [*sentences, *_doubts(deployment, outcomes)]:
        out.print(sentence, highlight=False)


def _print_last_predictions(deployment: Deployment, engine: sa.Engine, out: Console) -> None:
    """Print what there is in a universe without portfolios."""
    name, over = deployment.universe.name, days_over(deployment, datetime.now(UTC))
    with read_transaction(engine) as connection:
        found = read_predictions(connection, over[0], over[-1]) if over else pd.DataFrame()
        if found.empty:
            out.print(f"No predictions of {name} have been published yet; `make run` does that.")
            return
        predictions = found[found["date"] == found["date"].max()]
        models = read_models(connection, predictions["model_id"].unique())
    table = Table(
        title=f"{name}: predictions of {predictions['date'].iloc[0].date()}",
        caption="predicted: total return over that many sessions, in %",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for title in ("instrument", "predicted", "sessions", "as of", "cutoff"):
        table.add_column(title, justify="right" if title in ("predicted", "sessions") else "left")
    for row in rows_of(predictions):
        table.add_row(
            row["instrument"],
            f"{100 * row['predicted_return']:+.2f}",
            str(models[row["model_id"]].metrics.get("horizon", "–")),
            str(row["as_of_session"].date()),
            str(row["model_cutoff"].date()),
        )
    out.print(table)


def _doubts(deployment: Deployment, outcomes: pd.DataFrame) -> list[str]:
    """Return what the numbers of a day are not: under today's settings, or complete."""
    current = {weights_asset(model): deployment.weight_settings for model in PORTFOLIO_MODELS}
    rows = [row for row in rows_of(outcomes) if row["asset"] in current]
    sentences = [f"{row['asset']}: {row['reason']}" for row in rows if row["status"] != "published"]
    if any(row["status"] == "published" and row["settings"] != current[row["asset"]] for row in rows):
        sentences.append(
            "These weights were published under other settings than today's; `make backfill` computes days "
            "again."
        )
    return sentences


def weights_table(
    deployment: Deployment, day: date, weights: pd.DataFrame, predictions: pd.DataFrame, horizon: str
) -> Table:
    """Return a table with an instrument a row and a model and profile a column.

    Parameters
    ----------
    weights, predictions : DataFrame
        Rows of ``portfolio_weights`` and ``stage1_predictions`` of the day.
    horizon : str
        Sessions that the predictions are over.
    """
    portfolios = [(model, profile) for model in PORTFOLIO_MODELS for profile in PROFILES]
    shares = weights.pivot(index="instrument", columns=["model", "profile"], values="weight")
    facts = weights.groupby(["model", "profile"]).first()
    predicted = predictions.set_index("instrument")["predicted_return"]
    table = Table(
        title=f"{deployment.universe.name}: portfolio weights of {day}, in %",
        caption="* safe instrument; predicted: return over "
        f"{horizon} sessions, in %; Black-L.: Black-Litterman; aggr.: aggressive",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("instrument", no_wrap=True)
    table.add_column("predicted", justify="right", no_wrap=True)
    for model, profile in portfolios:
        table.add_column(f"{_MODEL_TITLES[model]}\n{_PROFILE_TITLES[profile]}", justify="right", no_wrap=True)
    safe = {instrument.id for instrument in deployment.universe.instruments if instrument.safe}
    # What was published may hold an instrument that the universe does not have any more, or lack a new one.
    others = sorted(set(shares.index) - set(deployment.universe.instrument_ids))
    for name in (*deployment.universe.instrument_ids, *others):
        cells = [
            f"{100 * float(shares[key][name]):.1f}"
            if key in shares.columns and name in shares.index and pd.notna(shares[key][name])
            else "–"
            for key in portfolios
        ]
        forecast = f"{100 * predicted[name]:+.2f}" if name in predicted else "–"
        table.add_row(f"{name}{'*' if name in safe else ''}", forecast, *cells)
    table.add_section()
    bases = [_BASIS_TITLES[str(facts.loc[key, "basis"])] if key in facts.index else "–" for key in portfolios]
    table.add_row("basis", "", *bases)
    return table


def model_sentences(weights: pd.DataFrame, predictions: pd.DataFrame) -> list[str]:
    """Return which cutoffs the models behind the numbers have, and what a fallback basis means."""
    sentences = []
    if len(predictions):
        sentences.append(f"Stage1 networks: cutoff {_cutoffs(predictions)}.")
    net = weights[weights["model"] == "sharpe_net"].dropna(subset=["model_cutoff"])
    if len(net):
        sentences.append(f"Sharpe net: cutoff {_cutoffs(net)}.")
    if (weights["basis"] == "min_variance").any():
        sentences.append(
            "min var: minimum variance, since no portfolio is expected to beat the risk-free rate."
        )
    if (weights["basis"] == "policy").any():
        sentences.append(
            "policy: a fixed split, since the model had no answer; see the day's metadata for the reason."
        )
    return sentences


def _cutoffs(rows: pd.DataFrame) -> str:
    return " and ".join(f"{stamp.date()}" for stamp in sorted(rows["model_cutoff"].unique()))
