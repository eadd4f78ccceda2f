"""A code location whose steps crash and hang, run by the package's executor, launcher and database.

A file in the folder of requests asks for a run of the job that it is named after. Steps say in files of their
own that they have begun, and with which process.
"""

import ctypes
import os
import signal
import time
from pathlib import Path

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from stock_assets.defs.executors import step_processes
from stock_assets.defs.resources import DatabaseResource
from stock_assets.processes import end_with_parent
from stock_assets.storage.run_workers import fence_run

FOLDER_VARIABLE = "STOCK_ASSETS_TEST_FOLDER"
PATIENCE_SECONDS = 300
FOLDER = Path(os.environ.get(FOLDER_VARIABLE, "."))

executor = step_processes("crashing_steps", ("stock_assets_tests.defs.crashing",))
at_once = dg.RetryPolicy(max_retries=1)


def begin(context: dg.AssetExecutionContext, name: str) -> bool:
    """Say that a step has begun; return whether it is the first time."""
    path = FOLDER / "begun" / name
    first = not path.exists()
    path.write_text(f"{context.run.run_id} {os.getpid()}", encoding="ascii")
    return first


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody made {path}")
        time.sleep(0.05)


@dg.asset(retry_policy=at_once)
def faulty(context: dg.AssetExecutionContext) -> None:
    if begin(context, "faulty"):
        context.log.info("about to read what nobody may read")
        # Until the process has been seen, which happens once a second.
        time.sleep(2.5)
        ctypes.string_at(0)


@dg.asset(retry_policy=at_once)
def healthy(context: dg.AssetExecutionContext) -> None:
    begin(context, "healthy")


@dg.asset
def patient(context: dg.AssetExecutionContext, database: DatabaseResource) -> None:
    begin(context, f"patient-{context.run.run_id}")
    wait_for(FOLDER / "go_on")
    with database.engine.begin() as connection:
        fence_run(connection, context.run.run_id)


@dg.asset
def deaf(context: dg.AssetExecutionContext) -> None:
    # As code inside a library is: it answers to no signal that can be answered.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    begin(context, "deaf")
    while True:
        try:
            time.sleep(1)
        except BaseException:
            continue


def job(name: str, *assets: str, **tags: str) -> UnresolvedAssetJobDefinition:
    selection = dg.AssetSelection.assets(*assets)
    return dg.define_asset_job(name, selection=selection, executor_def=executor, tags=tags)


jobs = [
    job("crashing", "faulty", "healthy"),
    job("waiting", "patient"),
    job("hanging", "deaf", **{"dagster/max_runtime": "20"}),
]


@dg.sensor(jobs=jobs, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
def requests(context: dg.SensorEvaluationContext):
    for path in sorted((FOLDER / "requests").iterdir()):
        yield dg.RunRequest(run_key=path.name, job_name=path.name.partition("-")[0])


@dg.definitions
def defs() -> dg.Definitions:
    end_with_parent()
    return dg.Definitions(
        assets=[faulty, healthy, patient, deaf],
        jobs=jobs,
        sensors=[requests],
        resources={"database": DatabaseResource()},
    )
