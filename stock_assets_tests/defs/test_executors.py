"""How many steps run at once, and for how long a run may take, whatever has started it."""

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.multiprocess import MultiprocessExecutor

from stock_assets.config.operations import Operations
from stock_assets.defs import executors
from stock_assets.defs.executors import StepProcesses


@dg.job
def empty() -> None:
    """Without steps."""


@pytest.mark.parametrize(
    ("step", "tags", "processes", "limit"),
    [
        ("stage1_model__kor", {}, 3, "18000"),
        ("sharpe_net_model", {}, 3, "18000"),
        ("stage1_model__kor", {"dagster/max_runtime": "60"}, 3, "60"),
        ("close_prices", {}, 7, None),
    ],
)
def test_a_run_that_trains_has_limits_of_its_own(
    monkeypatch: pytest.MonkeyPatch, step: str, tags: dict[str, str], processes: int, limit: str | None
) -> None:
    """A selection of assets that the UI materializes has neither the job's executor nor its tags."""
    seen: list[int] = []

    def execute(self: MultiprocessExecutor, *_: object) -> Iterator[Any]:
        seen.append(self._max_concurrent)
        yield from ()

    operations = Operations(training_processes=3, training_time_limit=timedelta(hours=5))
    deployment = SimpleNamespace(universe=SimpleNamespace(operations=operations))
    monkeypatch.setattr(executors, "current_deployment", lambda: deployment)
    monkeypatch.setattr(executors.RunSupervision, "of", lambda *_: nullcontext())
    monkeypatch.setattr(MultiprocessExecutor, "execute", execute)
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(empty, tags=tags)
        context = SimpleNamespace(instance=instance, run_id=run.run_id, dagster_run=run)
        plan = SimpleNamespace(step_keys_to_execute=[step])
        executor = StepProcesses(retries=RetryMode.ENABLED, max_concurrent=7, start_method="forkserver")
        list(executor.execute(cast(Any, context), cast(Any, plan)))
        stored = instance.get_run_by_id(run.run_id)
    assert stored is not None
    assert (seen, stored.tags.get("dagster/max_runtime")) == ([processes], limit)
