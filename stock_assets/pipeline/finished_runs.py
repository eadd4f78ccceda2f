"""What a run that ended well has brought, as an alert: read from the tables, whoever started it."""

from collections.abc import Callable, Sequence
from datetime import date

import pandas as pd
import sqlalchemy as sa

from stock_assets.alerts import messages
from stock_assets.alerts.alert import Alert
from stock_assets.alerts.facts import ForecastErrors, RunFacts, WeightChange
from stock_assets.config.portfolios import PORTFOLIO_MODELS
from stock_assets.pipeline.frames import rows_of
from stock_assets.storage.column_types import Json
from stock_assets.storage.models import ModelRecord, models_of_run
from stock_assets.storage.outcomes import read_outcomes
from stock_assets.storage.weights import last_weights_before, read_weights

#: Changes of weight that a message shows.
SHOWN_CHANGES = 5
_PREDICTIONS, _WEIGHTS = "stage1_prediction/", "portfolio_weights/"
_SHARPE_RATIOS = (
    ("Sharpe net", "validation_sharpe"),
    ("equal weight", "equal_weight_sharpe"),
    ("inverse volatility", "inverse_volatility_sharpe"),
)

#: Draws errors under a title, as a PNG.
Draw = Callable[[Sequence[ForecastErrors], str], bytes]


def finished_days(connection: sa.Connection, run: RunFacts, first: date, last: date) -> Alert:
    """Return what a run over some trading days has published, or why it has published nothing.

    Parameters
    ----------
    first, last : date
        First and last trading day of the run.
    """
    outcomes = read_outcomes(connection, first, last)
    outcomes = outcomes[outcomes["run_id"] == run.run_id]
    if outcomes.empty:
        return messages.finished(run)
    published = outcomes[outcomes["status"] == "published"]
    if published.empty:
        status = str(outcomes["status"].mode()[0])
        return messages.nothing_published(run, status, _reasons(outcomes))
    weights = read_weights(connection, first, last)
    weights = weights[weights["run_id"] == run.run_id]
    return messages.ready(
        run,
        predictions=int(published.loc[published["asset"].str.startswith(_PREDICTIONS), "rows"].sum()),
        portfolios=len(weights[["date", "model", "profile"]].drop_duplicates()),
        changes=_changes(connection, weights, last) if first == last else (),
        remarks=_reasons(outcomes),
    )


def finished_training(connection: sa.Connection, run: RunFacts, draw: Draw) -> Alert:
    """Return what the networks that a run has trained are worth in validation.

    Parameters
    ----------
    draw : callable
        Called if there is a network to draw.
    """
    models = models_of_run(connection, run.run_id)
    errors = [_errors(model) for model in models if model.kind == "stage1"]
    ratios = [
        (name, _number(model.metrics.get(key)))
        for model in models
        if model.kind == "sharpe_net"
        for name, key in _SHARPE_RATIOS
    ]
    picture = draw(errors, run.subject) if errors else None
    return messages.training_finished(run, errors, ratios, picture)


def _reasons(outcomes: pd.DataFrame) -> list[str]:
    """Return each reason once with the assets that it is of, those of most assets first."""
    of: dict[str, set[str]] = {}
    for row in rows_of(outcomes):
        if isinstance(row["reason"], str):
            of.setdefault(row["reason"], set()).add(row["asset"].removeprefix(_PREDICTIONS))
    ordered = sorted(of.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        reason if len(assets) > 1 else f"{next(iter(assets)).replace(_WEIGHTS, '')}: {reason}"
        for reason, assets in ordered
    ]


def _changes(connection: sa.Connection, weights: pd.DataFrame, day: date) -> list[WeightChange]:
    """Return the largest changes of weight against the last portfolio before a day, largest first."""
    key = ["model", "profile", "instrument"]
    before = [last_weights_before(connection, model, day) for model in PORTFOLIO_MODELS]
    both = pd.merge(
        weights[[*key, "weight"]],
        pd.concat(before)[[*key, "weight"]],
        how="outer",
        on=key,
        suffixes=("", "_before"),
    )
    # A portfolio that was not published on one of the two days has not changed.
    known = [set(frame.groupby(["model", "profile"]).groups) for frame in (weights, pd.concat(before))]
    changes = [
        WeightChange(
            f"{row['model']} {row['profile']}",
            row["instrument"],
            0.0 if pd.isna(row["weight_before"]) else float(row["weight_before"]),
            0.0 if pd.isna(row["weight"]) else float(row["weight"]),
        )
        for row in rows_of(both)
        if all((row["model"], row["profile"]) in portfolios for portfolios in known)
    ]
    shown = [change for change in changes if round(change.size, 3) > 0]
    shown.sort(key=lambda change: (-change.size, change.portfolio, change.instrument))
    return shown[:SHOWN_CHANGES]


def _errors(model: ModelRecord) -> ForecastErrors:
    network, zero, mean = (
        _number(model.metrics.get(name)) for name in ("validation_mae", "zero_mae", "mean_mae")
    )
    return ForecastErrors(model.instrument or "", network, zero, mean)


def _number(value: Json) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
