"""The training job, whose steps write down in which process and with how many threads they train.

Run as a program it trains the assets that it is given for a cutoff, each step in a process of its own.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import torch

from stock_assets.pipeline import portfolios, stage1

FOLDER_VARIABLE = "STOCK_ASSETS_TESTS_OBSERVATIONS"


def training_job() -> dg.JobDefinition:
    """The job, as every step's process rebuilds it."""
    from stock_assets.definitions import defs

    stage1.train_instrument = _observed(stage1.train_instrument)
    portfolios.train_sharpe_net = _observed(portfolios.train_sharpe_net)
    return defs().resolve_job_def("training")


def main(cutoff: str, *assets: str) -> None:
    with dg.DagsterInstance.get() as instance:
        result = dg.execute_job(
            dg.reconstructable(training_job),
            instance=instance,
            tags={"dagster/partition": cutoff},
            asset_selection=[dg.AssetKey(name.split("/")) for name in assets],
        )
    print(json.dumps({"success": result.success, "pid": os.getpid()}))  # noqa: T201


def _observed(train: Callable) -> Callable:
    def observed(*args: object, **kwargs: object) -> object:
        seen = {"pid": os.getpid(), "threads": torch.get_num_threads()}
        Path(os.environ[FOLDER_VARIABLE], f"{os.getpid()}.json").write_text(json.dumps(seen))
        return train(*args, **kwargs)

    return observed


if __name__ == "__main__":
    main(*sys.argv[1:])
