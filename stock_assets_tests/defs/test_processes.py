"""Training by the real executor: a process a step, one thread a process, and the same networks."""

import json
import os
import subprocess
import sys
from pathlib import Path

from stock_assets_tests.defs.observed_training import FOLDER_VARIABLE
from stock_assets_tests.worlds import CUTOFFS, World, environment

ASSETS = ("stage1_model/gold", "stage1_model/us_index", "sharpe_net_model")


def test_every_network_is_trained_in_a_process_of_its_own_by_one_thread(
    priced_world: World, trained_world: World, tmp_path: Path
) -> None:
    world = priced_world.copy(tmp_path / "world")
    observations = tmp_path / "observations"
    observations.mkdir()
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    variables = {
        **os.environ,
        **environment(world.folder),
        FOLDER_VARIABLE: str(observations),
        "DAGSTER_HOME": str(home),
        # What torch would take if nobody told it otherwise, on a machine of any size.
        "OMP_NUM_THREADS": "2",
    }
    done = subprocess.run(
        [sys.executable, "-m", "stock_assets_tests.defs.observed_training", str(CUTOFFS[0]), *ASSETS],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["success"], done.stderr[-3000:]
    seen = [json.loads(path.read_text()) for path in observations.iterdir()]
    assert len({one["pid"] for one in seen} | {result["pid"], os.getpid()}) == len(ASSETS) + 2
    assert [one["threads"] for one in seen] == [1] * len(ASSETS)
    # The same inputs give the same network, in whichever process.
    trained = {row["model_id"] for row in world.rows("models")}
    assert len(trained) == len(ASSETS)
    assert trained <= {row["model_id"] for row in trained_world.rows("models")}
