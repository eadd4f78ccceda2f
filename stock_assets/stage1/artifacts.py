"""A stage1 model as an artefact, and back."""

import math
import platform
from datetime import date
from pathlib import Path

import numpy as np
import torch
from pydantic import JsonValue, TypeAdapter

from stock_assets.config.stage1 import InstrumentStage1Config
from stock_assets.errors import ArtifactError
from stock_assets.learning.artifacts import (
    Artifact,
    ArtifactContent,
    load_artifact,
    read_artifact,
    save_artifact,
)
from stock_assets.learning.scaling import Scaler
from stock_assets.stage1.model import Stage1Metrics, Stage1Model
from stock_assets.stage1.networks import RecurrentNetwork

KIND = "stage1"

_METRICS = TypeAdapter(Stage1Metrics)


def library_versions() -> dict[str, str]:
    """Return the versions that a model's bits depend on."""
    return {"python": platform.python_version(), "numpy": np.__version__, "torch": str(torch.__version__)}


def model_id(instrument: str, cutoff: date, sha256: str) -> str:
    """Return the name of a model: what it is of, and the first 12 digits of its artefact's SHA-256."""
    return f"{KIND}-{instrument}-{cutoff:%Y%m%d}-{sha256[:12]}"


def save_model(folder: Path, model: Stage1Model) -> Artifact:
    """Store a model; the same model is the same artefact.

    Parameters
    ----------
    folder : Path
        Where all artefacts lie.
    model : Stage1Model
    """
    config: dict[str, JsonValue] = {
        "instrument": model.instrument,
        "cutoff": model.cutoff.isoformat(),
        "stage1": model.config.model_dump(mode="json"),
        "feature_names": list(model.feature_names),
    }
    provenance: dict[str, JsonValue] = {
        "metrics": _without_nan(_METRICS.dump_python(model.metrics, mode="json")),
        "libraries": dict(library_versions()),
    }
    extra = model.scaler.to_tensors() | {
        "target": torch.tensor([model.target_mean, model.target_std], dtype=torch.float64)
    }
    return save_artifact(folder, KIND, config, model.network.state_dict(), extra, provenance)


def load_model(folder: Path, sha256: str) -> Stage1Model:
    """Read a model back.

    Parameters
    ----------
    folder : Path
        Where all artefacts lie.
    sha256 : str
        As ``save_model`` gave it.

    Raises
    ------
    ArtifactError
        If it is missing, damaged, of another kind or schema, or its parts do not fit together.
    """
    return _model_of(load_artifact(folder, sha256, KIND), sha256)


def read_model(path: Path) -> tuple[Stage1Model, str]:
    """Read a model from a file that may lie anywhere, with the SHA-256 of its bytes.

    Raises
    ------
    ArtifactError
        As ``load_model``.
    """
    content, sha256 = read_artifact(path, KIND)
    return _model_of(content, sha256), sha256


def _model_of(content: ArtifactContent, sha256: str) -> Stage1Model:
    try:
        config = InstrumentStage1Config.model_validate(content.config["stage1"])
        metrics = _METRICS.validate_python(_with_nan(content.provenance["metrics"]))
        _require_finite(content)
        names = TypeAdapter(tuple[str, ...]).validate_python(content.config["feature_names"])
        instrument, cutoff = str(content.config["instrument"]), str(content.config["cutoff"])
        target_mean, target_std = content.extra["target"].tolist()
        network = RecurrentNetwork(config.network, len(names))
        network.load_state_dict(content.state, strict=True)
        scaler = Scaler.from_tensors(content.extra)
        if len(scaler.mean) != len(names):
            raise ValueError(f"a scaler of {len(scaler.mean)} features for {len(names)}")
        return Stage1Model(
            instrument=instrument,
            cutoff=date.fromisoformat(cutoff),
            config=config,
            feature_names=names,
            network=network.eval(),
            scaler=scaler,
            target_mean=target_mean,
            target_std=target_std,
            metrics=metrics,
        )
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ArtifactError(
            f"the parts of the artefact {sha256} do not make a stage1 model: {reason}; train the model again."
        ) from error


def _require_finite(content: ArtifactContent) -> None:
    """Check all numbers: a network with a NaN among its weights would look like too short a history."""
    for name, tensor in (content.state | content.extra).items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"the tensor {name} holds a value that is not finite")


def _without_nan(figures: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Write NaN as null: JSON has no NaN."""
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in figures.items()
    }


def _with_nan(figures: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(figures, dict):
        raise ValueError(f"metrics are {figures!r}")
    return {key: float("nan") if value is None else value for key, value in figures.items()}
