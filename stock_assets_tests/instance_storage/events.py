"""Event log entries made by hand."""

from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.events import (
    AssetMaterializationPlannedData,
    AssetObservationData,
    DagsterEvent,
    StepMaterializationData,
)

RUN_ID = "00000000-0000-4000-8000-000000000000"
JOB = "daily"


def materialization(
    asset: str, partition: str | None = None, tags: Mapping[str, str] | None = None, **entry: object
) -> dg.EventLogEntry:
    """Return the event of a materialization."""
    happened = dg.AssetMaterialization(asset, partition=partition, tags=tags, metadata={"rows": 13})
    return _entry("ASSET_MATERIALIZATION", StepMaterializationData(happened), **entry)


def observation(
    asset: str, partition: str | None = None, tags: Mapping[str, str] | None = None, **entry: object
) -> dg.EventLogEntry:
    """Return the event of an observation."""
    seen = dg.AssetObservation(asset, partition=partition, tags=tags)
    return _entry("ASSET_OBSERVATION", AssetObservationData(seen), **entry)


def planned(asset: str, partition: str | None = None, **entry: object) -> dg.EventLogEntry:
    """Return the event of a planned materialization."""
    plan = AssetMaterializationPlannedData(dg.AssetKey(asset), partition, None)
    return _entry("ASSET_MATERIALIZATION_PLANNED", plan, **entry)


def planned_check(asset: str, name: str, **entry: object) -> dg.EventLogEntry:
    """Return the event of a planned asset check."""
    plan = AssetCheckEvaluationPlanned(asset_key=dg.AssetKey(asset), check_name=name)
    return _entry("ASSET_CHECK_EVALUATION_PLANNED", plan, **entry)


def step_start(**entry: object) -> dg.EventLogEntry:
    """Return an event that no batch may hold."""
    return _entry("STEP_START", None, **entry)


def run_success() -> DagsterEvent:
    """Return the event of a run that has succeeded, as its storage is told it."""
    return DagsterEvent("PIPELINE_SUCCESS", JOB, message="Finished.")


def _entry(
    event_type: str, data: object, *, run_id: str = RUN_ID, timestamp: float = 1_640_995_200.5
) -> dg.EventLogEntry:
    return dg.EventLogEntry(
        error_info=None,
        level=10,
        user_message="",
        run_id=run_id,
        timestamp=timestamp,
        step_key="step",
        job_name=JOB,
        dagster_event=DagsterEvent(
            event_type, JOB, step_key="step", event_specific_data=data, message=f"{event_type} of step"
        ),
    )
