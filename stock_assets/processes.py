"""Processes of this machine: who they are, whether they live, what they need, and that none is left alone."""

import faulthandler
import os
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path

_PROC = Path("/proc")
_MEBIBYTE = 1024**2


@dataclass(frozen=True)
class ProcessIdentity:
    """What names a process among all processes of all machines, past ones included.

    Attributes
    ----------
    host : str
        Name of the machine or container.
    boot : str
        Name of the machine's boot; empty where the system has none.
    pid : int
        Process id; the system gives it to another process later.
    start : str
        When the process began, as the system says it; empty if it is not known.
    """

    host: str
    boot: str
    pid: int
    start: str

    @classmethod
    def own(cls) -> "ProcessIdentity":
        """Return the identity of this process."""
        return cls(socket.gethostname(), boot_name(), os.getpid(), start_of(os.getpid()) or "")

    def has_gone(self) -> bool:
        """Return whether this machine can say that the process is gone: only its own host may ask."""
        if self.boot != boot_name():
            return True
        start = start_of(self.pid)
        return start is None or (self.start != "" and start != self.start)


@dataclass(frozen=True)
class Memory:
    """What a process held of the machine's memory.

    Attributes
    ----------
    held, most : int
        Bytes in memory, last and at the most.
    """

    held: int
    most: int

    def __str__(self) -> str:
        return f"{self.held / _MEBIBYTE:,.0f} MiB (at the most {self.most / _MEBIBYTE:,.0f} MiB)"


def boot_name() -> str:
    """Return a name of this boot of the machine, or an empty text where the system has none."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def start_of(pid: int) -> str | None:
    """Return when a process of this machine began, as the system says it, or None if it does not live."""
    if not _PROC.joinpath("self/stat").exists():
        said = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return said.stdout.strip() or None
    try:
        # The name of the program stands in parentheses and may hold any character.
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
    except OSError:
        return None
    state, *rest = fields.split()
    # A zombie has ended; its parent has not asked yet.
    return None if state in "ZX" else rest[18]


def memory_of(pid: int) -> Memory | None:
    """Return what a process holds of the memory, or None if it does not live or the system does not say."""
    try:
        lines = (_PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    kibibytes = {
        name: int(value.split()[0])
        for name, _, value in (line.partition(":") for line in lines)
        if name in ("VmRSS", "VmHWM")
    }
    if len(kibibytes) < 2:
        return None
    return Memory(kibibytes["VmRSS"] * 1024, kibibytes["VmHWM"] * 1024)


def end_with_parent() -> None:
    """End this process, if ``multiprocessing`` started it, as soon as the process that did is gone.

    A step hands its events to its run's process through a pipe, and a run is ended and watched by the code
    server that started it. When these are gone, nobody reads the pipe or could end the run: the process
    would wait for ever with all its memory, or go on and write.

    A crash inside a library, such as a segmentation fault, says on standard error where it was.
    """
    parent = parent_process()
    if parent is not None:
        faulthandler.enable(all_threads=False)
        threading.Thread(target=_end_after, args=(parent.sentinel,), name="parent", daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGKILL)
