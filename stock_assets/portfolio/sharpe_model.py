"""A trained Sharpe net, what is known of its training, and its artefact."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import torch
from pydantic import JsonValue, TypeAdapter, ValidationError

from stock_assets.config.portfolios import SharpeNetConfig
from stock_assets.errors import ArtifactError
from stock_assets.learning.artifacts import Artifact, load_artifact, save_artifact
from stock_assets.learning.scaling import Scaler
from stock_assets.portfolio.sharpe_network import SharpeNetwork

#: Kind of the artefacts, and first part of the models' ids.
KIND = "sharpe_net"


@dataclass(frozen=True)
class SharpeNetMetrics:
    """Figures of one training, the same whenever it is repeated.

    The validation windows also decided when training stopped, so their figures flatter the network.
    Sharpe ratios are annualised (× √252), over blocks of ``horizon`` days that follow each other without
    overlap, at the weights decided before each block, without a profile's bounds and without costs.

    Attributes
    ----------
    train_windows, validation_windows : int
    train_first, train_last, validation_first, validation_last : date
        First and last trading day of the windows' decisions.
    epochs, best_epoch : int
        Epochs that ran, and the one whose weights were kept, counted from 1.
    validation_blocks : int
        Number of blocks behind the three ratios.
    validation_sharpe : float
        Of the network's weights.
    equal_weight_sharpe : float
        Of equal weights on the same blocks.
    inverse_volatility_sharpe : float
        Of weights in inverse proportion to the volatility in each window.
    """

    train_windows: int
    validation_windows: int
    train_first: date
    train_last: date
    validation_first: date
    validation_last: date
    epochs: int
    best_epoch: int
    validation_blocks: int
    validation_sharpe: float
    equal_weight_sharpe: float
    inverse_volatility_sharpe: float


@dataclass(frozen=True, eq=False)
class SharpeNetModel:
    """Everything that weights need, besides the levels.

    Attributes
    ----------
    cutoff : date
        The model knows nothing that falls due on the cutoff or later.
    instruments : tuple of str
        Ids in the order of the network's input and output.
    config : SharpeNetConfig
        What it was trained with.
    network : SharpeNetwork
        In evaluation mode.
    scaler : Scaler
        Of the daily returns.
    metrics : SharpeNetMetrics
        Of its training.
    """

    cutoff: date
    instruments: tuple[str, ...]
    config: SharpeNetConfig
    network: SharpeNetwork
    scaler: Scaler
    metrics: SharpeNetMetrics


@dataclass(frozen=True, eq=False)
class TrainedSharpeNet:
    """A new model with the course of its training.

    Attributes
    ----------
    model : SharpeNetModel
    seconds : float
        Wall-clock duration: no part of the model, as it differs every time.
    train_losses, validation_losses : tuple of float
        Mean minus daily Sharpe ratio of each epoch: the learning curve.
    validation_days : ndarray of datetime64[D], shape (n_validation,)
        Days of decision.
    validation_weights : ndarray of float64, shape (n_validation, n_instruments)
        The network's weights on those days.
    """

    model: SharpeNetModel
    seconds: float
    train_losses: tuple[float, ...]
    validation_losses: tuple[float, ...]
    validation_days: np.ndarray
    validation_weights: np.ndarray


def model_id(cutoff: date, sha256: str) -> str:
    """Return the id of a model: its cutoff, and the content of its artefact."""
    return f"{KIND}-{cutoff:%Y%m%d}-{sha256[:12]}"


def save_sharpe_net(folder: Path, model: SharpeNetModel) -> Artifact:
    """Write a model as an artefact; the same model is the same file.

    Parameters
    ----------
    folder : Path
        Where all artefacts lie.
    model : SharpeNetModel
        The model.
    """
    config: dict[str, JsonValue] = {
        "instruments": list(model.instruments),
        "sharpe_net": model.config.model_dump(mode="json"),
    }
    provenance: dict[str, JsonValue] = {
        "cutoff": model.cutoff.isoformat(),
        "metrics": _METRICS.dump_python(model.metrics, mode="json"),
        "torch": torch.__version__,
    }
    return save_artifact(
        folder, KIND, config, model.network.state_dict(), model.scaler.to_tensors(), provenance
    )


def load_sharpe_net(folder: Path, sha256: str) -> SharpeNetModel:
    """Read the model that ``save_sharpe_net`` wrote.

    Raises
    ------
    ArtifactError
        If the artefact is missing, damaged, or not a Sharpe net of this version.
    """
    content = load_artifact(folder, sha256, KIND)
    try:
        config = SharpeNetConfig.model_validate(content.config["sharpe_net"])
        instruments = _INSTRUMENTS.validate_python(content.config["instruments"])
        cutoff = date.fromisoformat(str(content.provenance["cutoff"]))
        metrics = _METRICS.validate_python(content.provenance["metrics"])
        network = SharpeNetwork(len(instruments), config.hidden_size, config.dropout)
        network.load_state_dict(content.state, strict=True)
    except (KeyError, ValueError, ValidationError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ArtifactError(
            f"The artefact {sha256} is no Sharpe net of this version: {reason}; train it again."
        ) from error
    network.eval()
    return SharpeNetModel(cutoff, instruments, config, network, Scaler.from_tensors(content.extra), metrics)


_METRICS = TypeAdapter(SharpeNetMetrics)
_INSTRUMENTS = TypeAdapter(tuple[str, ...])
