"""How many steps run at once, and for how long a run may take, whatever has started it."""

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.multiprocess import MultiprocessExecutor

from stock_assets.config.operations import Operations
from stock_assets.defs import executors
from stock_assets.defs.executors import StepProcesses
from stock_assets_tests.defs.environments import definitions_of
from stock_assets_tests.pipeline.simulation import Simulation
from stock_assets_tests.pipeline.test_due_days import NEW_YORK


@dg.job
def empty() -> None:
    """Without steps."""


def test_every_job_is_watched_over(tmp_path: Path) -> None:
    """A run that is not says nothing, and counts as dead after two minutes although it lives."""
    tables = tmp_path / "tables"
    tables.mkdir()
    simulation = Simulation.install(
        tmp_path, "kospi", datetime.now(UTC), tables, start=date(2026, 3, 9), instruments=[NEW_YORK]
    )
    with definitions_of(simulation.variables) as defs:
        jobs = list(defs.get_repository_def().get_all_jobs())
    assert {"daily", "training", "history", "freshness", "predict_on_demand"} <= {job.name for job in jobs}
    watched = (executors.daily_executor, executors.training_executor, executors.own_process_executor)
    assert [job.name for job in jobs if job.executor_def not in watched] == []


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
