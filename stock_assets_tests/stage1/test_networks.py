import pytest
import torch
from torch import nn

from stock_assets.config.stage1 import NetworkConfig
from stock_assets.learning.randomness import seeded
from stock_assets.stage1.networks import RecurrentNetwork

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("sizes", [(3,), (5, 4), (4, 3, 2)])
@pytest.mark.parametrize("batch", [1, 7])
def test_one_output_a_window(cell: str, batch_norm: bool, sizes: tuple[int, ...], batch: int) -> None:
    config = NetworkConfig.model_validate({"cell": cell, "batch_norm": batch_norm, "hidden_sizes": sizes})
    with seeded(1):
        network = RecurrentNetwork(config, 6).eval()
        inputs = torch.randn(batch, 9, 6)
    output = network(inputs)
    assert output.shape == (batch,)
    layers = list(network.layers)
    assert all(isinstance(layer, CELLS[cell]) for layer in layers)
    assert [layer.hidden_size for layer in layers] == list(sizes)
    assert sum(isinstance(module, nn.BatchNorm1d) for module in network.modules()) == batch_norm * len(sizes)


def test_batch_norm_counts_windows_and_steps_of_each_feature_of_a_layer() -> None:
    config = NetworkConfig(hidden_sizes=(3,), batch_norm=True, dropout=0)
    with seeded(1):
        network = RecurrentNetwork(config, 2).train()
        inputs = torch.randn(4, 5, 2)
    hidden = network.layers[0](inputs)[0].reshape(20, 3)
    network(inputs)
    norm = network.norms[0]
    assert isinstance(norm, nn.BatchNorm1d) and norm.running_mean is not None
    torch.testing.assert_close(norm.running_mean, 0.1 * hidden.mean(dim=0))


def test_dropout_acts_in_training_only() -> None:
    with seeded(1):
        network = RecurrentNetwork(NetworkConfig(dropout=0.5), 2)
        inputs = torch.randn(4, 5, 2)
        network.train()
        assert not torch.equal(network(inputs), network(inputs))
        network.eval()
        assert torch.equal(network(inputs), network(inputs))


@pytest.mark.parametrize("step", range(5))
def test_every_session_of_the_window_matters(step: int) -> None:
    with seeded(1):
        network = RecurrentNetwork(NetworkConfig(), 2).eval()
        inputs = torch.randn(3, 5, 2)
    changed = inputs.clone()
    changed[:, step] += 1
    assert not (network(inputs) == network(changed)).any()
