"""An end to what may hang."""

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


def within(seconds: float, function: Callable[[], _T]) -> _T:
    """Return what the function returns, or raise what it raises.

    The look-up of a host's name, a server that sends byte by byte and a mounted folder outlast every timeout
    of a socket. A thread that is still waiting then is left behind; it ends with the process.

    Raises
    ------
    TimeoutError
        If it has done neither after so many seconds.
    """
    answers: queue.SimpleQueue[tuple[_T] | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put((function(),))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"There was no answer within {seconds:g} seconds.") from None
    if isinstance(answer, Exception):
        raise answer
    return answer[0]
