"""Use a trained model: infer single days, predict ranges, validate against what came.

All three are one forward pass over padded batches, so that a day has the same prediction, bit for
bit, alone or in a range, and whatever the history holds after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import torch

from stock_assets.errors import ArtifactError, ConfigurationError
from stock_assets.learning.forward import forward_blocks
from stock_assets.learning.scores import directional_accuracy, mean_absolute_error
from stock_assets.market_data.bars import InstrumentHistory
from stock_assets.stage1.dataset import has_window, labels_of, window_inputs
from stock_assets.stage1.features import feature_table
from stock_assets.stage1.model import Stage1Model, predicted_return


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of one instrument.

    Attributes
    ----------
    instrument : str
    days : ndarray of datetime64[D], shape (n_days,)
        Trading days, as asked for.
    predicted_return : ndarray of float64, shape (n_days,)
        Decimal total return over the horizon, from the first close after the day's decision time;
        NaN where the history is too short.
    as_of_session : ndarray of datetime64[D], shape (n_days,)
        The last session that the prediction saw; NaT where there is none.
    """

    instrument: str
    days: np.ndarray
    predicted_return: np.ndarray
    as_of_session: np.ndarray


@dataclass(frozen=True, eq=False)
class Validation:
    """Predictions of a range beside what came.

    Only days on or after the model's cutoff are out of sample.

    Attributes
    ----------
    predictions : Predictions
        Of the trading days of the range on which the instrument has a bar.
    realised : ndarray of float64, shape (n_days,)
        Decimal total return over the horizon; NaN if the history ends before it.
    due_days : ndarray of datetime64[D], shape (n_days,)
        Trading day on which it was known; NaT if it is not.
    scored_days : int
        Days with a prediction and a realised return; the scores are theirs, NaN if there are none.
    mae, zero_mae, mean_mae : float
        Mean absolute error of the predictions, of the zero forecast and of the mean of the model's
        training labels; decimal return over the horizon.
    directional_accuracy : float
        Share of the scored days whose sign was predicted.
    """

    predictions: Predictions
    realised: np.ndarray
    due_days: np.ndarray
    scored_days: int
    mae: float
    zero_mae: float
    mean_mae: float
    directional_accuracy: float


def predict(
    model: Stage1Model,
    history: InstrumentHistory,
    covariates: Mapping[str, InstrumentHistory],
    days: np.ndarray,
) -> Predictions:
    """Predict from the last ``lookback`` sessions that belong to each day or before.

    Parameters
    ----------
    model : Stage1Model
    history : InstrumentHistory
        From the instrument's first bar on.
    covariates : mapping of str to InstrumentHistory
        At least those of the model's configuration.
    days : ndarray of datetime64[D], shape (n_days,)
        Trading days, in any order; the instrument needs no bar on them.

    Raises
    ------
    ConfigurationError
        If the history is another instrument's, or a feature cannot be computed from it.
    ArtifactError
        If the model was trained with other features than this version computes.
    """
    if history.instrument != model.instrument:
        raise ConfigurationError(
            f"the model of {model.instrument!r} was given the history of {history.instrument!r}; give it "
            "its own."
        )
    table = feature_table(history, model.config, covariates)
    if table.names != model.feature_names:
        raise ArtifactError(
            f"the model of {model.instrument!r} takes the features {', '.join(model.feature_names)}, and "
            f"this version computes {', '.join(table.names)}; train it again."
        )
    days = np.asarray(days, dtype="datetime64[D]")
    last_rows = np.searchsorted(history.trading_days, days, side="right") - 1  # -1 before the first bar
    rows = np.unique(last_rows[last_rows >= 0])
    rows = rows[has_window(table, rows, model.config.lookback)]
    inputs = window_inputs(table, rows, model.config.lookback, model.scaler)
    by_row = np.full(len(history) + 1, np.nan)  # the last one answers for days before the first bar
    outputs = forward_blocks(model.network, torch.from_numpy(inputs), rows)
    by_row[rows] = predicted_return(outputs, model.target_mean, model.target_std, model.config.shrinkage)
    sessions = np.append(history.sessions, np.datetime64("NaT"))
    return Predictions(model.instrument, days, by_row[last_rows], sessions[last_rows])


def infer(
    model: Stage1Model,
    history: InstrumentHistory,
    covariates: Mapping[str, InstrumentHistory],
    day: date,
) -> float:
    """Return the prediction of one trading day; parameters, unit and errors as in ``predict``."""
    return float(
        predict(model, history, covariates, np.array([day], dtype="datetime64[D]")).predicted_return[0]
    )


def validate(
    model: Stage1Model,
    history: InstrumentHistory,
    covariates: Mapping[str, InstrumentHistory],
    first: date,
    last: date,
) -> Validation:
    """Compare the predictions of a range with the returns that came.

    Parameters
    ----------
    model, history, covariates
        As in ``predict``; the history goes on as long as returns are known.
    first, last : date
        Trading days, both included.

    Raises
    ------
    ConfigurationError, ArtifactError
        As ``predict``.
    """
    labels = labels_of(history, model.config.horizon)
    chosen = (labels.days >= np.datetime64(first, "D")) & (labels.days <= np.datetime64(last, "D"))
    predictions = predict(model, history, covariates, labels.days[chosen])
    realised = labels.returns[chosen]
    scored = np.isfinite(predictions.predicted_return) & np.isfinite(realised)
    predicted, came = predictions.predicted_return[scored], realised[scored]
    none = not scored.any()
    return Validation(
        predictions=predictions,
        realised=realised,
        due_days=labels.due_days[chosen],
        scored_days=int(scored.sum()),
        mae=np.nan if none else mean_absolute_error(predicted, came),
        zero_mae=np.nan if none else mean_absolute_error(np.zeros(len(came)), came),
        mean_mae=np.nan if none else mean_absolute_error(np.full(len(came), model.target_mean), came),
        directional_accuracy=directional_accuracy(predicted, came),
    )
