"""Events between processes that can be set although whoever waits for them has died."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from multiprocessing.synchronize import Event

#: How Dagster's executor starts the processes of steps here.
START_METHOD = "forkserver"


class KillProofEvent(Event):
    """An event whose ``set`` waits for nobody; ``clear`` does not exist.

    The standard library's ``set`` waits until everybody who waits has woken up. A process that ends just then
    never does, and the one that sets the event hangs for ever: Control-C in a terminal reaches the command,
    which sets the event of each step, and at the same moment the steps themselves, which end.
    """

    def __init__(self, *, ctx: BaseContext) -> None:
        super().__init__(ctx=ctx)
        self._is_set = ctx.Semaphore(0)

    def is_set(self) -> bool:
        """Return whether it was set."""
        return self.wait(0)

    def set(self) -> None:
        """Let everybody go on."""
        self._is_set.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it was set, and return whether it was."""
        was_set = self._is_set.acquire(timeout=timeout)
        if was_set:
            self._is_set.release()
        return was_set

    def clear(self) -> None:
        """Refuse: nobody needs it.

        Raises
        ------
        NotImplementedError
            Always.
        """
        raise NotImplementedError("An event that a step waits for is set once.")


@contextmanager
def kill_proof_events() -> Iterator[None]:
    """Give Dagster's executor such events in the block, which takes them from its start method's context."""
    context = multiprocessing.get_context(START_METHOD)
    # An attribute of this one object, before that of its class.
    vars(context)["Event"] = lambda: KillProofEvent(ctx=context)
    try:
        yield
    finally:
        del vars(context)["Event"]
