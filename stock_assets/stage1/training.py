"""Train the network of one instrument for one cutoff."""

import logging
import time
from collections.abc import Mapping
from datetime import date

import numpy as np
import torch

from stock_assets.config.stage1 import InstrumentStage1Config
from stock_assets.errors import TrainingDiverged
from stock_assets.learning.forward import forward_blocks
from stock_assets.learning.loop import FitResult, OnEpoch, Samples, fit
from stock_assets.learning.losses import SAMPLE_LOSSES
from stock_assets.learning.randomness import seeded
from stock_assets.learning.scores import directional_accuracy, mean_absolute_error, root_mean_squared_error
from stock_assets.market_data.bars import InstrumentHistory
from stock_assets.stage1.dataset import TrainingSet, Windows, training_windows
from stock_assets.stage1.features import feature_table
from stock_assets.stage1.model import Stage1Metrics, Stage1Model, TrainedStage1, predicted_return
from stock_assets.stage1.networks import RecurrentNetwork


def train_instrument(
    history: InstrumentHistory,
    covariates: Mapping[str, InstrumentHistory],
    config: InstrumentStage1Config,
    cutoff: date,
    *,
    on_epoch: OnEpoch | None = None,
    logger: logging.Logger | None = None,
) -> TrainedStage1:
    """Train a model that knows nothing that falls due on the cutoff or later.

    The same bars and configuration give the same model, bit for bit, on one machine.

    Parameters
    ----------
    history : InstrumentHistory
        From its first bar on; what it has from the cutoff on is not used.
    covariates : mapping of str to InstrumentHistory
        At least those of ``config.covariates``.
    config : InstrumentStage1Config
    cutoff : date
    on_epoch : callable, optional
        Told of every epoch.
    logger : Logger, optional
        Told of the windows and the result.

    Raises
    ------
    InsufficientHistory
        If the history has too few sessions before the cutoff.
    ConfigurationError
        If a feature or covariate cannot be computed from these histories.
    TrainingDiverged
        If a loss or a validation prediction is not finite.
    """
    started = time.perf_counter()
    log = logger or logging.getLogger(__name__)
    table = feature_table(history, config, covariates)
    samples = training_windows(table, history, config, cutoff)
    log.info(
        "%s: %d training windows to %s, %d validation windows to %s",
        history.instrument,
        len(samples.train),
        samples.train.days[-1],
        len(samples.validation),
        samples.validation.days[-1],
    )
    with seeded(config.training.seed):
        network = RecurrentNetwork(config.network, len(table.names))
    result = fit(
        network,
        SAMPLE_LOSSES[config.training.loss],
        _standardised(samples, samples.train),
        _standardised(samples, samples.validation),
        config.training,
        on_epoch=on_epoch,
    )
    outputs = forward_blocks(network, torch.from_numpy(samples.validation.inputs), samples.validation.rows)
    predicted = predicted_return(outputs, samples.target_mean, samples.target_std, config.shrinkage)
    if not np.isfinite(predicted).all():
        bad = int((~np.isfinite(predicted)).sum())
        raise TrainingDiverged(
            f"{bad} validation predictions of {history.instrument!r} are not finite; check its bars for "
            "extreme values or lower training.learning_rate."
        )
    metrics = _metrics(samples, predicted, result)
    log.info(
        "%s: validation MAE %.4f after %d epochs, zero forecast %.4f, mean forecast %.4f",
        history.instrument,
        metrics.validation_mae,
        metrics.epochs,
        metrics.zero_mae,
        metrics.mean_mae,
    )
    return TrainedStage1(
        model=Stage1Model(
            instrument=history.instrument,
            cutoff=cutoff,
            config=config,
            feature_names=table.names,
            network=network,
            scaler=samples.scaler,
            target_mean=samples.target_mean,
            target_std=samples.target_std,
            metrics=metrics,
        ),
        seconds=time.perf_counter() - started,
        train_losses=result.train_losses,
        validation_losses=result.validation_losses,
        validation_days=samples.validation.days,
        predicted=predicted,
        realised=samples.validation.returns,
    )


def _standardised(samples: TrainingSet, windows: Windows) -> Samples:
    targets = (windows.returns - samples.target_mean) / samples.target_std
    # Copies: torch aligns its own memory always alike, and how sums are vectorised may depend on that.
    return Samples(torch.tensor(windows.inputs), torch.tensor(targets, dtype=torch.float32))


def _metrics(samples: TrainingSet, predicted: np.ndarray, result: FitResult) -> Stage1Metrics:
    train, validation = samples.train, samples.validation
    realised = validation.returns
    return Stage1Metrics(
        train_windows=len(train),
        validation_windows=len(validation),
        train_first=train.days[0].item(),
        train_last=train.days[-1].item(),
        validation_first=validation.days[0].item(),
        validation_last=validation.days[-1].item(),
        epochs=result.epochs,
        best_epoch=result.best_epoch,
        validation_mae=mean_absolute_error(predicted, realised),
        zero_mae=mean_absolute_error(np.zeros(len(realised)), realised),
        mean_mae=mean_absolute_error(np.full(len(realised), samples.target_mean), realised),
        residual_rmse=root_mean_squared_error(predicted, realised),
        directional_accuracy=directional_accuracy(predicted, realised),
    )
