"""Whether the state folder can be written, and how much room there is."""

from pathlib import Path

import pytest

from stock_assets.doctor.disk import disk_diagnoses
from stock_assets.settings import Settings
from stock_assets_tests.doctor.live_universe import environment


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment(environment(tmp_path))


@pytest.mark.parametrize(
    ("free", "verdict", "shown"),
    [
        (5 * 10**9, "ok", "5.0 GB"),
        (5 * 10**9 - 1, "warning", "5.0 GB"),
        (10**9, "warning", "1.0 GB"),
        (10**9 - 1, "failed", "1000 MB"),
        (0, "failed", "0 MB"),
    ],
)
def test_little_room_is_a_warning_and_none_a_failure(
    settings: Settings, free: int, verdict: str, shown: str
) -> None:
    (diagnosis,) = disk_diagnoses(settings, lambda path: free)
    assert diagnosis.verdict == verdict and f"; {shown} are free." in diagnosis.found
    assert (diagnosis.remedy is None) == (verdict == "ok")


def test_the_room_of_the_real_disk_is_measured_where_the_folder_will_be(settings: Settings) -> None:
    places: list[Path] = []

    def note(place: Path) -> int:
        places.append(place)
        return 10**10

    (diagnosis,) = disk_diagnoses(settings, note)
    assert "does not exist yet" in diagnosis.found
    settings.state_dir.mkdir(parents=True)
    (diagnosis,) = disk_diagnoses(settings, note)
    assert places == [settings.state_dir.parent.parent, settings.state_dir]
    assert next(iter(disk_diagnoses(settings))).verdict in ("ok", "warning", "failed")


def test_all_files_count_and_none_is_left_behind(settings: Settings) -> None:
    below = settings.state_dir / "artifacts" / "deep"
    below.mkdir(parents=True)
    (below / "one").write_bytes(b"x" * 2_000_000)
    (settings.state_dir / "two").write_bytes(b"x" * 1_000_000)
    (below / "link").symlink_to(below / "one")
    (diagnosis,) = disk_diagnoses(settings, lambda path: 10**12)
    assert diagnosis.found == f"{settings.state_dir} holds 3 MB; 1000.0 GB are free."
    assert sorted(path.name for path in settings.state_dir.rglob("*") if path.is_file()) == [
        "link",
        "one",
        "two",
    ]


def test_a_folder_that_cannot_be_made_fails(settings: Settings) -> None:
    settings.state_dir.parent.write_text("a file in the way", encoding="utf-8")
    (diagnosis,) = disk_diagnoses(settings)
    assert (
        diagnosis.verdict == "failed" and f"{settings.state_dir.parent} cannot be written" in diagnosis.found
    )
    assert diagnosis.remedy is not None and "STOCK_ASSETS_STATE_DIR" in diagnosis.remedy
