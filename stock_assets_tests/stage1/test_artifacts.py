from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import torch

from stock_assets.errors import ArtifactError
from stock_assets.learning.artifacts import load_artifact, save_artifact
from stock_assets.stage1.artifacts import KIND, load_model, model_id, read_model, save_model
from stock_assets.stage1.inference import predict
from stock_assets_tests.stage1.histories import history
from stock_assets_tests.stage1.models import HISTORIES, trained_model

DATA = Path(__file__).parent / "data"
#: A model that an earlier version trained and wrote, and what it predicted then.
COMMITTED = "bd0d9986d0fc151956a2c06f5f666c870f2ce72a8407a5d7c16b599fe914e7eb"
COMMITTED_PREDICTIONS = [np.nan, -0.014825217, -0.012941602, 0.051237576]


def committed_history():
    """Levels of exact fractions, the same on every machine."""
    return history(1 + (np.arange(80) % 7) / 16 + np.arange(80) / 64)


def test_what_was_saved_predicts_the_same_bytes(tmp_path: Path) -> None:
    stored = save_model(tmp_path, trained_model())
    loaded = load_model(tmp_path, stored.sha256)
    assert not loaded.network.training
    days = HISTORIES["test"].trading_days
    before, after = (
        predict(model, HISTORIES["test"], HISTORIES, days) for model in (trained_model(), loaded)
    )
    assert after.predicted_return.tobytes() == before.predicted_return.tobytes()
    assert (loaded.instrument, loaded.cutoff, loaded.config) == (
        trained_model().instrument,
        trained_model().cutoff,
        trained_model().config,
    )
    assert (loaded.metrics, loaded.feature_names) == (trained_model().metrics, trained_model().feature_names)


def test_saving_what_was_loaded_gives_the_same_artefact(tmp_path: Path) -> None:
    stored = save_model(tmp_path, trained_model())
    assert save_model(tmp_path / "again", load_model(tmp_path, stored.sha256)).sha256 == stored.sha256


def test_model_id_names_instrument_cutoff_and_content() -> None:
    assert (
        model_id("kor3y", date(2022, 10, 1), "abcdef0123456789" * 4) == "stage1-kor3y-20221001-abcdef012345"
    )


def test_undefined_ratios_can_be_stored(tmp_path: Path) -> None:
    metrics = replace(trained_model().metrics, directional_accuracy=float("nan"))
    stored = save_model(tmp_path, replace(trained_model(), metrics=metrics))
    assert np.isnan(load_model(tmp_path, stored.sha256).metrics.directional_accuracy)


@pytest.mark.parametrize(
    "fault",
    [
        "config key",
        "missing tensor",
        "wrong shape",
        "extra tensor",
        "feature count",
        "target",
        "cutoff",
        "metrics",
        "values of another kind",
        "not finite",
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path: Path, fault: str) -> None:
    content = load_artifact(tmp_path, save_model(tmp_path, trained_model()).sha256, KIND)
    config, state, extra = dict(content.config), dict(content.state), dict(content.extra)
    provenance = dict(content.provenance)
    if fault == "config key":
        config["stage1"] = {"unknown": 1}
    elif fault == "missing tensor":
        del state["head.bias"]
    elif fault == "wrong shape":
        state["head.bias"] = torch.zeros(2)
    elif fault == "extra tensor":
        state["other"] = torch.zeros(2)
    elif fault == "feature count":
        extra |= {"scaler.mean": torch.zeros(2), "scaler.std": torch.ones(2)}
    elif fault == "target":
        extra["target"] = torch.zeros(3)
    elif fault == "cutoff":
        config["cutoff"] = "soon"
    elif fault == "metrics":
        provenance = {}
    elif fault == "values of another kind":
        config["stage1"], config["feature_names"] = 5, None
    elif fault == "not finite":
        state["head.bias"] = torch.full_like(state["head.bias"], torch.nan)
    stored = save_artifact(tmp_path, KIND, config, state, extra, provenance)
    with pytest.raises(ArtifactError, match="do not make a stage1 model"):
        load_model(tmp_path, stored.sha256)
    with pytest.raises(ArtifactError, match="do not make a stage1 model"):
        read_model(stored.path)


def test_a_file_of_any_name_is_read_with_its_sha256(tmp_path: Path) -> None:
    stored = save_model(tmp_path, trained_model())
    copy = stored.path.rename(tmp_path / "network of a colleague")
    model, sha256 = read_model(copy)
    assert sha256 == stored.sha256
    days = HISTORIES["test"].trading_days
    said, before = (predict(one, HISTORIES["test"], HISTORIES, days) for one in (model, trained_model()))
    assert said.predicted_return.tobytes() == before.predicted_return.tobytes()


def test_an_artefact_of_an_earlier_version_still_predicts() -> None:
    source = committed_history()
    model = load_model(DATA, COMMITTED)
    found = predict(model, source, {}, source.trading_days[[3, 4, 40, 79]]).predicted_return
    # To the precision of float32: another machine may round differently.
    np.testing.assert_allclose(found, COMMITTED_PREDICTIONS, rtol=1e-5)
