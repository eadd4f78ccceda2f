"""How steps run: each in a process of its own, as many at once as there are cores.

The processes are forked from a server that has imported the heavy packages once, which takes half a
second a step instead of several. That is safe because the server only imports: a process that has run a
torch operation must not be forked.
"""

import os
from collections.abc import Sequence

import dagster as dg

TRAINING_MODULES = (
    "stock_assets.definitions",
    "stock_assets.pipeline.stage1",
    "stock_assets.pictures.training",
    "stock_assets.pipeline.portfolios",
    "torch._dynamo",  # every process's first optimiser imports it, which takes a second
)
DAILY_MODULES = (
    "stock_assets.definitions",
    "stock_assets.pipeline.portfolios",
    "stock_assets.pictures.weights",
)


def step_processes(name: str, preload: Sequence[str]) -> dg.ExecutorDefinition:
    """Return an executor that forks its steps from a server with ``preload`` imported.

    ``execution: {config: {in_process: true}}`` in a run's configuration runs the steps one after the
    other in the run's own process instead, which suits steps too light to be worth a process.
    """

    def configure(config: dict[str, bool]) -> dict[str, object]:
        if config["in_process"]:
            return {"in_process": {}}
        return {
            "multiprocess": {
                "max_concurrent": os.cpu_count() or 1,
                "start_method": {"forkserver": {"preload_modules": list(preload)}},
            }
        }

    return dg.multi_or_in_process_executor.configured(
        configure, name=name, config_schema={"in_process": dg.Field(bool, default_value=False)}
    )


daily_executor = step_processes("daily_steps", DAILY_MODULES)
training_executor = step_processes("training_steps", TRAINING_MODULES)
