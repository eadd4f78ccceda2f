"""Control-C and SIGTERM: both ask the command to end, and neither is ever lost.

While a run executes, Dagster replaces the handlers of both signals and acts on them where it can. One that
comes when it cannot, such as while the last step writes its last event, is forgotten when the run ends: the
command would go on with the next run.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ENDING = (signal.SIGINT, signal.SIGTERM)


def end_on_sigterm() -> None:
    """Answer SIGTERM as Control-C is answered, by ``KeyboardInterrupt``."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def noted_signals() -> Iterator[Callable[[], bool]]:
    """Note the signals that ask for an end, whoever handles them; only in the main thread.

    Yields
    ------
    callable
        Whether one has come since.
    """
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    seen: set[int] = set()

    def has_come() -> bool:
        try:
            # The interpreter writes the number of every signal that arrives, before any handler is called.
            seen.update(os.read(reading, 4096))
        except BlockingIOError:
            pass
        return bool(seen.intersection(_ENDING))

    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield has_come
    finally:
        signal.set_wakeup_fd(before)
        os.close(reading)
        os.close(writing)
