"""The file of the trading days that are over: nothing is lost, and nothing stops for it."""

import json
import logging
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from stock_assets.past_days import PAST_DAYS_FILE, keep_past_days, read_past_days
from stock_assets.settings import PROJECT_ROOT

FRIDAY, MONDAY, TUESDAY = date(2026, 1, 2), date(2026, 1, 5), date(2026, 1, 6)


def test_what_is_kept_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "calendars"
    assert read_past_days(folder) == frozenset()
    keep_past_days([MONDAY, FRIDAY], folder)
    assert read_past_days(folder) == {FRIDAY, MONDAY}
    assert json.loads((folder / PAST_DAYS_FILE).read_text()) == {"trading_days": ["2026-01-02", "2026-01-05"]}


def test_days_are_only_ever_added(tmp_path: Path) -> None:
    keep_past_days([FRIDAY, MONDAY], tmp_path)
    keep_past_days([TUESDAY], tmp_path)
    assert read_past_days(tmp_path) == {FRIDAY, MONDAY, TUESDAY}


def test_nothing_is_written_where_nothing_is_new(tmp_path: Path) -> None:
    keep_past_days([FRIDAY, MONDAY], tmp_path)
    before = (tmp_path / PAST_DAYS_FILE).stat()
    keep_past_days([MONDAY], tmp_path)
    after = (tmp_path / PAST_DAYS_FILE).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"trading_days": ["2026-01-02", "2026-0',
        '{"trading_days": ["2026-01-02", "today"]}',
        '{"trading_days": 3}',
        '{"trading_days": [3]}',
        '{"days": []}',
        "[]",
        "\x00\x00",
    ],
)
def test_a_damaged_file_is_a_warning_and_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    path = tmp_path / PAST_DAYS_FILE
    path.write_text(content)
    with caplog.at_level(logging.WARNING):
        assert read_past_days(tmp_path) == frozenset()
    (message,) = caplog.messages
    assert message.startswith(f"{path} cannot be read (")
    keep_past_days([MONDAY], tmp_path)
    assert read_past_days(tmp_path) == {MONDAY}


def test_a_folder_that_cannot_be_written_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "a file"
    folder.touch()
    with caplog.at_level(logging.WARNING):
        keep_past_days([MONDAY], folder)
    (message,) = caplog.messages
    assert message.startswith(f"The trading days that are over cannot be kept in {folder}: ")
    assert read_past_days(folder / "calendars") == frozenset()


def test_a_failed_write_leaves_what_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keep_past_days([FRIDAY], tmp_path)

    def dump(content: object, file: object, separators: tuple[str, str]) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(json, "dump", dump)
        keep_past_days([MONDAY], tmp_path)
    assert "disk full" in caplog.text
    assert read_past_days(tmp_path) == {FRIDAY}
    assert not list(tmp_path.glob("*.tmp"))


CODE = """
import sys
from datetime import date, timedelta
from pathlib import Path
from stock_assets.past_days import keep_past_days
folder, which = Path(sys.argv[1]), int(sys.argv[2])
for number in range(which, 120, 3):
    keep_past_days([date(2026, 1, 1) + timedelta(days=number)], folder)
"""


def test_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", CODE, str(tmp_path), str(which)], cwd=PROJECT_ROOT)
        for which in range(3)
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert read_past_days(tmp_path) == {date(2026, 1, 1) + timedelta(days=number) for number in range(120)}
