"""What makes training repeatable: one thread and a seeded generator, both put back afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def single_threaded() -> Iterator[None]:
    """Run torch with one thread inside the block, and with the former number after it.

    With more threads sums are added in another order each time, and small recurrent networks get
    slower, not faster. ``fit`` and ``forward_blocks`` run in it by themselves.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generator inside the block, and restore its state after it.

    Initial weights and dropout draw from the global generator and take no other: build a network
    in this block to make it the same every time.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
