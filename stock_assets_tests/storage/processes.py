"""Other processes for tests that need real ones."""

import subprocess
import sys


class PythonProcess:
    """A Python process that says a line when it is ready and goes on when it is told to."""

    def __init__(self, code: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        """Wait for its first line, or raise with what it said."""
        if self._process.stdout is None or self._process.stdout.readline() != "ready\n":
            raise RuntimeError(self.finish()[1])

    def go_on(self) -> None:
        """Let it continue."""
        if self._process.stdin is not None:
            self._process.stdin.write("\n")
            self._process.stdin.flush()

    def finish(self) -> tuple[int, str]:
        """Wait for its end and return its exit code and what it said on stderr."""
        _, said = self._process.communicate(timeout=60)
        return self._process.returncode, said

    def kill(self) -> None:
        """End it as the kernel would: no handler of its own runs."""
        self._process.kill()
        self._process.communicate(timeout=60)
