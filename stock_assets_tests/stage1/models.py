"""A small model, trained in a moment."""

import tempfile
from datetime import date
from functools import cache
from pathlib import Path

from stock_assets.config.stage1 import InstrumentStage1Config
from stock_assets.stage1.artifacts import save_model
from stock_assets.stage1.model import Stage1Model, TrainedStage1
from stock_assets.stage1.training import train_instrument
from stock_assets_tests.lookahead import Histories
from stock_assets_tests.stage1.histories import random_history

SETTINGS = {
    "lookback": 10,
    "horizon": 5,
    "features": ["return_1", "sma_5", "rsi_5"],
    "covariates": ["other"],
    "window_stride": 2,
    "network": {"hidden_sizes": [4, 3]},
    "training": {"max_epochs": 3, "batch_size": 16},
}
HISTORIES = {"test": random_history(300, 1), "other": random_history(300, 2, "other", lag=1)}
CUTOFF = date(2016, 1, 15)


def config(**changes: object) -> InstrumentStage1Config:
    return InstrumentStage1Config.model_validate(SETTINGS | changes)


def train(histories: Histories = HISTORIES, cutoff: date = CUTOFF, **changes: object) -> TrainedStage1:
    return train_instrument(histories["test"], histories, config(**changes), cutoff)


@cache
def trained_model() -> Stage1Model:
    """The model of the settings above, trained once."""
    return train().model


def artifact_sha256(trained: TrainedStage1) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return save_model(Path(folder), trained.model).sha256
