"""Losses of single samples.

A sample loss takes the output of a network and the targets of the same samples and returns one
value a sample, so that a mean over all rows of a set does not depend on how it was batched.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from torch import Tensor
from torch.nn import functional

SampleLoss = Callable[[Tensor, Tensor], Tensor]
LossName = Literal["huber", "squared", "absolute"]


def huber(output: Tensor, targets: Tensor) -> Tensor:
    """Return the Huber loss with threshold 1: half the square up to an error of 1, linear beyond.

    Parameters
    ----------
    output, targets : Tensor, shape (batch,)

    Returns
    -------
    Tensor, shape (batch,)

    Raises
    ------
    ValueError
        If the shapes differ: broadcasting would compare every sample with every other.

    References
    ----------
    Huber, P. J. (1964). Robust Estimation of a Location Parameter. Annals of Mathematical
    Statistics 35 (1), 73–101.
    """
    _check_shapes(output, targets)
    return functional.huber_loss(output, targets, reduction="none", delta=1.0)


def squared(output: Tensor, targets: Tensor) -> Tensor:
    """Return the squared error; shapes and errors as in ``huber``."""
    _check_shapes(output, targets)
    return (output - targets).square()


def absolute(output: Tensor, targets: Tensor) -> Tensor:
    """Return the absolute error; shapes and errors as in ``huber``."""
    _check_shapes(output, targets)
    return (output - targets).abs()


#: The losses by their names in ``TrainingConfig.loss``.
SAMPLE_LOSSES: Mapping[LossName, SampleLoss] = {"huber": huber, "squared": squared, "absolute": absolute}


def _check_shapes(output: Tensor, targets: Tensor) -> None:
    if output.dim() != 1 or output.shape != targets.shape:
        raise ValueError(
            f"output has shape {tuple(output.shape)} and targets {tuple(targets.shape)}; a sample loss "
            "needs both to be (batch,)."
        )
