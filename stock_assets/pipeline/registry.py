"""Put a trained model on record: its artefact, its figures and the libraries that made it."""

import platform
from collections.abc import Mapping
from datetime import date, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import sqlalchemy as sa
from pydantic import TypeAdapter

from stock_assets.learning.artifacts import Artifact
from stock_assets.storage.column_types import Json
from stock_assets.storage.lost_connections import again_if_lost
from stock_assets.storage.models import ModelKind, ModelRecord, register_model

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_LIBRARIES = ("numpy", "pandas", "scikit-learn", "stock-assets", "torch")


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that a network's numbers depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}


def figures(metrics: "DataclassInstance", **others: Json) -> dict[str, Json]:
    """Return the fields of a dataclass of figures, and others, as JSON has them."""
    return {**TypeAdapter(type(metrics)).dump_python(metrics, mode="json"), **others}


@again_if_lost
def register(
    engine: sa.Engine,
    kind: ModelKind,
    instrument: str | None,
    cutoff: date,
    *,
    model_id: str,
    artifact: Artifact,
    metrics: Mapping[str, Json],
    run_id: str,
    now: datetime,
) -> ModelRecord:
    """Store the record of a model whose artefact has been written.

    Parameters
    ----------
    metrics : mapping
        Figures of the training, as ``figures`` gives them.
    """
    record = ModelRecord(
        model_id=model_id,
        kind=kind,
        instrument=instrument,
        cutoff=cutoff,
        metrics=metrics,
        artifact=artifact.path.name,
        sha256=artifact.sha256,
        versions=library_versions(),
        computed_at=now,
        run_id=run_id,
    )
    with engine.begin() as connection:
        register_model(connection, record)
    return record
