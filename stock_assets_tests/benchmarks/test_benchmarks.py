"""The benchmarks measure what they say they do; how long that takes is no matter of tests."""

import io
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import definitions, event_log, tasks
from benchmarks.daily import Range
from benchmarks.figures import Figure, median_of, table_of
from benchmarks.memory import can_be_measured, command_of, descendants, megabytes
from benchmarks.sensor import without_end
from benchmarks.workplaces import Workplace
from stock_assets.config import load_universe
from stock_assets.settings import DATABASE_URL_VARIABLE, PROJECT_ROOT
from stock_assets_tests.commands import VOLATILE
from stock_assets_tests.commands import Workplace as Deployed
from stock_assets_tests.worlds import UNIVERSE, World, environment

SAMPLE = Workplace(Path("nowhere"), "sample", PROJECT_ROOT / "configs")


def run_task(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, world: World, *words: str
) -> object:
    for name, value in environment(world.folder).items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()
    tasks.main(list(words), standalone_mode=False)
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_the_plain_process_writes_what_the_assets_write(
    unpredicted: World,
    finished_world: World,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Through the end, since days before the last would find the bars that later days corrected.
    first, last = finished_world.days[-10], finished_world.days[-1]
    done = run_task(capsys, monkeypatch, unpredicted, "plain", str(first), str(last))
    assert done == 10
    plain, assets = (world.contents(first, last, VOLATILE) for world in (unpredicted, finished_world))
    assert plain == assets
    assert plain["stage1_predictions"] and plain["portfolio_weights"] and plain["outcomes"]


def test_an_evaluation_is_of_a_universe_that_is_live_then(
    finished_world: World,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = finished_world.copy(tmp_path / "world")
    path = world.deployment.config.folder / "universe.yaml"
    path.write_text(without_end(path.read_text(encoding="utf-8")), encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    seconds = run_task(capsys, monkeypatch, world, "evaluations", "2021-04-01T06:00", "3")
    assert isinstance(seconds, list) and len(seconds) == 3 and min(seconds) > 0
    assert [row["date"] for row in world.rows("day_notices", kind="watched")] == [date(2021, 3, 31)]
    with pytest.raises(ValueError, match="0 lines with `end:`"):
        without_end(path.read_text(encoding="utf-8"))


def test_days_are_trading_days(
    finished_world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run_task(capsys, monkeypatch, finished_world, "days", "2021-02-01", "2021-02-28")
    expected = finished_world.between(date(2021, 2, 1), date(2021, 2, 28))
    assert found == [str(day) for day in expected]
    assert Range(date(2021, 2, 1), expected, date(2021, 3, 1)).ends == (str(expected[0]), str(expected[-1]))


def test_a_run_is_timed_from_its_first_event_to_its_end(finished: Deployed) -> None:
    url = finished.environment.get(DATABASE_URL_VARIABLE)
    place = Workplace(finished.folder, UNIVERSE, finished.configuration.parent, url)
    before = dict(os.environ)
    run = place.last_run()
    with place.instance() as instance:
        (record,) = instance.get_run_records(limit=1)
    tags, assets = record.dagster_run.tags, record.dagster_run.asset_selection
    ends = (date.fromisoformat(tags[f"dagster/asset_partition_range_{end}"]) for end in ("start", "end"))
    days = finished.world.between(*ends)
    assert record.start_time is not None
    assert run.began <= record.start_time < run.ended == record.end_time
    assert run.seconds == run.ended - run.began
    assert assets is not None and run.materializations == len(assets) * len(days) > 0
    assert dict(os.environ) == before


def test_a_command_that_fails_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        SAMPLE.seconds("-c", "1 / 0")


def test_many_instruments_are_a_universe(tmp_path: Path) -> None:
    place = definitions.many_instruments(tmp_path, SAMPLE, 40)
    universe = load_universe(place.config_dir / place.universe).universe
    shipped = load_universe(SAMPLE.config_dir / SAMPLE.universe).universe
    assert len(universe.instruments) == 40
    assert (universe.start, universe.end, universe.cutoffs) == (shipped.start, shipped.end, shipped.cutoffs)


def test_the_event_log_is_measured_beside_the_stock_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DAGSTER_HOME", event_log.BATCH_SIZE_VARIABLE, DATABASE_URL_VARIABLE):
        monkeypatch.setenv(name, "")  # so that it is as before afterwards
    (figure,) = event_log.figures(tmp_path / "events", "SQLite", None, (2, 2), (3, 2))
    assert "3 × 2" in figure.what and figure.other == "stock storage"
    assert figure.value > 0 and figure.other_value is not None and figure.ratio is not None


@pytest.mark.parametrize(
    ("stock_ms", "batched_ms", "met"), [(10.0, 0.9, True), (10.0, 1.1, False), (7.0, 0.9, False)]
)
def test_the_event_log_has_two_bounds(stock_ms: float, batched_ms: float, met: bool) -> None:
    stock, batched = (event_log.Cost(100, milliseconds / 10, 1.0) for milliseconds in (stock_ms, batched_ms))
    assert event_log._met("SQLite", stock, batched) is met


def test_the_table_shows_value_comparison_ratio_and_bound() -> None:
    figures = [
        Figure("a run", 30.0, "s", "a process", 20.0, "at most 15 s more", True),
        Figure("a load", 7.5, "s", bound="under 5 s", met=False),
        Figure("memory", 812.4, "MB"),
    ]
    out = io.StringIO()
    Console(file=out, width=140).print(table_of("2 cores", figures))
    rows = [line.split("│")[1:-1] for line in out.getvalue().splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["a run", "30.0 s", "a process: 20.0 s", "1.5", "at most 15 s more", "met"],
        ["a load", "7.50 s", "", "", "under 5 s", "missed"],
        ["memory", "812 MB", "", "", "", ""],
    ]


def test_a_median_is_of_numbered_measurements() -> None:
    assert median_of(lambda number: [5.0, 1.0, 3.0][number], 3) == 3.0


@pytest.mark.skipif(not can_be_measured(), reason="memory is read from /proc/*/smaps_rollup")
def test_memory_is_that_of_a_process_and_of_all_below_it() -> None:
    script = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', "
        "\"held = bytes(range(256)) * 250_000; print('there', flush=True); input()\"])\n"
        "child.wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        below = descendants(process.pid)
        assert len(below) == 2 and below < descendants(os.getpid())
        (child,) = below - {process.pid}
        assert "held" in command_of(child)
        assert 61 < megabytes({child}) < megabytes(below)
        process.communicate("\n")
    assert megabytes({process.pid}) == 0.0 and command_of(process.pid) == ""
