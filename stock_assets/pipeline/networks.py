"""Which stage1 network answers a question: the one that a day uses, a registered one, or one in a file."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from stock_assets.errors import NotPredictable
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.prediction_remarks import cutoff_remarks
from stock_assets.stage1.artifacts import load_model, read_model
from stock_assets.stage1.model import Stage1Model
from stock_assets.storage.models import ModelRecord, read_models


@dataclass(frozen=True, eq=False)
class Network:
    """A network and where it comes from.

    Attributes
    ----------
    name : str
        Model id of a registered network, SHA-256 of an imported one.
    model : Stage1Model
    imported : bool
        Whether it was read from a file that was given.
    remarks : tuple of str
        Sentences on what is particular about its choice.
    """

    name: str
    model: Stage1Model
    imported: bool = False
    remarks: tuple[str, ...] = ()


def imported_network(path: Path) -> Network:
    """Return the network of an artefact that lies anywhere; it is neither registered nor copied.

    Raises
    ------
    ArtifactError
        If the file is missing, damaged, or no stage1 network.
    """
    model, sha256 = read_model(path)
    return Network(sha256, model, imported=True, remarks=(f"The network was read from {path}.",))


def registered_network(deployment: Deployment, connection: sa.Connection, model_id: str) -> Network:
    """Return a network by its model id.

    Raises
    ------
    NotPredictable
        If there is no such model, or if it is none of stage1.
    ArtifactError
        If its artefact is missing or damaged.
    """
    record = read_models(connection, [model_id]).get(model_id)
    if record is None:
        raise NotPredictable(
            f"No model {model_id!r} is registered; the table models, and the metadata of stage1_model, name "
            "those that are."
        )
    if record.kind != "stage1":
        raise NotPredictable(
            f"The model {model_id} is a {record.kind}, which predicts no instrument; give a stage1 model."
        )
    return Network(model_id, load_model(deployment.settings.artifact_dir, record.sha256))


def network_of_day(deployment: Deployment, instrument: str, day: date, record: ModelRecord | None) -> Network:
    """Return the network that a day uses.

    Parameters
    ----------
    record : ModelRecord or None
        As ``models_for`` chose it.

    Raises
    ------
    NotPredictable
        If there is none.
    ArtifactError
        If its artefact is missing or damaged.
    """
    if record is None:
        raise NotPredictable(
            f"No network of {instrument} has a cutoff on or before {day}; train one, or give a network."
        )
    model = load_model(deployment.settings.artifact_dir, record.sha256)
    return Network(record.model_id, model, remarks=tuple(cutoff_remarks(deployment, day, record.cutoff)))


def require_earlier_cutoff(network: Network, day: date) -> None:
    """Check that a network knows nothing that falls due after a day.

    Raises
    ------
    NotPredictable
        If its cutoff is after the day.
    """
    if network.model.cutoff > day:
        raise NotPredictable(
            f"The network {network.name} has the cutoff {network.model.cutoff} and may know prices that fell "
            f"due after {day}; choose one of an earlier cutoff, or allow it (allow_later_model, "
            "--allow-later-model)."
        )
