"""Serve the Dagster UI and the daemon that runs what the UI starts."""

import os
import signal
import socket
import subprocess
import sys
import time

import click

from stock_assets.cli.instance import prepare
from stock_assets.errors import ConfigurationError
from stock_assets.settings import PROJECT_ROOT

_STOP_SECONDS = 15


def serve(host: str, port: int) -> int:
    """Run webserver and daemon until one of them ends or the user interrupts; return the exit status.

    Raises
    ------
    ConfigurationError
        If nothing can listen on the port.
    """
    _require_port(host, port)
    deployment = prepare()
    environment = {**os.environ, "DAGSTER_HOME": str(deployment.settings.state_dir)}
    workspace = ["-w", str(PROJECT_ROOT / "workspace.yaml")]
    commands = [
        [sys.executable, "-m", "dagster_webserver", *workspace, "-h", host, "-p", str(port)],
        [sys.executable, "-m", "dagster._daemon", "run", *workspace],
    ]
    click.echo(f"Serving {deployment.universe.name} on http://{host}:{port} (stop with Ctrl-C) ...")
    for number in (signal.SIGINT, signal.SIGTERM):
        # A shell script's background command is born ignoring SIGINT, and so would be the servers below.
        signal.signal(number, _interrupt)
    processes = [subprocess.Popen(command, env=environment, cwd=PROJECT_ROOT) for command in commands]
    try:
        while True:
            for process in processes:
                if process.poll() is not None:
                    return process.returncode
            time.sleep(0.5)
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(processes)


def _require_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise ConfigurationError(
            f"The UI cannot be served: {error.strerror}; end what listens on {host}:{port}, or choose "
            "another address by `stock-assets ui --host HOST --port PORT`."
        ) from None


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """Ask all of them to end, and wait: the code servers below them end with them."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    for process in processes:
        try:
            process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
