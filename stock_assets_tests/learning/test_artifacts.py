import hashlib
import io
import json
import os
from pathlib import Path

import pytest
import torch

from stock_assets.errors import ArtifactError
from stock_assets.learning import artifacts
from stock_assets.learning.artifacts import Artifact, load_artifact, read_artifact, save_artifact

DATA = Path(__file__).parent / "data"
#: Written by schema 1. It must stay readable as long as that schema is the current one.
COMMITTED = "0c92b4c7ad6a34214ad777689bcd5044eafac2d17b0f5726c70de34889fbe1e7"


def save(folder: Path, **changes) -> Artifact:
    content = {
        "kind": "toy",
        "config": {"sizes": [2, 3], "name": "a", "share": 0.1, "none": None},
        "state": {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.tensor([0.1, -0.2])},
        "extra": {"mean": torch.tensor([1.5], dtype=torch.float64)},
        "provenance": {"torch": "2.0", "deep": {"b": 1, "a": [True, "x"]}},
    }
    return save_artifact(folder, **(content | changes))


def rename(artifact: Artifact, content: bytes) -> str:
    """Store other content under its own right hash."""
    sha256 = hashlib.sha256(content).hexdigest()
    artifact.path.with_name(f"{sha256}.pt").write_bytes(content)
    return sha256


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    stored = save(tmp_path)
    content = load_artifact(tmp_path, stored.sha256, "toy")
    assert content.config == {"sizes": [2, 3], "name": "a", "share": 0.1, "none": None}
    assert content.provenance == {"torch": "2.0", "deep": {"b": 1, "a": [True, "x"]}}
    assert torch.equal(content.state["weight"], torch.arange(6.0).reshape(2, 3))
    assert content.extra["mean"].dtype == torch.float64
    assert stored.size == stored.path.stat().st_size
    assert hashlib.sha256(stored.path.read_bytes()).hexdigest() == stored.sha256 == stored.path.stem


def test_same_content_is_the_same_file_however_it_was_made(tmp_path: Path) -> None:
    first = save(tmp_path)
    views = torch.arange(12.0).reshape(2, 6)[:, ::2] / 2  # not contiguous
    text = "".join(["we", "ight"])  # equal to "weight", another object
    second = save(
        tmp_path / "other",
        config={"none": None, "share": 0.1, "name": "".join(["a"]), "sizes": [2, 3]},
        state={"bias": torch.tensor([0.1, -0.2, 9.0])[:2], text: torch.nn.Parameter(views.clone())},
        provenance={"deep": {"a": [True, "x"], "b": 1}, "torch": "2.0"},
    )
    assert (first.sha256, first.size) == (second.sha256, second.size)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"config": {"sizes": [2, 4]}},
        {"state": {"weight": torch.zeros(1)}},
        {"extra": {"mean": torch.tensor([1.5])}},
        {"provenance": {}},
    ],
    ids=["kind", "config", "state", "extra", "provenance"],
)
def test_other_content_is_another_file(tmp_path: Path, change: dict[str, object]) -> None:
    assert save(tmp_path, **change).sha256 != save(tmp_path).sha256


def test_saving_again_keeps_the_file_and_repairs_a_damaged_one(tmp_path: Path) -> None:
    stored = save(tmp_path)
    inode = stored.path.stat().st_ino
    assert save(tmp_path).path.stat().st_ino == inode
    stored.path.write_bytes(b"damaged")
    save(tmp_path)
    load_artifact(tmp_path, stored.sha256, "toy")


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_others_may_read_the_file(tmp_path: Path) -> None:
    assert save(tmp_path).path.stat().st_mode & 0o044 == 0o044


def test_missing_artefact(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="does not exist"):
        load_artifact(tmp_path, "0" * 64, "toy")


@pytest.mark.parametrize("name", ["../../etc/passwd", "abc", "A" * 64, "0" * 64 + "\n"])
def test_a_name_that_is_no_hash_never_becomes_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArtifactError, match="no SHA-256"):
        load_artifact(tmp_path, name, "toy")


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_truncated_artefact(tmp_path: Path, keep: int) -> None:
    stored = save(tmp_path)
    stored.path.write_bytes(stored.path.read_bytes()[:keep])
    with pytest.raises(ArtifactError, match="damaged"):
        load_artifact(tmp_path, stored.sha256, "toy")


def test_every_single_flipped_bit_is_noticed(tmp_path: Path) -> None:
    stored = save(tmp_path)
    content = stored.path.read_bytes()
    for position in range(0, len(content), 97):
        flipped = bytearray(content)
        flipped[position] ^= 1 << (position % 8)
        stored.path.write_bytes(flipped)
        with pytest.raises(ArtifactError, match="damaged"):
            load_artifact(tmp_path, stored.sha256, "toy")


class Malicious:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_malicious_pickle_with_the_right_hash_does_nothing(tmp_path: Path) -> None:
    stored = save(tmp_path)
    trap = tmp_path / "trap"
    buffer = io.BytesIO()
    torch.save({"meta": "{}", "state": Malicious(trap), "extra": {}}, buffer)
    sha256 = rename(stored, buffer.getvalue())
    with pytest.raises(ArtifactError, match="not a harmless one"):
        load_artifact(tmp_path, sha256, "toy")
    assert not trap.exists()
    # What was made above would have worked on a reader that trusts pickles.
    torch.load(io.BytesIO(buffer.getvalue()), weights_only=False)
    assert trap.exists()


@pytest.mark.parametrize(
    "payload", [{}, [], {"meta": "no json"}, {"meta": "{}"}, {"meta": "[]"}, {"meta": 3}]
)
def test_a_file_of_another_program(tmp_path: Path, payload: object) -> None:
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    sha256 = rename(save(tmp_path), buffer.getvalue())
    with pytest.raises(ArtifactError, match="no artefact of this package"):
        load_artifact(tmp_path, sha256, "toy")


def test_bytes_that_are_no_file_of_torch(tmp_path: Path) -> None:
    for content in (b"", b"text", b"PK\x03\x04 broken"):
        sha256 = rename(save(tmp_path), content)
        with pytest.raises(ArtifactError, match="no artefact of this package"):
            load_artifact(tmp_path, sha256, "toy")


@pytest.mark.parametrize("other", [artifacts.SCHEMA - 1, artifacts.SCHEMA + 1])
def test_an_older_or_newer_schema_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "SCHEMA", other)
        stored = save(tmp_path)
    with pytest.raises(
        ArtifactError, match=f"has schema {other} and this version reads schema {artifacts.SCHEMA}"
    ):
        load_artifact(tmp_path, stored.sha256, "toy")


def test_another_kind_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="'toy' where 'stage1' is needed"):
        load_artifact(tmp_path, save(tmp_path).sha256, "stage1")


@pytest.mark.parametrize("value", [float("nan"), Path("x"), {1, 2}])
def test_what_json_does_not_have_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(ArtifactError, match="no JSON"):
        save(tmp_path, provenance={"value": value})


def test_an_artefact_of_an_earlier_version_can_be_read() -> None:
    content = load_artifact(DATA, COMMITTED, "toy")
    assert content.config["sizes"] == [2, 3]
    assert content.state["bias"].tolist() == pytest.approx([0.1, -0.2])
    assert content.extra["mean"].tolist() == [1.5]


def test_a_file_of_any_name_is_read_where_it_lies(tmp_path: Path) -> None:
    stored = save(tmp_path)
    copy = stored.path.rename(tmp_path / "from elsewhere.bin")
    content, sha256 = read_artifact(copy, "toy")
    assert (sha256, content.config["name"]) == (stored.sha256, "a")
    assert list(tmp_path.iterdir()) == [copy]
    with pytest.raises(ArtifactError, match="holds a model of kind 'toy' where 'other' is needed"):
        read_artifact(copy, "other")


def test_a_file_that_is_named_by_another_sha256_is_damaged(tmp_path: Path) -> None:
    stored = save(tmp_path)
    other = stored.path.rename(tmp_path / f"{'0' * 64}.pt")
    with pytest.raises(ArtifactError, match=f"is damaged: its SHA-256 is {stored.sha256}"):
        read_artifact(other, "toy")


@pytest.mark.parametrize("name", ["", "missing.pt"])
def test_what_is_no_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArtifactError, match="is no file; give the path of an artefact"):
        read_artifact(tmp_path / name, "toy")


def test_a_file_that_runs_code_is_refused_before_it_does(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "was run"),)

    torch.save({"meta": Harmful()}, tmp_path / "network.pt")
    with pytest.raises(ArtifactError, match="not a harmless one"):
        read_artifact(tmp_path / "network.pt", "toy")
    assert not (tmp_path / "was run").exists()


@pytest.mark.parametrize("fault", ["config", "provenance", "state", "extra"])
@pytest.mark.parametrize("missing", [True, False])
def test_parts_that_are_missing_or_no_mappings_are_one_sentence(
    tmp_path: Path, fault: str, missing: bool
) -> None:
    meta: dict[str, object] = {"schema": 1, "kind": "toy", "config": {}, "provenance": {}}
    payload: dict[str, object] = {"state": {}, "extra": {}}
    part = meta if fault in meta else payload
    part[fault] = None
    if missing:
        del part[fault]
    torch.save({"meta": json.dumps(meta), **payload}, tmp_path / "network.pt")
    with pytest.raises(ArtifactError, match="is no artefact of this package"):
        read_artifact(tmp_path / "network.pt", "toy")
