"""How a network is trained: the settings that the stage1 networks and the Sharpe net share."""

from typing import Literal

from pydantic import Field

from stock_assets.config.base import Section


class TrainingConfig(Section):
    """Settings of the one training loop.

    Early stopping watches the validation loss: training ends after ``patience`` epochs without a
    new minimum, and the weights of the best epoch are kept.
    """

    loss: Literal["huber", "squared", "absolute"] = Field(
        default="huber",
        description="Loss of one sample on the standardised target; the Sharpe net has its own.",
    )
    learning_rate: float = Field(default=1e-3, gt=0, le=1)
    weight_decay: float = Field(default=1e-3, ge=0, le=1, description="Decoupled weight decay (AdamW).")
    gradient_norm: float = Field(default=1.0, gt=0, description="Gradients are clipped to this norm.")
    batch_size: int = Field(default=128, ge=1)
    max_epochs: int = Field(default=30, ge=1)
    patience: int = Field(default=5, ge=1, description="Epochs without improvement before it stops.")
    validation_fraction: float = Field(
        default=0.2, gt=0, lt=0.9, description="Share of the labelled dates, the last ones, that validate."
    )
    seed: int = Field(default=20210104, ge=0)
