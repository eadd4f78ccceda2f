"""The Sharpe net: from returns to weights in one network.

An LSTM reads the past daily returns of all instruments and a softmax gives long-only weights that sum to
one; it is trained on the Sharpe ratio that these weights then have (Zhang, Zohren and Roberts, 2020, "Deep
Learning for Portfolio Optimization"). A profile's bounds come afterwards, by
``stock_assets.portfolio.constraints.project``: one network serves both profiles.
"""

import logging
import math
import time
from collections.abc import Sequence
from datetime import date

import numpy as np
import torch

from stock_assets.config.portfolios import SharpeNetConfig
from stock_assets.errors import ArtifactError, TrainingDiverged
from stock_assets.learning.forward import forward_blocks
from stock_assets.learning.loop import FitResult, OnEpoch, Samples, fit
from stock_assets.learning.randomness import seeded
from stock_assets.market_data.bars import InstrumentHistory
from stock_assets.portfolio.benchmarks import equal_weight, inverse_volatility
from stock_assets.portfolio.levels import NO_RATES, LevelGrid, Rates
from stock_assets.portfolio.sharpe_model import SharpeNetMetrics, SharpeNetModel, TrainedSharpeNet
from stock_assets.portfolio.sharpe_network import VOLATILITY_FLOOR, NegativeSharpeRatio, SharpeNetwork
from stock_assets.portfolio.sharpe_windows import (
    SharpeTrainingSet,
    SharpeWindows,
    past_returns,
    training_windows,
)

#: Sessions in a year, for annualising.
SESSIONS_PER_YEAR = 252


def train_sharpe_net(
    histories: Sequence[InstrumentHistory],
    days: np.ndarray,
    config: SharpeNetConfig,
    cutoff: date,
    *,
    rates: Rates = NO_RATES,
    risk_free: float = 0.0,
    on_epoch: OnEpoch | None = None,
    logger: logging.Logger | None = None,
) -> TrainedSharpeNet:
    """Train a network that knows nothing that falls due on the cutoff or later.

    The same bars and configuration give the same network, bit for bit, on one machine.

    Parameters
    ----------
    histories : sequence of InstrumentHistory
        All instruments, in the order of the weights; what they have from the cutoff on is not used.
    days : array of datetime64[D]
        Trading days, strictly increasing, from the first whose prices may be used.
    config : SharpeNetConfig
        Windows, network and training.
    cutoff : date
        The cutoff.
    rates : mapping of str to InstrumentHistory
        The exchange rate of each instrument whose returns are to be converted.
    risk_free : float
        Decimal risk-free return per session.
    on_epoch : callable, optional
        Told of every epoch.
    logger : Logger, optional
        Told of the windows and the result.

    Raises
    ------
    InsufficientHistory
        If there are too few days before the cutoff on which all instruments have a price.
    TrainingDiverged
        If a loss or a weight is not finite.
    """
    started = time.perf_counter()
    log = logger or logging.getLogger(__name__)
    samples = training_windows(histories, days, config, cutoff, rates)
    log.info(
        "Sharpe net: %d training windows to %s, %d validation windows to %s",
        len(samples.train),
        samples.train.days[-1],
        len(samples.validation),
        samples.validation.days[-1],
    )
    with seeded(config.training.seed):
        network = SharpeNetwork(len(histories), config.hidden_size, config.dropout)
    result = fit(
        network,
        NegativeSharpeRatio(risk_free),
        _samples(samples.train),
        _samples(samples.validation),
        config.training,
        on_epoch=on_epoch,
    )
    weights = _network_weights(network, samples.validation.inputs, samples.validation.days)
    if not np.isfinite(weights).all():
        wrong = int((~np.isfinite(weights)).any(axis=1).sum())
        raise TrainingDiverged(
            f"{wrong} of the Sharpe net's validation portfolios hold weights "
            "that are not finite; check the prices for extreme values or lower training.learning_rate."
        )
    metrics = _metrics(samples, weights, result, config.horizon, risk_free)
    log.info(
        "Sharpe net: validation Sharpe %.2f after %d epochs, equal weight %.2f, inverse volatility %.2f",
        metrics.validation_sharpe,
        metrics.epochs,
        metrics.equal_weight_sharpe,
        metrics.inverse_volatility_sharpe,
    )
    instruments = tuple(history.instrument for history in histories)
    return TrainedSharpeNet(
        model=SharpeNetModel(cutoff, instruments, config, network, samples.scaler, metrics),
        seconds=time.perf_counter() - started,
        train_losses=result.train_losses,
        validation_losses=result.validation_losses,
        validation_days=samples.validation.days,
        validation_weights=weights,
    )


def predict_weights(model: SharpeNetModel, grid: LevelGrid, days: np.ndarray) -> np.ndarray:
    """Return the network's weights for some days, before any bounds.

    A day gives the same bytes alone and in a range.

    Parameters
    ----------
    model : SharpeNetModel
        Trained on the grid's instruments, in their order.
    grid : LevelGrid
        Levels as known at each day's decision time.
    days : array of datetime64[D], shape (n_days,)
        Days of the grid.

    Returns
    -------
    ndarray of float64, shape (n_days, n_instruments)
        A row of NaN where an instrument lacks a level in the window.

    Raises
    ------
    ArtifactError
        If the model was trained on other instruments.
    ValueError
        If a day is not on the grid.
    """
    if model.instruments != grid.instruments:
        raise ArtifactError(
            f"The Sharpe net of {model.cutoff} was trained on {', '.join(model.instruments)} and is asked "
            f"about {', '.join(grid.instruments)}; train it again."
        )
    wanted = np.asarray(days, dtype="datetime64[D]")
    returns = past_returns(grid, grid.positions(wanted), model.config.lookback)
    complete = np.isfinite(returns).all(axis=(1, 2))
    weights = np.full((len(wanted), len(grid.instruments)), np.nan)
    if complete.any():
        inputs = model.scaler.transform(returns[complete]).astype(np.float32)
        weights[complete] = _network_weights(model.network, inputs, wanted[complete])
    return weights


def annualised_sharpe(returns: np.ndarray, risk_free: float) -> float:
    """Return the Sharpe ratio of daily returns, × √252; 0 if they do not vary.

    Parameters
    ----------
    returns : ndarray of float64, shape (n_days,)
        Decimal daily returns.
    risk_free : float
        Decimal risk-free return per session.
    """
    deviation = float(returns.std())
    return (
        float((returns - risk_free).mean()) / deviation * math.sqrt(SESSIONS_PER_YEAR) if deviation else 0.0
    )


def _samples(windows: SharpeWindows) -> Samples:
    return Samples(
        torch.from_numpy(windows.inputs), torch.from_numpy(windows.next_returns.astype(np.float32))
    )


def _network_weights(network: SharpeNetwork, inputs: np.ndarray, days: np.ndarray) -> np.ndarray:
    # A day's place in a batch has to be the same whatever grid it is asked on: days since 1970.
    return forward_blocks(network, torch.from_numpy(inputs), days.astype("datetime64[D]").astype(np.int64))


def _metrics(
    samples: SharpeTrainingSet, weights: np.ndarray, result: FitResult, horizon: int, risk_free: float
) -> SharpeNetMetrics:
    train, validation = samples.train, samples.validation
    blocks = np.arange(0, len(validation), horizon)
    volatility = np.maximum(
        validation.past_returns.std(axis=1), VOLATILITY_FLOOR
    )  # (n_windows, n_instruments)

    def sharpe(portfolios: np.ndarray) -> float:
        returns = np.einsum("bn,bhn->bh", portfolios[blocks], validation.next_returns[blocks])
        return annualised_sharpe(returns.ravel(), risk_free)

    return SharpeNetMetrics(
        train_windows=len(train),
        validation_windows=len(validation),
        train_first=train.days[0].item(),
        train_last=train.days[-1].item(),
        validation_first=validation.days[0].item(),
        validation_last=validation.days[-1].item(),
        epochs=result.epochs,
        best_epoch=result.best_epoch,
        validation_blocks=len(blocks),
        validation_sharpe=sharpe(weights),
        equal_weight_sharpe=sharpe(np.tile(equal_weight(weights.shape[1]), (len(weights), 1))),
        inverse_volatility_sharpe=sharpe(inverse_volatility(volatility)),
    )
