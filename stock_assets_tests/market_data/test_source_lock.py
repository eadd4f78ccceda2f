"""Requests to one source do not overlap, whichever processes of a machine make them."""

import subprocess
from pathlib import Path

import pytest

from stock_assets.errors import ConfigurationError, SourceUnavailable
from stock_assets.market_data.source_lock import source_lock
from stock_assets.settings import PROJECT_ROOT
from stock_assets_tests.market_data.asking import (
    MONDAY,
    HttpSource,
    asked_server,
    asking_process,
    patient,
)
from stock_assets_tests.market_data.bars import instrument


def test_two_processes_of_two_universes_never_ask_at_once(tmp_path: Path) -> None:
    paths = ["/meet", *["/ask"] * 4]
    with asked_server() as server:
        processes = [
            subprocess.Popen(asking_process(server, tmp_path, universe, paths), cwd=PROJECT_ROOT)
            for universe in ("here", "there")
        ]
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert (server.answered, server.overlaps) == (8, 0)


def test_a_process_that_hangs_is_an_outage_and_its_end_frees_the_source(
    tmp_path: Path,
) -> None:
    lock_dir = tmp_path / "locks"
    with asked_server() as server:
        process = subprocess.Popen(asking_process(server, tmp_path, "here", ["/hang"]), cwd=PROJECT_ROOT)
        assert server.hanging.wait(timeout=60)
        with pytest.raises(SourceUnavailable) as caught, source_lock(lock_dir, "yahoo", longest_wait=0):
            pass
        process.kill()
        process.wait()
        rows = patient(HttpSource(f"{server.url}/ask"), lock_dir).fetch(instrument(), "X", MONDAY, MONDAY)
    assert rows["close"].tolist() == [1.5]
    assert str(caught.value) == (
        f"The source 'yahoo' was not asked, since another process has held {lock_dir}/yahoo.lock for 0 "
        "seconds; end that process if it hangs."
    )


def test_sources_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with source_lock(tmp_path, "yahoo"), source_lock(tmp_path, "fred", longest_wait=0):
        pass


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), source_lock(tmp_path, "yahoo"):
        raise KeyError
    with source_lock(tmp_path, "yahoo", longest_wait=0):
        pass


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("a file")
    with pytest.raises(ConfigurationError) as caught, source_lock(tmp_path / "locks", "yahoo"):
        pass
    assert str(caught.value) == (
        f"{tmp_path}/locks/yahoo.lock cannot be locked (File exists); make its folder writable, or let "
        "STOCK_ASSETS_STATE_DIR name another one."
    )
