import hashlib
import io
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from stock_assets.config.training import TrainingConfig
from stock_assets.errors import ConfigurationError, InsufficientHistory, TrainingDiverged
from stock_assets.learning.loop import EVALUATION_BATCH, Samples, batch_rows, fit, mean_loss
from stock_assets.learning.losses import huber, squared
from stock_assets.learning.randomness import seeded


class Net(nn.Module):
    """A small network with everything that draws random numbers or looks at the whole batch."""

    def __init__(self, norm: bool = False) -> None:
        super().__init__()
        self.layer = nn.LSTM(2, 4, batch_first=True)
        self.norm = nn.BatchNorm1d(4) if norm else nn.Identity()
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(4, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.dropout(self.norm(self.layer(inputs)[0][:, -1])))[:, 0]


class Constant(nn.Module):
    """Predicts one learned number."""

    def __init__(self, start: float = 0.0) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(start))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.level.expand(len(inputs))


def samples(rows: int, seed: int = 0) -> Samples:
    with seeded(seed):
        inputs = torch.randn(rows, 6, 2)
    return Samples(inputs, inputs[:, -1, 0] - inputs[:, 0, 1])


def network(seed: int = 0, norm: bool = False) -> Net:
    with seeded(seed):
        return Net(norm)


def digest(module: nn.Module) -> str:
    buffer = io.BytesIO()
    torch.save({name: value for name, value in module.state_dict().items()}, buffer)
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def train_and_digest() -> str:
    net = network()
    fit(net, huber, samples(65), samples(20, 1), TrainingConfig(max_epochs=3, batch_size=16))
    return digest(net)


def test_it_learns_what_can_be_learned() -> None:
    net = network()
    validation = samples(100, 1)
    before = mean_loss(net, huber, validation)
    settings_ = TrainingConfig(max_epochs=15, batch_size=16, learning_rate=2e-2)
    result = fit(net, huber, samples(300), validation, settings_)
    assert min(result.validation_losses) < 0.4 * before
    assert result.train_losses[-1] < result.train_losses[0]


def test_same_inputs_and_seed_give_the_same_bits_in_another_process() -> None:
    code = "from stock_assets_tests.learning.test_loop import train_and_digest; print(train_and_digest())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == train_and_digest()


def test_another_seed_gives_other_weights_and_the_global_generator_does_not_matter() -> None:
    results = []
    for seed, disturbance in ((1, 0), (1, 99), (2, 0)):
        torch.manual_seed(disturbance)
        net = network()
        fit(net, huber, samples(40), samples(10, 1), TrainingConfig(max_epochs=2, seed=seed, batch_size=8))
        results.append(digest(net))
    assert results[0] == results[1] != results[2]


def test_best_weights_are_restored_and_training_stops_after_patience() -> None:
    # Validation wants the start, training leads away from it: every epoch is worse than the one before.
    net = Constant(0.0)
    train = Samples(torch.zeros(8, 1), torch.full((8,), 5.0))
    validation = Samples(torch.zeros(4, 1), torch.zeros(4))
    seen: list[tuple[int, float, float]] = []
    result = fit(
        net,
        squared,
        train,
        validation,
        TrainingConfig(max_epochs=50, patience=3, learning_rate=0.1, weight_decay=0),
        on_epoch=lambda *epoch: seen.append(epoch),
    )
    assert (result.best_epoch, result.epochs) == (1, 4)
    assert list(result.validation_losses) == sorted(result.validation_losses)
    assert mean_loss(net, squared, validation) == result.validation_losses[0]
    assert seen == [(i + 1, result.train_losses[i], result.validation_losses[i]) for i in range(4)]
    assert not net.training


def test_training_goes_on_to_the_last_epoch_while_it_improves() -> None:
    target = Samples(torch.zeros(8, 1), torch.full((8,), 5.0))
    result = fit(Constant(), squared, target, target, TrainingConfig(max_epochs=7, patience=1))
    assert (result.best_epoch, result.epochs, len(result.train_losses)) == (7, 7, 7)


def test_gradients_are_clipped() -> None:
    # Adam divides a gradient by its own size plus 1e-8: one far below that hardly moves anything.
    target = Samples(torch.zeros(8, 1), torch.full((8,), 1e6))
    moved = {}
    for norm in (1.0, 1e-12):
        net = Constant()
        fit(net, squared, target, target, TrainingConfig(max_epochs=1, gradient_norm=norm, learning_rate=0.1))
        moved[norm] = float(net.level.detach())
    assert moved[1.0] == pytest.approx(0.1)
    assert 0 < moved[1e-12] < 1e-4


@pytest.mark.parametrize("rows", [1, EVALUATION_BATCH - 1, EVALUATION_BATCH, EVALUATION_BATCH + 1])
def test_mean_loss_counts_every_row_once(rows: int) -> None:
    targets = torch.arange(rows, dtype=torch.float32)
    expected = float((targets.double() ** 2).mean())
    assert mean_loss(Constant(0.0), squared, Samples(torch.zeros(rows, 1), targets)) == pytest.approx(
        expected
    )


@settings(derandomize=True, deadline=None)
@given(st.integers(2, 50), st.integers(2, 20))
def test_batches_hold_every_row_once_and_never_a_single_one(rows: int, size: int) -> None:
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(rows))
    batches = batch_rows(order, size)
    assert torch.equal(torch.cat(batches), order)
    assert all(2 <= len(batch) <= size + 1 for batch in batches)


@pytest.mark.parametrize(("rows", "batch_size"), [(2, 8), (9, 4), (5, 2), (9, 8)])
def test_batch_norm_trains_on_awkward_numbers_of_rows(rows: int, batch_size: int) -> None:
    net = network(norm=True)
    result = fit(
        net, huber, samples(rows), samples(1, 1), TrainingConfig(max_epochs=2, batch_size=batch_size)
    )
    assert result.epochs == 2
    assert all(value.isfinite().all() for value in net.state_dict().values())


def test_batch_norm_with_batches_of_one_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="batch_size is 1"):
        fit(network(norm=True), huber, samples(4), samples(2), TrainingConfig(batch_size=1))


def test_batches_of_one_train_without_batch_norm() -> None:
    assert (
        fit(network(), huber, samples(3), samples(2), TrainingConfig(batch_size=1, max_epochs=1)).epochs == 1
    )


@pytest.mark.parametrize(("train", "validation"), [(1, 5), (0, 5), (5, 0)])
def test_too_few_samples_are_named(train: int, validation: int) -> None:
    with pytest.raises(InsufficientHistory, match=f"{train} training and {validation} validation"):
        fit(network(), huber, samples(train), samples(validation), TrainingConfig())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["training", "validation"])
def test_a_loss_that_is_not_finite_stops_it(where: str, value: float) -> None:
    sets = {"training": samples(8), "validation": samples(8, 1)}
    sets[where].targets[3] = value
    with pytest.raises(TrainingDiverged, match=f"the {where} loss of epoch 1"):
        fit(network(), squared, sets["training"], sets["validation"], TrainingConfig())


def test_a_loss_that_is_no_value_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="one value a sample"):
        fit(
            network(),
            lambda output, targets: (output - targets).mean(),
            samples(8),
            samples(8),
            TrainingConfig(),
        )


def test_inputs_without_their_targets_are_refused() -> None:
    with pytest.raises(ValueError, match="3 inputs came with 2 targets"):
        Samples(torch.zeros(3, 1), torch.zeros(2))
