"""Model artefacts: one file a model, named by the SHA-256 of its content.

An artefact holds the tensors of a network and what belongs to them, and a JSON text with its kind,
schema, configuration and provenance. The same content is the same file, so it must not hold times.
Reading executes no code: the hash is checked first, then torch reads tensors and plain types only.
"""

import hashlib
import io
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import JsonValue
from torch import Tensor

from stock_assets.errors import ArtifactError

#: Raised whenever older code could not read a new artefact, or newer code an old one.
SCHEMA = 1

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Artifact:
    """A stored artefact.

    Attributes
    ----------
    path : Path
    sha256 : str
        SHA-256 of the file's bytes, 64 hexadecimal digits; the file's name without its suffix.
    size : int
        Bytes.
    """

    path: Path
    sha256: str
    size: int


@dataclass(frozen=True, eq=False)
class ArtifactContent:
    """What an artefact holds.

    Attributes
    ----------
    kind : str
        What it is a model of, such as ``stage1``.
    config : dict
        The configuration that the network is built from.
    state : dict of str to Tensor
        The network's ``state_dict``.
    extra : dict of str to Tensor
        Tensors beside the network, such as its scaler.
    provenance : dict
        Where it comes from: data, cutoff, metrics, library versions.
    """

    kind: str
    config: dict[str, JsonValue]
    state: dict[str, Tensor]
    extra: dict[str, Tensor]
    provenance: dict[str, JsonValue]


def save_artifact(
    folder: Path,
    kind: str,
    config: Mapping[str, JsonValue],
    state: Mapping[str, Tensor],
    extra: Mapping[str, Tensor],
    provenance: Mapping[str, JsonValue],
) -> Artifact:
    """Write an artefact atomically; a folder that does not exist is made.

    Parameters
    ----------
    folder : Path
        Where all artefacts lie.
    kind, config, state, extra, provenance
        As in ``ArtifactContent``. The same values give the same bytes and so the same file.

    Raises
    ------
    ArtifactError
        If configuration or provenance hold something that JSON does not have.
    """
    content = _encode(kind, config, state, extra, provenance)
    sha256 = hashlib.sha256(content).hexdigest()
    artifact = Artifact(_path(folder, sha256), sha256, len(content))
    if not (artifact.path.is_file() and artifact.path.read_bytes() == content):
        folder.mkdir(parents=True, exist_ok=True)
        _write_atomically(artifact.path, content)
    return artifact


def load_artifact(folder: Path, sha256: str, kind: str) -> ArtifactContent:
    """Read an artefact and check that it is the one that was asked for.

    Parameters
    ----------
    folder : Path
        Where all artefacts lie.
    sha256 : str
        As ``save_artifact`` gave it.
    kind : str
        The kind that it must have.

    Raises
    ------
    ArtifactError
        If it is missing, damaged, of another kind or schema, or holds more than tensors and text.
    """
    if not _SHA256.fullmatch(sha256):
        raise ArtifactError(f"{sha256!r} is no SHA-256: it must be 64 lower-case hexadecimal digits.")
    path = _path(folder, sha256)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} does not exist; train the model again or restore the file.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ArtifactError(
            f"{path} is damaged: its SHA-256 is {found}; train the model again or restore the file."
        )
    return _decode(path, content, kind)


def read_artifact(path: Path, kind: str) -> tuple[ArtifactContent, str]:
    """Read an artefact from wherever it lies, such as one that another deployment has written.

    Parameters
    ----------
    path : Path
        The file, under any name; one that is named by a SHA-256 must have it.
    kind : str
        The kind that it must have.

    Returns
    -------
    tuple of ArtifactContent and str
        What it holds, and the SHA-256 of its bytes.

    Raises
    ------
    ArtifactError
        If there is no such file, or as ``load_artifact``.
    """
    try:
        if not path.is_file():
            raise ArtifactError(f"{path} is no file; give the path of an artefact, a file that ends in .pt.")
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}.") from error
    found = hashlib.sha256(content).hexdigest()
    if _SHA256.fullmatch(path.stem) and path.stem != found:
        raise ArtifactError(f"{path} is damaged: its SHA-256 is {found}; copy the file again.")
    return _decode(path, content, kind), found


def _path(folder: Path, sha256: str) -> Path:
    return folder / f"{sha256}.pt"


def _encode(
    kind: str,
    config: Mapping[str, JsonValue],
    state: Mapping[str, Tensor],
    extra: Mapping[str, Tensor],
    provenance: Mapping[str, JsonValue],
) -> bytes:
    meta = {"schema": SCHEMA, "kind": kind, "config": dict(config), "provenance": dict(provenance)}
    # One JSON text, not nested dictionaries: pickle writes an object that it meets again as a reference, so
    # that equal dictionaries can have different bytes.
    try:
        text = json.dumps(meta, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ArtifactError(
            f"the {kind} artefact's configuration or provenance is no JSON: {error}."
        ) from error
    buffer = io.BytesIO()
    torch.save({"meta": text, "state": _detached(state), "extra": _detached(extra)}, buffer)
    return buffer.getvalue()


def _detached(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies in the order of their names, each with its own contiguous memory."""
    return {
        name: tensors[name].detach().cpu().clone(memory_format=torch.contiguous_format)
        for name in sorted(tensors)
    }


def _decode(path: Path, content: bytes, kind: str) -> ArtifactContent:
    payload: dict[str, Any]
    try:
        payload = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
        meta = json.loads(payload["meta"])
        schema, found_kind = meta["schema"], meta["kind"]
    except Exception as error:  # a foreign file can make the unpickler raise anything
        reason = " ".join(str(error).split())[:200]
        raise ArtifactError(
            f"{path} is no artefact of this package, or not a harmless one: {reason}."
        ) from error
    if schema != SCHEMA:
        raise ArtifactError(
            f"{path} has schema {schema} and this version reads schema {SCHEMA}; train the model again, or "
            "use the version that wrote it."
        )
    if found_kind != kind:
        raise ArtifactError(f"{path} holds a model of kind {found_kind!r} where {kind!r} is needed.")
    try:
        parts = meta["config"], payload["state"], payload["extra"], meta["provenance"]
    except KeyError as error:
        raise ArtifactError(
            f"{path} is no artefact of this package: it has no part {error}; train the model again."
        ) from error
    if not all(isinstance(part, dict) for part in parts):
        raise ArtifactError(
            f"{path} is no artefact of this package: one of its parts is no mapping; train the model again."
        )
    return ArtifactContent(found_kind, *parts)


def _write_atomically(path: Path, content: bytes) -> None:
    """Write beside the target and rename: a reader sees no file or a whole one, also after a power cut."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:12]}-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o644)  # mkstemp's files are their writer's alone
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
