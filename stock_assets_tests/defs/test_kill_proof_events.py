"""Whoever asks steps to end does not wait for those that have died."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from typing import Any

import pytest

from stock_assets.defs.kill_proof_events import START_METHOD, KillProofEvent, kill_proof_events

CONTEXT = multiprocessing.get_context(START_METHOD)
PATIENCE_SECONDS = 60


def wait(event: Any, waits: Any) -> None:
    waits.send(os.getpid())
    event.wait()
    waits.send("done")


def set_in_time(event: Event, seconds: float) -> bool:
    """Set an event from a thread, and return whether that took no longer."""
    thread = threading.Thread(target=event.set, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


@pytest.fixture
def event() -> Iterator[Event]:
    with kill_proof_events():
        yield CONTEXT.Event()


def test_it_is_set_although_who_waits_was_killed(event: Event) -> None:
    here, there = CONTEXT.Pipe()
    process = CONTEXT.Process(target=wait, args=(event, there))
    process.start()
    assert here.poll(PATIENCE_SECONDS)
    pid = here.recv()
    time.sleep(0.5)  # it says so just before it waits
    os.kill(pid, signal.SIGKILL)
    process.join()
    assert set_in_time(event, PATIENCE_SECONDS) and event.is_set()


def test_everybody_goes_on(event: Event) -> None:
    pipes = [CONTEXT.Pipe() for _ in range(2)]
    processes = [CONTEXT.Process(target=wait, args=(event, there)) for _, there in pipes]
    for process in processes:
        process.start()
    for here, _ in pipes:
        assert here.poll(PATIENCE_SECONDS) and here.recv()
    assert not event.is_set() and not event.wait(0.01)
    event.set()
    for here, _ in pipes:
        assert here.poll(PATIENCE_SECONDS) and here.recv() == "done"
    for process in processes:
        process.join()
    assert event.is_set() and event.wait()


def test_only_the_block_has_them() -> None:
    with kill_proof_events():
        assert isinstance(CONTEXT.Event(), KillProofEvent)
    assert not isinstance(CONTEXT.Event(), KillProofEvent)
