"""The state folder: whether it can be written, how large it is, and how much room is left."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from stock_assets.doctor.diagnosis import Diagnosis
from stock_assets.settings import STATE_DIR_VARIABLE, Settings

SUBJECT = "disk"
#: Bytes of free space below which it is said: a backfill of years writes gigabytes of event log, and a full
#: disk stops a database in the middle.
LITTLE, TOO_LITTLE = 5 * 10**9, 10**9


def disk_diagnoses(
    settings: Settings, free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
) -> Iterator[Diagnosis]:
    """Write a file into the state folder that nobody sees, and measure the room.

    Parameters
    ----------
    settings : Settings
        Where the state folder is or will be.
    free_bytes : callable
        Returns the free bytes of the file system that holds a folder.
    """
    folder = settings.state_dir
    place = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"\0")
    except OSError as error:
        yield Diagnosis(
            SUBJECT,
            "failed",
            f"{place} cannot be written ({error.strerror}).",
            f"Make it a folder that can be written, or let {STATE_DIR_VARIABLE} name another one.",
        )
        return
    free = free_bytes(place)
    held = f"holds {_readable(_size(folder))}" if place == folder else "does not exist yet"
    found = f"{folder} {held}; {_readable(free)} are free."
    if free < LITTLE:
        verdict = "failed" if free < TOO_LITTLE else "warning"
        yield Diagnosis(SUBJECT, verdict, found, f"Make room: {_readable(LITTLE)} should be free.")
    else:
        yield Diagnosis(SUBJECT, "ok", found)


def _size(folder: Path) -> int:
    """Return the bytes of all files of a folder; one that is removed meanwhile has none."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _readable(size: int) -> str:
    """Return a number of bytes for people."""
    return f"{size / 1e9:.1f} GB" if size >= 10**9 else f"{size / 1e6:.0f} MB"
