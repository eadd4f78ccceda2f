"""What the pages of Dagster's UI ask for, by the GraphQL schema that the webserver serves."""

import asyncio

import dagster as dg
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster_graphql.schema import create_schema

from stock_assets_tests.instance_storage.readbacks import without_clock

SCHEMA = create_schema()
ASSETS_PAGE = """
{
  assetNodes {
    assetKey { path }
    partitionStats { numMaterialized numFailed numMaterializing numPartitions }
    assetPartitionStatuses {
      ... on TimePartitionStatuses { ranges { status startKey endKey } }
      ... on DefaultPartitionStatuses { materializedPartitions failedPartitions materializingPartitions }
      ... on MultiPartitionStatuses {
        ranges {
          primaryDimStartKey primaryDimEndKey
          secondaryDim { ... on DefaultPartitionStatuses { materializedPartitions failedPartitions } }
        }
      }
    }
    latestMaterializationByPartition { runId partition stepKey tags { key value } }
    assetMaterializations(limit: 4) {
      runId partition stepKey
      metadataEntries { label __typename }
      assetLineage { assetKey { path } }
    }
    assetObservations(limit: 4) { runId partition metadataEntries { label } }
    assetChecksOrError {
      ... on AssetChecks {
        checks {
          name
          executionForLatestMaterialization { runId status evaluation { success metadataEntries { label } } }
        }
      }
    }
  }
}
"""
CATALOG_PAGE = """
{
  assetsOrError {
    ... on AssetConnection { nodes { key { path } assetMaterializations(limit: 1) { runId } } }
  }
}
"""
LATEST_INFO = """
query($keys: [AssetKeyInput!]!) {
  assetsLatestInfo(assetKeys: $keys) {
    assetKey { path }
    latestMaterialization { runId partition }
    latestRun { runId status }
    unstartedRunIds
    inProgressRunIds
  }
}
"""
RUNS_PAGE = """
{
  runsOrError(limit: 100) {
    ... on Runs {
      results {
        runId status jobName
        tags { key value }
        stats { ... on RunStatsSnapshot { stepsSucceeded stepsFailed materializations expectations } }
        stepStats { stepKey status attempts { __typename } materializations { label } }
        assetMaterializations { partition assetKey { path } }
        assetCheckEvaluations: assetChecks { name assetKey { path } }
      }
    }
  }
}
"""
RUN_PAGE = """
query($run: ID!, $cursor: String) {
  logsForRun(runId: $run, afterCursor: $cursor, limit: 8) {
    ... on EventConnection {
      hasMore cursor
      events {
        __typename
        ... on MessageEvent { message stepKey level }
        ... on MaterializationEvent { partition assetKey { path } }
        ... on AssetMaterializationPlannedEvent { assetKey { path } }
      }
    }
  }
}
"""


def all_pages(instance: dg.DagsterInstance) -> dict[str, object]:
    """Return the answers to what the pages of assets, catalog, runs and of each run ask for."""
    module = "stock_assets_tests.instance_storage.jobs"
    origin = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(module_name=module, attribute="defs"), location_name="tests"
    )
    with WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as context:
        nodes = _ask(context, ASSETS_PAGE)
        keys = [{"path": node["assetKey"]["path"]} for node in nodes["assetNodes"]]
        return {
            "assets": nodes,
            "catalog": _ask(context, CATALOG_PAGE),
            "latest": _ask(context, LATEST_INFO, {"keys": keys}),
            "runs": _ask(context, RUNS_PAGE),
            "logs": {
                run_id: _log(context, run_id) for run_id in sorted(r.run_id for r in instance.get_runs())
            },
        }


def _log(context: WorkspaceProcessContext, run_id: str) -> list[object]:
    pages: list[object] = []
    cursor = None
    while True:
        page = _ask(context, RUN_PAGE, {"run": run_id, "cursor": cursor})["logsForRun"]
        pages.append(page)
        cursor = page["cursor"]
        if not page["hasMore"]:
            return pages


def _ask(context: WorkspaceProcessContext, query: str, variables: dict[str, object] | None = None) -> dict:
    result = asyncio.run(
        SCHEMA.execute_async(query, context_value=context.create_request_context(), variable_values=variables)
    )
    if result.errors:
        raise result.errors[0]
    answer = without_clock(result.data)
    if not isinstance(answer, dict):
        raise TypeError(f"GraphQL answered {result.data!r}")
    return answer
