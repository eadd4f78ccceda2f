"""Stage1 in a deployment: train an instrument's network for a cutoff, predict trading days."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import pandas as pd
import sqlalchemy as sa

from stock_assets.errors import ArtifactError
from stock_assets.learning.loop import OnEpoch
from stock_assets.learning.randomness import single_threaded
from stock_assets.market_data.bars import InstrumentHistory
from stock_assets.pipeline.assets import prediction_asset
from stock_assets.pipeline.covariates import covariate_problem, covariate_remarks, require_covariates
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.histories import (
    MarketView,
    load_histories,
    market_view,
    require_prices,
    stretches,
)
from stock_assets.pipeline.outcomes import Outcome, day_problems, outcome_frame
from stock_assets.pipeline.prediction_remarks import cutoff_remarks, lag_problem, lag_remarks, short_history
from stock_assets.pipeline.registry import figures, register
from stock_assets.stage1.artifacts import load_model, model_id, save_model
from stock_assets.stage1.inference import Predictions, predict
from stock_assets.stage1.model import TrainedStage1
from stock_assets.stage1.training import train_instrument
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.lost_connections import again_if_lost
from stock_assets.storage.models import ModelRecord, models_for
from stock_assets.storage.outcomes import write_outcomes
from stock_assets.storage.predictions import replace_predictions
from stock_assets.trading_days import decision_time

_DTYPES = {
    "date": "datetime64[s]",
    "instrument": "str",
    "predicted_return": "float64",
    "as_of_session": "datetime64[s]",
    "model_cutoff": "datetime64[s]",
    "model_id": "str",
    "live": "bool",
}


@dataclass(frozen=True, eq=False)
class PredictionReport:
    """What was written for some trading days.

    Attributes
    ----------
    predictions : DataFrame, shape (n_predictions, 7)
        The rows of ``stage1_predictions`` without ``computed_at`` and ``run_id``.
    outcomes : tuple of Outcome
        What became of each instrument on each day.
    """

    predictions: pd.DataFrame
    outcomes: tuple[Outcome, ...]


@again_if_lost
def train(
    deployment: Deployment,
    engine: sa.Engine,
    instrument: str,
    cutoff: date,
    *,
    run_id: str,
    now: datetime,
    logger: logging.Logger,
    on_epoch: OnEpoch | None = None,
) -> tuple[ModelRecord, TrainedStage1]:
    """Train one instrument's network, keep its artefact and register it.

    Raises
    ------
    StorageError
        If a trading day before the cutoff has no prices yet.
    InsufficientHistory, TrainingDiverged
        As ``train_instrument``; the former too if a covariate has no bars.
    """
    config = deployment.config.stage1.for_instrument(instrument)
    with read_transaction(engine) as connection:
        require_prices(deployment, connection, cutoff, only=(instrument, *config.covariates))
        histories = load_histories(
            deployment, connection, before=cutoff, only=(instrument, *config.covariates)
        )
    require_covariates(instrument, config.covariates, histories, cutoff)
    with single_threaded():
        trained = train_instrument(
            histories[instrument], histories, config, cutoff, on_epoch=on_epoch, logger=logger
        )
    artifact = save_model(deployment.settings.artifact_dir, trained.model)
    record = register(
        engine,
        "stage1",
        instrument,
        cutoff,
        model_id=model_id(instrument, cutoff, artifact.sha256),
        artifact=artifact,
        metrics=figures(trained.model.metrics, horizon=config.horizon),
        run_id=run_id,
        now=now,
    )
    return record, trained


@again_if_lost
def predict_days(
    deployment: Deployment,
    engine: sa.Engine,
    instruments: Sequence[str],
    days: Sequence[date],
    *,
    run_id: str,
    now: datetime,
) -> PredictionReport:
    """Predict every instrument on every day, and replace exactly these rows.

    One query, one forward pass a model and one write, whatever the number of days; where a bar is held from
    one of them on, the days before it and those from it on are a pass each. A model whose artefact is missing
    or damaged predicts nothing, and its days say so.
    """
    with read_transaction(engine) as connection:
        problems = day_problems(connection, days)
        models = models_for(connection, "stage1", instruments, days)
        views = [
            (stretch, market_view(deployment, connection, stretch)) for stretch in stretches(connection, days)
        ]
    frames: list[pd.DataFrame] = []
    outcomes: list[Outcome] = []
    for instrument in instruments:
        for stretch, view in views:
            own_models = {day: models[instrument, day] for day in stretch if (instrument, day) in models}
            rows, own_outcomes = _predict_instrument(
                deployment, instrument, stretch, own_models, view, problems
            )
            frames.append(rows)
            outcomes += own_outcomes
    predictions = pd.concat(frames, ignore_index=True).astype(_DTYPES)
    predictions["live"] = [now < _next_decision(deployment, day.date()) for day in predictions["date"]]
    report = PredictionReport(predictions, tuple(outcomes))
    with engine.begin() as connection:
        replace_predictions(
            connection, days, report.predictions, instruments=instruments, computed_at=now, run_id=run_id
        )
        write_outcomes(
            connection,
            outcome_frame(report.outcomes, deployment.prediction_settings),
            computed_at=now,
            run_id=run_id,
        )
    return report


def _predict_instrument(
    deployment: Deployment,
    instrument: str,
    days: Sequence[date],
    models: Mapping[date, ModelRecord],
    view: MarketView,
    problems: Mapping[date, Outcome],
) -> tuple[pd.DataFrame, list[Outcome]]:
    asset = prediction_asset(instrument)
    passes = _predict_by_model(deployment, view.histories[instrument], view.histories, models)
    limit = deployment.universe.max_staleness
    horizon = deployment.config.stage1.horizon
    rows: list[tuple[object, ...]] = []
    outcomes: list[Outcome] = []
    for position, day in enumerate(days):
        model = models.get(day)
        covariates = () if model is None else passes.covariates.get(model.model_id, ())
        if day in problems:
            outcomes.append(problems[day].of(asset))
        elif model is None:
            reason = (
                f"No network of {instrument} has a cutoff on or before {day}; train one to predict that day."
            )
            outcomes.append(Outcome(day, asset, "no_model", reason))
        elif model.metrics.get("horizon") != horizon:
            reason = (
                f"The network {model.model_id} does not predict over the {horizon} sessions of stage1.yaml; "
                f"train the cutoff {model.cutoff} again."
            )
            outcomes.append(Outcome(day, asset, "refused", reason))
        elif model.model_id in passes.unusable:
            outcomes.append(Outcome(day, asset, "refused", passes.unusable[model.model_id]))
        elif problem := lag_problem(view, instrument, position, limit):
            outcomes.append(Outcome(day, asset, "refused", problem))
        elif problem := covariate_problem(view, instrument, covariates, days, position, limit):
            outcomes.append(Outcome(day, asset, "refused", problem))
        elif not np.isfinite(passes.predicted[day][0]):
            outcomes.append(Outcome(day, asset, "refused", short_history(instrument, day)))
        else:
            value, as_of_session = passes.predicted[day]
            rows.append((day, instrument, value, as_of_session, model.cutoff, model.model_id, False))
            remarks = cutoff_remarks(deployment, day, model.cutoff)
            remarks += lag_remarks(view, instrument, position)
            remarks += covariate_remarks(view, covariates, position)
            outcomes.append(Outcome(day, asset, "published", " ".join(remarks) or None, 1))
    return pd.DataFrame(rows, columns=list(_DTYPES)), outcomes


@dataclass(frozen=True, eq=False)
class _Passes:
    """What the networks of one instrument say.

    Attributes
    ----------
    predicted : dict of date to (float, datetime64[D])
        Prediction and last session of each day.
    covariates : dict of str to tuple of str
        What each network was trained to read beside the instrument, by model id.
    unusable : dict of str to str
        Why a network says nothing, by model id.
    """

    predicted: dict[date, tuple[float, np.datetime64]] = field(default_factory=dict)
    covariates: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)


def _predict_by_model(
    deployment: Deployment,
    history: InstrumentHistory,
    histories: Mapping[str, InstrumentHistory],
    models: Mapping[date, ModelRecord],
) -> _Passes:
    """Predict each day, one pass a model; one that cannot be used costs this instrument its predictions."""
    found = _Passes()
    for record in {model.model_id: model for model in models.values()}.values():
        days = sorted(day for day, model in models.items() if model.model_id == record.model_id)
        try:
            model = load_model(deployment.settings.artifact_dir, record.sha256)
        except ArtifactError as error:
            found.unusable[record.model_id] = str(error)
            continue
        gone = [name for name in model.config.covariates if name not in histories]
        if gone:
            found.unusable[record.model_id] = (
                f"The network {record.model_id} reads {', '.join(gone)}, which universe.yaml does not price; "
                f"train the cutoff {record.cutoff} again."
            )
            continue
        found.covariates[record.model_id] = model.config.covariates
        with single_threaded():
            predictions: Predictions = predict(
                model, history, histories, np.array(days, dtype="datetime64[D]")
            )
        for day, value, session in zip(
            days, predictions.predicted_return, predictions.as_of_session, strict=True
        ):
            found.predicted[day] = (float(value), session)
    return found


def _next_decision(deployment: Deployment, day: date) -> datetime:
    days = deployment.history_days
    return decision_time(days.next(day) if day < days.last else day)
