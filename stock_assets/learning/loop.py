"""The one training loop of all networks.

AdamW on mini-batches with clipped gradients. After every epoch the mean loss over all validation
samples is computed; training ends when it has not fallen for ``patience`` epochs, and the network
keeps the weights of its best epoch. A loss that is not finite stops the training with an error.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from stock_assets.config.training import TrainingConfig
from stock_assets.errors import ConfigurationError, InsufficientHistory, TrainingDiverged
from stock_assets.learning.losses import SampleLoss
from stock_assets.learning.randomness import seeded, single_threaded

#: Samples of one forward pass outside training: it bounds memory, and has no effect on the weights.
EVALUATION_BATCH = 512

#: Called after every epoch with its number (from 1), its training loss and its validation loss.
OnEpoch = Callable[[int, float, float], None]


@dataclass(frozen=True)
class Samples:
    """Inputs and targets of the same samples; the first axis of both counts them.

    Attributes
    ----------
    inputs : Tensor, shape (n_samples, ...)
        What the network takes.
    targets : Tensor, shape (n_samples, ...)
        What the sample loss compares the network's output with.
    """

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets):
            raise ValueError(f"{len(self.inputs)} inputs came with {len(self.targets)} targets.")

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class FitResult:
    """How a training went; the trained weights are in the network.

    Attributes
    ----------
    train_losses : tuple of float
        Mean loss over the training samples of each epoch, as they were met: with dropout, and with
        the weights changing from batch to batch.
    validation_losses : tuple of float
        Mean loss over all validation samples after each epoch, without dropout.
    best_epoch : int
        Epoch, counted from 1, whose weights were kept.
    epochs : int
        Epochs that ran.
    seconds : float
        Wall-clock duration.
    """

    train_losses: tuple[float, ...]
    validation_losses: tuple[float, ...]
    best_epoch: int
    epochs: int
    seconds: float


def fit(
    network: nn.Module,
    sample_loss: SampleLoss,
    train: Samples,
    validation: Samples,
    settings: TrainingConfig,
    *,
    on_epoch: OnEpoch | None = None,
) -> FitResult:
    """Train a network in place and leave it in evaluation mode with its best weights.

    The same network, samples and settings give the same weights bit for bit on one machine: the
    loop runs with one thread, shuffles with its own generator and seeds dropout. Initial weights
    are the caller's affair (``seeded``).

    Parameters
    ----------
    network : Module
        Takes a batch of inputs; its parameters are changed.
    sample_loss : callable
        ``(output, targets) -> losses`` with losses of shape (batch,).
    train, validation : Samples
        Every row counts, also those of a last, smaller batch.
    settings : TrainingConfig
        ``loss`` and ``validation_fraction`` are not used here: the caller has applied them.
    on_epoch : callable, optional
        Told of every epoch.

    Raises
    ------
    InsufficientHistory
        If there are no validation samples, or fewer than two training samples.
    ConfigurationError
        If batch normalisation would see batches of one.
    ValueError
        If ``sample_loss`` does not return one value a sample.
    TrainingDiverged
        If a loss is NaN or infinite.
    """
    _check_samples(network, train, validation, settings)
    started = time.perf_counter()
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    order = torch.Generator().manual_seed(settings.seed)
    train_losses: list[float] = []
    validation_losses: list[float] = []
    best_epoch = 0
    best_weights: dict[str, Tensor] = {}
    with single_threaded(), seeded(settings.seed):
        for epoch in range(1, settings.max_epochs + 1):
            train_losses.append(_train_epoch(network, sample_loss, train, settings, optimizer, order, epoch))
            validation_losses.append(mean_loss(network, sample_loss, validation))
            _check_finite(validation_losses[-1], "validation", epoch)
            if on_epoch is not None:
                on_epoch(epoch, train_losses[-1], validation_losses[-1])
            if best_epoch == 0 or validation_losses[-1] < validation_losses[best_epoch - 1]:
                best_epoch = epoch
                best_weights = {name: value.detach().clone() for name, value in network.state_dict().items()}
            elif epoch - best_epoch >= settings.patience:
                break
    network.load_state_dict(best_weights)
    network.eval()
    return FitResult(
        train_losses=tuple(train_losses),
        validation_losses=tuple(validation_losses),
        best_epoch=best_epoch,
        epochs=len(train_losses),
        seconds=time.perf_counter() - started,
    )


def mean_loss(network: nn.Module, sample_loss: SampleLoss, samples: Samples) -> float:
    """Return the mean loss over all samples, without dropout; the network stays in evaluation mode."""
    network.eval()
    total = 0.0
    with torch.no_grad():
        for first in range(0, len(samples), EVALUATION_BATCH):
            rows = slice(first, first + EVALUATION_BATCH)
            losses = _losses(network, sample_loss, samples.inputs[rows], samples.targets[rows])
            total += float(losses.double().sum())
    return total / len(samples)


def batch_rows(order: Tensor, batch_size: int) -> list[Tensor]:
    """Cut an order of rows into batches; a single row left over joins the batch before it.

    Batch normalisation has no variance to divide by in a batch of one.

    Parameters
    ----------
    order : Tensor of int64, shape (n_samples,)
    batch_size : int

    Returns
    -------
    list of Tensor
        Every row once, in the given order.
    """
    batches = list(torch.split(order, batch_size))
    if len(batches) > 1 and batch_size > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def _train_epoch(
    network: nn.Module,
    sample_loss: SampleLoss,
    train: Samples,
    settings: TrainingConfig,
    optimizer: torch.optim.Optimizer,
    order: torch.Generator,
    epoch: int,
) -> float:
    network.train()
    total = 0.0
    for rows in batch_rows(torch.randperm(len(train), generator=order), settings.batch_size):
        optimizer.zero_grad(set_to_none=True)
        loss = _losses(network, sample_loss, train.inputs[rows], train.targets[rows]).mean()
        value = float(loss.detach())
        _check_finite(value, "training", epoch)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), settings.gradient_norm)
        optimizer.step()
        total += value * len(rows)
    return total / len(train)


def _losses(network: nn.Module, sample_loss: SampleLoss, inputs: Tensor, targets: Tensor) -> Tensor:
    losses = sample_loss(network(inputs), targets)  # (batch,)
    if losses.shape != (len(inputs),):
        raise ValueError(
            f"the sample loss returned shape {tuple(losses.shape)} for {len(inputs)} samples; it must return "
            "one value a sample."
        )
    return losses


def _check_samples(network: nn.Module, train: Samples, validation: Samples, settings: TrainingConfig) -> None:
    if len(train) < 2 or len(validation) < 1:
        raise InsufficientHistory(
            f"{len(train)} training and {len(validation)} validation samples are too few; training needs "
            "at least 2 and validation 1."
        )
    if settings.batch_size == 1 and any(isinstance(module, _BatchNorm) for module in network.modules()):
        raise ConfigurationError(
            "training.batch_size is 1 and the network normalises batches; it must be at least 2."
        )


def _check_finite(loss: float, which: str, epoch: int) -> None:
    if not math.isfinite(loss):
        raise TrainingDiverged(
            f"the {which} loss of epoch {epoch} is {loss}; check the inputs for extreme values or lower "
            "training.learning_rate."
        )
