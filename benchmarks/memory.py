"""How much memory a process takes together with all that it has started."""

import os
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

_PROC = Path("/proc")
#: Often enough for steps that take seconds; to look takes some 20 ms of a core.
_SECONDS_BETWEEN = 0.5


def can_be_measured() -> bool:
    """Whether this system says how much of each process's memory is shared."""
    return (_PROC / "self" / "smaps_rollup").exists()


def descendants(pid: int) -> set[int]:
    """Return the ids of a process and of all that it has started, and those have, and so on."""
    parents: dict[int, int] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # ended meanwhile
                # The name of the program is in parentheses and may hold anything.
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, fresh = set[int](), {pid}
    while fresh:
        found |= fresh
        fresh = {child for child, parent in parents.items() if parent in fresh} - found
    return found


def command_of(pid: int) -> str:
    """Return a process's command line, empty if it has ended."""
    with suppress(OSError):
        return (_PROC / str(pid) / "cmdline").read_text().replace("\0", " ")
    return ""


def megabytes(pids: set[int]) -> float:
    """Return the memory that processes hold in MB: pages that several share count once.

    It is the sum of proportional set sizes (PSS): a page that n processes share counts 1/n in each.
    """
    total = 0
    for pid in pids:
        with suppress(OSError):  # ended meanwhile
            lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


class PeakMemory:
    """Watches what this process starts within the block, but not the process itself.

    Attributes
    ----------
    megabytes : float
        The most that they held at a time.
    """

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._before: set[int] = set()

    def __enter__(self) -> "PeakMemory":
        self._before = descendants(os.getpid())
        self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._done.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._done.wait(_SECONDS_BETWEEN):
            self.megabytes = max(self.megabytes, megabytes(descendants(os.getpid()) - self._before))
