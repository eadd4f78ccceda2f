"""Forward passes whose rows do not depend on what else is computed with them.

A matrix product rounds a row differently when the batch has another size, and may do so when the
row stands at another place in it. A row here always stands at the same place of a batch of one
fixed size, so that a single day and a range of years give the same bytes.
"""

import numpy as np
import torch
from torch import Tensor, nn

from stock_assets.learning.randomness import single_threaded

#: Rows of every batch. Small enough that a single day costs milliseconds.
BLOCK = 64


def forward_blocks(network: nn.Module, inputs: Tensor, positions: np.ndarray) -> np.ndarray:
    """Run a network on rows that have fixed positions on a time axis.

    Parameters
    ----------
    network : Module
        Maps (batch, ...) to (batch, ...), rows independent of each other in evaluation mode, in
        which it is left.
    inputs : Tensor of float32, shape (n_rows, ...)
    positions : ndarray of int, shape (n_rows,)
        Position of each row on an axis that has one fixed beginning, such as the index of its
        session in the instrument's history; distinct and not negative. Row i stands at place
        ``positions[i] % BLOCK`` of its batch.

    Returns
    -------
    ndarray of float64, shape (n_rows, ...)
        The output of each row, in the order of ``inputs``.

    Raises
    ------
    ValueError
        If a position is negative, given twice, or missing.
    """
    if len(inputs) != len(positions) or len(np.unique(positions)) != len(positions):
        raise ValueError(
            f"{len(inputs)} rows have {len(np.unique(positions))} distinct positions; each row needs its own."
        )
    if len(positions) and positions.min() < 0:
        raise ValueError(f"the position {positions.min()} is negative; positions count from 0.")
    network.eval()
    blocks, places = np.divmod(positions, BLOCK)
    outputs: np.ndarray | None = None
    with single_threaded(), torch.no_grad():
        for block in np.unique(blocks):
            rows = np.flatnonzero(blocks == block)
            batch = torch.zeros((BLOCK, *inputs.shape[1:]), dtype=inputs.dtype)
            batch[places[rows]] = inputs[rows]
            output = network(batch)[places[rows]].double().numpy()
            if outputs is None:
                outputs = np.empty((len(inputs), *output.shape[1:]))
            outputs[rows] = output
    return np.empty(0) if outputs is None else outputs
