import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from stock_assets.learning.forward import BLOCK, forward_blocks
from stock_assets.learning.randomness import seeded


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(5, 16, batch_first=True)
        self.norm = nn.BatchNorm1d(16)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(16, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.dropout(self.norm(self.layer(inputs)[0][:, -1])))


def network_and_inputs(rows: int) -> tuple[Net, Tensor]:
    with seeded(1):
        return Net(), torch.randn(rows, 20, 5)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.sets(st.integers(0, 3 * BLOCK), min_size=1, max_size=20))
def test_any_subset_gives_the_rows_of_the_whole(chosen: set[int]) -> None:
    network, inputs = network_and_inputs(3 * BLOCK + 1)
    whole = forward_blocks(network, inputs, np.arange(len(inputs)))
    positions = np.array(sorted(chosen, reverse=True))
    part = forward_blocks(network, inputs[torch.from_numpy(positions)], positions)
    assert part.tobytes() == whole[positions].tobytes()


def test_output_is_the_networks_own() -> None:
    network, inputs = network_and_inputs(10)
    result = forward_blocks(network, inputs, np.arange(10))
    with torch.no_grad():
        np.testing.assert_allclose(result, network(inputs).numpy(), rtol=0, atol=1e-6)
    assert result.shape == (10, 3)
    assert not network.training


def test_neighbours_that_are_not_finite_stay_among_themselves() -> None:
    network, inputs = network_and_inputs(4)
    alone = forward_blocks(network, inputs[:1], np.array([0]))
    inputs[1:] = torch.nan
    assert forward_blocks(network, inputs, np.arange(4))[:1].tobytes() == alone.tobytes()


def test_nothing_in_nothing_out() -> None:
    network, inputs = network_and_inputs(1)
    assert len(forward_blocks(network, inputs[:0], np.empty(0, dtype=np.int64))) == 0


@pytest.mark.parametrize(
    ("positions", "complaint"), [([0, 0], "1 distinct"), ([0], "1 distinct"), ([-1, 0], "negative")]
)
def test_positions_must_be_one_a_row(positions: list[int], complaint: str) -> None:
    network, inputs = network_and_inputs(2)
    with pytest.raises(ValueError, match=complaint):
        forward_blocks(network, inputs, np.array(positions))
