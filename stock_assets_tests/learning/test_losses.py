import pytest
import torch

from stock_assets.config.training import TrainingConfig
from stock_assets.learning.losses import SAMPLE_LOSSES, absolute, huber, squared


def test_losses_of_known_errors() -> None:
    output, targets = torch.tensor([1.0, 1.5, -3.0]), torch.tensor([1.0, 1.0, 0.0])
    assert huber(output, targets).tolist() == [0.0, 0.125, 2.5]
    assert squared(output, targets).tolist() == [0.0, 0.25, 9.0]
    assert absolute(output, targets).tolist() == [0.0, 0.5, 3.0]


def test_every_configurable_loss_exists() -> None:
    allowed = TrainingConfig.model_json_schema()["properties"]["loss"]["enum"]
    assert set(SAMPLE_LOSSES) == set(allowed)


@pytest.mark.parametrize("loss", SAMPLE_LOSSES.values(), ids=SAMPLE_LOSSES)
def test_shapes_that_would_broadcast_are_refused(loss) -> None:
    with pytest.raises(ValueError, match=r"\(3, 1\).*\(3,\)"):
        loss(torch.zeros(3, 1), torch.zeros(3))
