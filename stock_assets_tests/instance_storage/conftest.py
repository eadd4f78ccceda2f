"""Where the tests of Dagster's storage keep its files."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="module")
def homes() -> Iterator[Path]:
    """A folder for the state folders of instances: in memory where that exists, for thousands of commits."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)
