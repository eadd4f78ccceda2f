"""One request at a time to a source, among all processes of a machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from stock_assets.errors import ConfigurationError, SourceUnavailable

#: Seconds after which whoever holds a lock must be hanging: a history by years is a dozen slow answers.
LONGEST_HOLD = 300.0


@contextmanager
def source_lock(folder: Path, source: str, longest_wait: float = LONGEST_HOLD) -> Iterator[None]:
    """Hold the right to send a request to a source; the system takes it from a process that ends.

    Parameters
    ----------
    folder : Path
        Where the locks lie, a file a source; it is made if it is not there.
    source : str
        Name of the source.
    longest_wait : float
        Seconds that another holder is waited for.

    Raises
    ------
    SourceUnavailable
        If another process holds it all the time.
    ConfigurationError
        If the folder cannot be written.
    """
    path = folder / f"{source}.lock"
    lock = FileLock(path, timeout=longest_wait)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise SourceUnavailable(
            f"The source {source!r} was not asked, since another process has held {path} for "
            f"{longest_wait:g} seconds; end that process if it hangs."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be locked ({error.strerror}); make its folder writable, or let "
            "STOCK_ASSETS_STATE_DIR name another one."
        ) from error
    try:
        yield
    finally:
        lock.release()
