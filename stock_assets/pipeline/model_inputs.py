"""What the portfolio models need beside prices: stage1's predictions, or the Sharpe net's weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
import sqlalchemy as sa

from stock_assets.cutoffs import cutoff_for
from stock_assets.pipeline.assets import prediction_asset
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.frames import rows_of
from stock_assets.pipeline.outcomes import Outcome
from stock_assets.portfolio.inputs import Predictions
from stock_assets.portfolio.levels import LevelGrid
from stock_assets.portfolio.sharpe_model import load_sharpe_net
from stock_assets.portfolio.sharpe_net import predict_weights
from stock_assets.storage.models import ModelRecord, models_for, read_models
from stock_assets.storage.outcomes import read_outcomes
from stock_assets.storage.predictions import read_predictions


@dataclass(frozen=True, eq=False)
class ModelInputs:
    """One portfolio model's inputs of some days, beside prices.

    Attributes
    ----------
    problems : dict of date to Outcome
        Days that cannot be published, and why.
    cutoffs : dict of date to date
        Cutoff of the newest network behind each day.
    remarks : dict of date to str
        What is particular about a day.
    predictions : Predictions or None
        For the models that are built on predictions.
    network_weights : ndarray of float64, shape (n_days, n_instruments), or None
        For the Sharpe net.
    """

    problems: dict[date, Outcome] = field(default_factory=dict)
    cutoffs: dict[date, date] = field(default_factory=dict)
    remarks: dict[date, str] = field(default_factory=dict)
    predictions: Predictions | None = None
    network_weights: np.ndarray | None = None


def gather_predictions(
    deployment: Deployment, connection: sa.Connection, days: Sequence[date]
) -> ModelInputs:
    """Read the predictions of some days, with the error that their networks had in validation."""
    names = list(deployment.universe.instrument_ids)
    stored = read_predictions(connection, days[0], days[-1])
    records = read_models(connection, stored["model_id"].unique())
    stored["rmse"] = stored["model_id"].map({name: _rmse(record) for name, record in records.items()})
    horizon = deployment.config.stage1.horizon
    others = {name for name, record in records.items() if record.metrics.get("horizon") != horizon}
    index = pd.DatetimeIndex(np.array(days, dtype="datetime64[s]"))

    def table(column: str) -> pd.DataFrame:
        return stored.pivot(index="date", columns="instrument", values=column).reindex(
            index=index, columns=names
        )

    status_of = {
        (row["date"].date(), row["asset"]): row["status"]
        for row in rows_of(read_outcomes(connection, days[0], days[-1]))
    }
    cutoffs: dict[date, date] = {}
    for row in rows_of(stored):
        day, cutoff = row["date"].date(), row["model_cutoff"].date()
        cutoffs[day] = max(cutoff, cutoffs.get(day, cutoff))
    return ModelInputs(
        problems={
            **_prediction_problems(days, [prediction_asset(name) for name in names], status_of),
            **_horizon_problems(stored[stored["model_id"].isin(others)], horizon),
        },
        cutoffs=cutoffs,
        remarks=_untrained_remarks(deployment, cutoffs),
        predictions=Predictions(
            predicted_return=table("predicted_return").to_numpy(dtype=np.float64),
            rmse=table("rmse").to_numpy(dtype=np.float64),
            horizon=horizon,
        ),
    )


def gather_sharpe_net(
    deployment: Deployment, connection: sa.Connection, grid: LevelGrid, days: Sequence[date]
) -> ModelInputs:
    """Run the Sharpe nets that some days use, one pass a network."""
    chosen: dict[date, ModelRecord] = {
        day: record
        for (_, day), record in models_for(
            connection, "sharpe_net", [deployment.instrument_set], days
        ).items()
    }
    weights = np.full((len(days), len(grid.instruments)), np.nan)
    for record in {record.model_id: record for record in chosen.values()}.values():
        rows = [
            row for row, day in enumerate(days) if day in chosen and chosen[day].model_id == record.model_id
        ]
        network = load_sharpe_net(deployment.settings.artifact_dir, record.sha256)
        own_days = np.array([days[row] for row in rows], dtype="datetime64[D]")
        weights[rows] = predict_weights(network, grid, own_days)
    cutoffs = {day: record.cutoff for day, record in chosen.items()}
    return ModelInputs(
        problems={
            day: Outcome(
                day,
                "",
                "no_model",
                f"No Sharpe net of these instruments has a cutoff on or before {day}; train one.",
            )
            for day in days
            if day not in chosen
        },
        cutoffs=cutoffs,
        remarks=_untrained_remarks(deployment, cutoffs),
        network_weights=weights,
    )


def _rmse(record: ModelRecord) -> float:
    value = record.metrics["residual_rmse"]
    return float(value) if isinstance(value, int | float) else float("nan")


def _prediction_problems(
    days: Sequence[date], assets: Sequence[str], status_of: Mapping[tuple[date, str], str]
) -> dict[date, Outcome]:
    """Return the days on which predictions are still to come, or have no network at all."""
    problems: dict[date, Outcome] = {}
    for day in days:
        statuses = {asset: status_of.get((day, asset)) for asset in assets}
        absent = [asset for asset, status in statuses.items() if status is None]
        if absent:
            problems[day] = Outcome(day, "", "waiting", f"{absent[0]} of {day} is not there yet.")
        elif set(statuses.values()) == {"no_model"}:
            reason = f"No stage1 network has a cutoff on or before {day}; train them."
            problems[day] = Outcome(day, "", "no_model", reason)
    return problems


def _horizon_problems(stored: pd.DataFrame, horizon: int) -> dict[date, Outcome]:
    """Return the days with predictions over another horizon than the configured one: their unit is wrong."""
    problems: dict[date, Outcome] = {}
    for row in rows_of(stored):
        day = row["date"].date()
        reason = (
            f"The network {row['model_id']} does not predict over the {horizon} sessions of stage1.yaml; "
            "train and predict again."
        )
        problems[day] = Outcome(day, "", "refused", reason)
    return problems


def _untrained_remarks(deployment: Deployment, cutoffs: dict[date, date]) -> dict[date, str]:
    remarks = {}
    for day, cutoff in cutoffs.items():
        wanted = cutoff_for(deployment.universe.cutoffs, day)
        if cutoff != wanted:
            remarks[day] = f"The cutoff {wanted} was never trained; the network of {cutoff} is used."
    return remarks
