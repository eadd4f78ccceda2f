"""The code server loads definitions all the time: it loads nothing heavy for them, and builds nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stock_assets.settings import PROJECT_ROOT
from stock_assets_tests.defs.environments import sample_environment
from stock_assets_tests.made_up import CONFIG_DIR

HEAVY = {"cvxpy", "exchange_calendars", "matplotlib", "numpy", "pandas", "skfolio", "sklearn", "torch"}
CODE = """
import sys
from stock_assets.definitions import defs
defs().resolve_asset_graph()
print(" ".join({name.partition(".")[0] for name in sys.modules}))
"""


def loaded_modules(variables: dict[str, str]) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, **variables},
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("universe", ["sample", "made_up"])
def test_definitions_load_without_anything_heavy_and_build_no_calendar(tmp_path: Path, universe: str) -> None:
    variables = sample_environment(tmp_path)
    if universe == "made_up":
        variables |= {"STOCK_ASSETS_UNIVERSE": universe, "STOCK_ASSETS_CONFIG_DIR": str(CONFIG_DIR)}
    assert "exchange_calendars" in loaded_modules(variables), "the first time there is no table yet"
    tables = {path: path.stat().st_mtime_ns for path in (tmp_path / universe / "calendars").iterdir()}
    assert tables
    assert loaded_modules(variables).isdisjoint(HEAVY)
    assert {path: path.stat().st_mtime_ns for path in tables} == tables
    assert not list((tmp_path / universe).glob("*.db")), "nothing is asked of a database"
