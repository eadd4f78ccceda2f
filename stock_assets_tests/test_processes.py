"""Processes: who they are, whether they live, and that none outlives the one that started it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from multiprocessing.connection import Connection

import pytest

from stock_assets import processes
from stock_assets.processes import Memory, ProcessIdentity, end_with_parent, memory_of, start_of
from stock_assets_tests.commands import PATIENCE_SECONDS, needs_proc


def test_this_process_lives_and_knows_itself() -> None:
    own = ProcessIdentity.own()
    assert own == ProcessIdentity.own() and own.pid == os.getpid() and own.start
    assert not own.has_gone()
    assert replace(own, start="").has_gone() is False
    assert replace(own, start="earlier").has_gone()
    assert replace(own, boot="earlier").has_gone()


def test_a_process_that_has_ended_is_gone_even_before_anybody_asks() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = replace(ProcessIdentity.own(), pid=process.pid, start=start_of(process.pid) or "")
    assert not identity.has_gone()
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert identity.has_gone(), "a zombie counts as alive"
    process.communicate()
    assert identity.has_gone()


@needs_proc
def test_memory_is_measured_in_bytes() -> None:
    held = bytearray(64 * 1024**2)
    own = memory_of(os.getpid())
    assert own is not None and len(held) < own.held <= own.most < 64 * len(held)
    assert memory_of(2**22 + 1) is None
    assert str(Memory(1024**2, 3 * 1024**3)) == "1 MiB (at the most 3,072 MiB)"


def _child(said: Connection) -> None:
    end_with_parent()
    said.send(os.getpid())
    time.sleep(PATIENCE_SECONDS)


def _parent(said: Connection) -> None:
    multiprocessing.get_context("spawn").Process(target=_child, args=(said,)).start()
    time.sleep(PATIENCE_SECONDS)


def test_a_child_ends_with_its_parent() -> None:
    heard, said = multiprocessing.Pipe(duplex=False)
    parent = multiprocessing.get_context("spawn").Process(target=_parent, args=(said,))
    parent.start()
    child = heard.recv()
    assert start_of(child) is not None
    os.kill(parent.pid or 0, signal.SIGKILL)
    parent.join()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while start_of(child) is not None:
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.02)


def test_a_process_of_nobody_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "parent_process", lambda: None)
    end_with_parent()
    assert "parent" not in {thread.name for thread in threading.enumerate()}, "nobody's end is waited for"
