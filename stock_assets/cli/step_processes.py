"""Let the processes of a run's steps end together with the command that runs them."""

import os
import signal
import threading
from multiprocessing import parent_process
from multiprocessing.connection import wait


def end_with_the_command() -> None:
    """End this process, if it is a step's, as soon as the command that started it is gone.

    A step hands its events to the command through a pipe. When the command was killed, nobody reads it: the
    step would wait for ever with all its memory as soon as the pipe is full, and keep alive the server that
    it was forked from.
    """
    command = parent_process()
    if command is not None:
        threading.Thread(target=_end_after, args=(command.sentinel,), name="command", daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGKILL)
