"""A trained stage1 model, and what is known of its training."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from stock_assets.config.stage1 import InstrumentStage1Config
from stock_assets.learning.scaling import Scaler
from stock_assets.stage1.networks import RecurrentNetwork


@dataclass(frozen=True)
class Stage1Metrics:
    """Figures of one training, the same whenever it is repeated.

    The validation windows also decided when training stopped, so their errors flatter the network;
    errors out of sample come from later predictions alone. Errors are in decimal return over the
    horizon.

    Attributes
    ----------
    train_windows, validation_windows : int
    train_first, train_last, validation_first, validation_last : date
        First and last trading day of the windows' decisions.
    epochs, best_epoch : int
        Epochs that ran, and the one whose weights were kept, counted from 1.
    validation_mae : float
        Mean absolute error of the predictions, used for early stopping.
    zero_mae : float
        The same of the forecast that nothing moves.
    mean_mae : float
        The same of the forecast that it moves by the mean of the training labels.
    residual_rmse : float
        Root mean squared error of the predictions: their uncertainty as views on a portfolio.
    directional_accuracy : float
        Share of the validation windows whose sign was predicted.
    """

    train_windows: int
    validation_windows: int
    train_first: date
    train_last: date
    validation_first: date
    validation_last: date
    epochs: int
    best_epoch: int
    validation_mae: float
    zero_mae: float
    mean_mae: float
    residual_rmse: float
    directional_accuracy: float

    @property
    def ratio_to_zero(self) -> float:
        """``validation_mae / zero_mae``: below 1 if better than the zero forecast."""
        return self.validation_mae / self.zero_mae if self.zero_mae else float("nan")

    @property
    def ratio_to_mean(self) -> float:
        """``validation_mae / mean_mae``: below 1 if better than the mean forecast."""
        return self.validation_mae / self.mean_mae if self.mean_mae else float("nan")


@dataclass(frozen=True, eq=False)
class Stage1Model:
    """Everything that a prediction needs, besides the bars.

    Attributes
    ----------
    instrument : str
    cutoff : date
        The model knows nothing that falls due on the cutoff or later.
    config : InstrumentStage1Config
    feature_names : tuple of str
        Columns of the network's input.
    network : RecurrentNetwork
        In evaluation mode.
    scaler : Scaler
        Of the features.
    target_mean, target_std : float
        Of the training labels: decimal return over the horizon.
    metrics : Stage1Metrics
    """

    instrument: str
    cutoff: date
    config: InstrumentStage1Config
    feature_names: tuple[str, ...]
    network: RecurrentNetwork
    scaler: Scaler
    target_mean: float
    target_std: float
    metrics: Stage1Metrics


def predicted_return(
    outputs: np.ndarray, target_mean: float, target_std: float, shrinkage: float
) -> np.ndarray:
    """Turn outputs of a network into decimal total returns over the horizon.

    Parameters
    ----------
    outputs : ndarray of float64, shape (n,)
        Deviations from the mean of the training labels, in their standard deviations.
    target_mean, target_std : float
        Of the training labels: decimal return over the horizon.
    shrinkage : float
        Share of the deviation that is believed.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    return target_mean + shrinkage * target_std * outputs


@dataclass(frozen=True, eq=False)
class TrainedStage1:
    """A new model with the course of its training.

    Attributes
    ----------
    model : Stage1Model
    seconds : float
        Wall-clock duration of the training: no part of the model, as it differs every time.
    train_losses, validation_losses : tuple of float
        Mean loss of each epoch on standardised targets: the learning curve.
    validation_days : ndarray of datetime64[D], shape (n_validation,)
    predicted, realised : ndarray of float64, shape (n_validation,)
        Decimal total returns over the horizon that began after those days.
    """

    model: Stage1Model
    seconds: float
    train_losses: tuple[float, ...]
    validation_losses: tuple[float, ...]
    validation_days: np.ndarray
    predicted: np.ndarray
    realised: np.ndarray
