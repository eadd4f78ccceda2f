import logging
import subprocess
import sys
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from stock_assets.config.stage1 import FEATURE_KINDS
from stock_assets.errors import ConfigurationError, InsufficientHistory, TrainingDiverged
from stock_assets.stage1.dataset import training_windows
from stock_assets.stage1.features import feature_table
from stock_assets.stage1.inference import predict
from stock_assets.stage1.training import train_instrument
from stock_assets_tests.lookahead import Histories, assert_no_lookahead
from stock_assets_tests.stage1.histories import history
from stock_assets_tests.stage1.models import CUTOFF, HISTORIES, artifact_sha256, config, train


def test_the_same_inputs_give_the_same_artefact_in_another_process() -> None:
    code = (
        "from stock_assets_tests.stage1.models import artifact_sha256, train; print(artifact_sha256(train()))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == artifact_sha256(train())


@pytest.mark.parametrize(
    "change",
    [
        {"training": {"max_epochs": 3, "batch_size": 16, "seed": 1}},
        {"shrinkage": 0.25},
        {"window_stride": 3},
    ],
    ids=["seed", "shrinkage", "stride"],
)
def test_another_configuration_is_another_artefact(change: dict[str, object]) -> None:
    assert artifact_sha256(train(**change)) != artifact_sha256(train())


def test_a_model_knows_nothing_of_its_cutoff_or_later() -> None:
    def compute(histories: Histories, day: np.datetime64) -> bytes:
        trained = train(histories, (day + np.timedelta64(1, "D")).item())
        return artifact_sha256(trained).encode() + trained.predicted.tobytes()

    days = np.unique(HISTORIES["test"].trading_days)[[150, 220]]
    assert_no_lookahead(compute, HISTORIES, days, seeds=(1,))


def test_figures_are_those_of_the_published_predictions() -> None:
    trained = train()
    metrics, model = trained.model.metrics, trained.model
    source = HISTORIES["test"]
    windows = training_windows(feature_table(source, config(), HISTORIES), source, config(), CUTOFF)
    published = predict(model, source, HISTORIES, windows.validation.days).predicted_return
    realised = windows.validation.returns
    assert trained.predicted.tobytes() == published.tobytes()
    assert trained.realised.tobytes() == realised.tobytes()
    assert trained.validation_days.tolist() == windows.validation.days.tolist()
    assert metrics.validation_mae == pytest.approx(np.abs(published - realised).mean())
    assert metrics.zero_mae == pytest.approx(np.abs(realised).mean())
    assert metrics.mean_mae == pytest.approx(np.abs(windows.train.returns.mean() - realised).mean())
    assert metrics.residual_rmse == pytest.approx(((published - realised) ** 2).mean() ** 0.5)
    assert metrics.directional_accuracy == pytest.approx((np.sign(published) == np.sign(realised)).mean())
    assert metrics.ratio_to_zero == pytest.approx(metrics.validation_mae / metrics.zero_mae)
    assert metrics.ratio_to_mean == pytest.approx(metrics.validation_mae / metrics.mean_mae)
    assert (metrics.train_windows, metrics.validation_windows) == (
        len(windows.train),
        len(windows.validation),
    )
    assert metrics.train_last == windows.train.days[-1].item() < metrics.validation_first
    assert metrics.epochs == len(trained.train_losses) == len(trained.validation_losses) == 3
    assert trained.validation_losses[metrics.best_epoch - 1] == min(trained.validation_losses)
    assert trained.seconds > 0


def test_shrinkage_pulls_predictions_to_the_mean_of_the_training_labels() -> None:
    whole, half = train(shrinkage=1.0), train(shrinkage=0.5)
    mean = whole.model.target_mean
    np.testing.assert_allclose(half.predicted - mean, 0.5 * (whole.predicted - mean), rtol=1e-12)


def test_a_rule_in_the_past_is_learned() -> None:
    # A level that swings with a period of 20 sessions tells its next 5 sessions by its last 10.
    swing = history(np.exp(0.1 * np.sin(2 * np.pi * np.arange(400) / 20) + 0.0005 * np.arange(400)))
    trained = train_instrument(
        swing,
        {},
        config(
            features=["return_1", "return_5"],
            covariates=[],
            shrinkage=1.0,
            window_stride=1,
            network={"hidden_sizes": [8], "dropout": 0.0},
            training={"max_epochs": 30, "learning_rate": 0.02, "batch_size": 32},
        ),
        swing.trading_days[-1].item(),
    )
    assert trained.model.metrics.ratio_to_mean < 0.3
    assert trained.model.metrics.directional_accuracy > 0.9


EVERY = [f"{name}_5" if kind.windowed else name for name, kind in FEATURE_KINDS.items()]


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("loss", ["huber", "squared", "absolute"])
def test_every_network_and_loss_trains_on_every_feature(cell: str, batch_norm: bool, loss: str) -> None:
    trained = train(
        features=EVERY,
        network={"cell": cell, "batch_norm": batch_norm, "hidden_sizes": [3, 2]},
        training={"max_epochs": 2, "batch_size": 16, "loss": loss},
    )
    assert np.isfinite(trained.predicted).all()
    assert np.isfinite([*trained.train_losses, *trained.validation_losses]).all()


def test_equal_closes_make_finite_predictions() -> None:
    flat = history(np.ones(300))
    trained = train_instrument(flat, {}, config(covariates=[]), flat.trading_days[-1].item())
    np.testing.assert_allclose(trained.predicted, 0, atol=2)
    assert np.isnan(trained.model.metrics.ratio_to_zero)
    assert np.isnan(trained.model.metrics.directional_accuracy)


def test_progress_is_told(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []
    with caplog.at_level(logging.INFO, logger="progress"):
        train_instrument(
            HISTORIES["test"],
            HISTORIES,
            config(),
            CUTOFF,
            on_epoch=lambda epoch, _train, _validation: seen.append(epoch),
            logger=logging.getLogger("progress"),
        )
    assert seen == [1, 2, 3]
    assert "training windows" in caplog.text and "zero forecast" in caplog.text


def test_mistakes_are_told() -> None:
    with pytest.raises(ConfigurationError, match="'vix'"):
        train(covariates=["vix"])
    with pytest.raises(InsufficientHistory, match="before the cutoff 2015-01-20"):
        train(cutoff=date(2015, 1, 20))


@pytest.mark.filterwarnings("ignore:overflow")
def test_divergence_is_told() -> None:
    bars = HISTORIES["test"]
    huge = replace(bars, level=np.where(np.arange(len(bars)) == 150, 1e300, bars.level))
    with pytest.raises(TrainingDiverged):
        train({"test": huge, "other": HISTORIES["other"]}, training={"loss": "squared"})
