"""Everything that Dagster reads back from its event log, in a form that two storages can be compared by."""

import json
import re
from collections.abc import Iterator, Sequence

import dagster as dg
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from dagster._serdes import serialize_value

from stock_assets_tests.instance_storage.jobs import defs

ASSET_EVENT_TYPES = (
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_OBSERVATION,
)
DATA_VERSION_TAG = "dagster/data_version"
# What differs between two executions of the same run, wherever it is stored; the log key is random.
_CLOCK_KEYS = frozenset(
    {
        "log_key",
        "timestamp",
        "start_time",
        "end_time",
        "duration_ms",
        "last_materialization_timestamp",
        "create_timestamp",
    }
)
_DURATION = re.compile(r"\b\d+(\.\d+)?(ms|s)\b")
_PROCESS = re.compile(r"pid: \d+|process \d+")


def plain(value: object) -> object:
    """Return any value of Dagster's as plain data, without clock times, durations and process ids."""
    return without_clock(json.loads(serialize_value(value)))


def without_clock(value: object) -> object:
    """Return plain data without what differs between two executions of the same run."""
    if isinstance(value, dict):
        return {key: without_clock(item) for key, item in value.items() if key not in _CLOCK_KEYS}
    if isinstance(value, list):
        return [without_clock(item) for item in value]
    if isinstance(value, str):
        return _PROCESS.sub("process", _DURATION.sub("duration", value))
    return value


def records(found: Sequence[dg.EventLogRecord]) -> list[object]:
    """Return event records with their ids."""
    return [(record.storage_id, plain(record.event_log_entry)) for record in found]


def asset_keys() -> list[dg.AssetKey]:
    """Return the keys of all assets, and of one that is only known by its events."""
    return [*sorted(defs.resolve_asset_graph().get_all_asset_keys()), dg.AssetKey("outside")]


def of_runs(instance: dg.DagsterInstance) -> dict[str, object]:
    """Read all runs: status and tags, log from the start and from the middle, statistics."""
    found: dict[str, object] = {}
    for run in sorted(instance.get_runs(), key=lambda run: run.run_id):
        log = instance.get_records_for_run(run.run_id)
        middle = len(log.records) // 2
        rest = instance.get_records_for_run(run.run_id, cursor=_cursor_at(instance, run.run_id, middle))
        stats = instance.get_run_stats(run.run_id)
        found[run.run_id] = {
            "run": (run.job_name, run.status.value, dict(run.tags)),
            "log": records(log.records),
            "cursor": log.cursor,
            "rest": records(rest.records),
            "stats": (stats.steps_succeeded, stats.steps_failed, stats.materializations),
            "steps": [
                (step.step_key, str(step.status), step.attempts)
                for step in instance.get_run_step_stats(run.run_id)
            ],
            "partitions": {
                str(event_type): {
                    key.to_user_string(): sorted(map(str, partitions))
                    for key, partitions in instance.event_log_storage.get_asset_partitions_for_run(
                        run.run_id, event_type
                    ).items()
                }
                for event_type in ASSET_EVENT_TYPES
            },
        }
    return found


def _cursor_at(instance: dg.DagsterInstance, run_id: str, count: int) -> str:
    return instance.get_records_for_run(run_id, limit=count).cursor


def of_asset(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, object]:
    """Read everything that is known of one asset: events in pages, latest ones, partitions, tags, status."""
    log = instance.event_log_storage
    node = defs.resolve_asset_graph()
    definition = node.get(key).partitions_def if node.has(key) else None
    found: dict[str, object] = {
        "events": [records(list(_in_pages(instance, key, event_type))) for event_type in ASSET_EVENT_TYPES],
        "summaries": [
            [
                (s.storage_id, s.run_id, s.partition)
                for s in log.get_asset_event_summary_records(event_type, key)
            ]
            for event_type in ASSET_EVENT_TYPES
        ],
        "record": [_asset_record(record) for record in instance.get_asset_records([key])],
        "latest": plain(instance.get_latest_materialization_event(key)),
        "planned": _planned(instance, key),
        "materialized": sorted(instance.get_materialized_partitions(key)),
        "ids": [log.get_latest_storage_id_by_partition(key, event_type) for event_type in ASSET_EVENT_TYPES],
        "tags": [
            log.get_latest_tags_by_partition(key, event_type, [DATA_VERSION_TAG])
            for event_type in ASSET_EVENT_TYPES[1:]
        ],
        "event tags": sorted(str(sorted(tags.items())) for tags in instance.get_event_tags_for_asset(key)),
        "attempts": log.get_latest_asset_partition_materialization_attempts_without_materializations(key),
    }
    if definition is not None:
        keys = definition.get_partition_keys(dynamic_partitions_store=instance)
        found["status"] = instance.get_status_by_partition(key, keys, definition)
        cache = get_and_update_asset_status_cache_value(instance, key, definition)
        found["cache"] = plain(cache) if cache else None
    return found


def _in_pages(
    instance: dg.DagsterInstance, key: dg.AssetKey, event_type: dg.DagsterEventType
) -> Iterator[dg.EventLogRecord]:
    cursor = None
    while True:
        if event_type is dg.DagsterEventType.ASSET_MATERIALIZATION:
            page = instance.fetch_materializations(key, limit=5, cursor=cursor, ascending=True)
        elif event_type is dg.DagsterEventType.ASSET_OBSERVATION:
            page = instance.fetch_observations(key, limit=5, cursor=cursor, ascending=True)
        else:
            filter_ = dg.EventRecordsFilter(event_type, asset_key=key)
            yield from instance.event_log_storage.get_event_records(filter_, ascending=True)
            return
        yield from page.records
        cursor = page.cursor
        if not page.has_more:
            return


def _asset_record(record: object) -> object:
    entry = record.asset_entry
    return {
        "key": entry.asset_key.to_user_string(),
        "last run": entry.last_run_id,
        "last materialization": entry.last_materialization_storage_id,
        "last observation": plain(entry.last_observation_record) if entry.last_observation_record else None,
        "event": plain(entry.last_materialization) if entry.last_materialization else None,
        "has timestamp": bool(entry.last_materialization_record),
    }


def _planned(instance: dg.DagsterInstance, key: dg.AssetKey) -> object:
    info = instance.event_log_storage.get_latest_planned_materialization_info(key)
    return None if info is None else (info.storage_id, info.run_id)


def of_checks(instance: dg.DagsterInstance) -> dict[str, object]:
    """Read all asset checks: executions in order, and the summary."""
    log = instance.event_log_storage
    keys = sorted(defs.resolve_asset_graph().asset_check_keys)
    found: dict[str, object] = {
        str(key): [
            (record.id, record.run_id, record.status.value, plain(record.event))
            for record in log.get_asset_check_execution_history(key, limit=50)
        ]
        for key in keys
    }
    summaries = log.get_asset_check_summary_records(keys)
    found["summaries"] = {
        str(key): (summary.last_run_id, bool(summary.last_check_execution_record))
        for key, summary in summaries.items()
    }
    return found


def everything(instance: dg.DagsterInstance) -> dict[str, object]:
    """Read back all that the instance knows."""
    changes = instance.fetch_run_status_changes(dg.DagsterEventType.RUN_SUCCESS, limit=100)
    return {
        "runs": of_runs(instance),
        "assets": {key.to_user_string(): of_asset(instance, key) for key in asset_keys()},
        "checks": of_checks(instance),
        "known assets": [key.to_user_string() for key in instance.all_asset_keys()],
        "status changes": records(changes.records),
        "newest id": instance.event_log_storage.get_maximum_record_id(),
        "dynamic partitions": instance.get_dynamic_partitions("universes"),
    }
