"""How steps run: each in a process of its own, as many at once as there are cores.

The processes are forked from a server that has imported the heavy packages once, which takes half a
second a step instead of several. That is safe because the server only imports: a process that has run a
torch operation must not be forked.

A run is watched over for as long as its steps run, and the crash of a step's process is a failure of that
step which says what is known of it.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg
from dagster._core.definitions.executor_definition import check_cross_process_constraints
from dagster._core.execution.context.system import IStepContext, PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.child_process_executor import ChildProcessCrashException
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.executor.multiprocess import MultiprocessExecutor
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG
from dagster._utils.error import serializable_error_info_from_exc_info
from dagster_shared.error import SerializableErrorInfo

from stock_assets.defs.crash_reports import crash_report, last_error_lines, last_log_lines
from stock_assets.defs.kill_proof_events import START_METHOD, kill_proof_events
from stock_assets.defs.run_supervision import RunSupervision
from stock_assets.errors import StepCrashed
from stock_assets.pipeline.deployment import current_deployment

_TRAINING_STEPS = ("stage1_model", "sharpe_net_model")
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


class StepProcesses(MultiprocessExecutor):
    """Dagster's executor of processes, with what is known of a crash in the failure of its step."""

    _supervision: RunSupervision

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Run the steps, and watch over them."""
        if any(step.partition("__")[0] in _TRAINING_STEPS for step in execution_plan.step_keys_to_execute):
            self._limit_training(plan_context)
        with (
            kill_proof_events(),
            RunSupervision.of(plan_context.instance, plan_context.run_id) as self._supervision,
        ):
            for event in super().execute(plan_context, execution_plan):
                self._supervision.note(event)
                yield event

    def _limit_training(self, plan_context: PlanOrchestrationContext) -> None:
        """Give a run that trains its own limits, also if it was started from a selection of assets."""
        operations = current_deployment().universe.operations
        self._max_concurrent = operations.training_processes or os.cpu_count() or 1
        if MAX_RUNTIME_SECONDS_TAG not in plan_context.dagster_run.tags:
            seconds = str(int(operations.training_time_limit.total_seconds()))
            plan_context.instance.add_run_tags(plan_context.run_id, {MAX_RUNTIME_SECONDS_TAG: seconds})

    def log_failure_or_retry_event_after_error(
        self, step_context: IStepContext, err_info: SerializableErrorInfo, known_state: KnownExecutionState
    ) -> dg.DagsterEvent:
        """Say more of a crash than Dagster does, and let its retry policy decide as ever."""
        crash = sys.exc_info()[1]
        if isinstance(crash, ChildProcessCrashException):
            err_info = self._described(step_context, crash)
        return super().log_failure_or_retry_event_after_error(step_context, err_info, known_state)

    def _described(
        self, step_context: IStepContext, crash: ChildProcessCrashException
    ) -> SerializableErrorInfo:
        instance, run_id, step = step_context.instance, step_context.run_id, step_context.step.key
        report = crash_report(
            step,
            crash.exit_code,
            self._supervision.last_memory(crash.pid),
            last_log_lines(instance, run_id, step),
            last_error_lines(instance, run_id, step),
        )
        try:
            raise StepCrashed(report) from crash
        except StepCrashed:
            return serializable_error_info_from_exc_info(sys.exc_info())


class OwnProcess(InProcessExecutor):
    """Dagster's executor in the run's own process."""

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Run the steps one after the other, and watch over the run."""
        with RunSupervision.of(plan_context.instance, plan_context.run_id):
            yield from super().execute(plan_context, execution_plan)


def step_processes(name: str, preload: Sequence[str]) -> dg.ExecutorDefinition:
    """Return an executor that forks its steps from a server with ``preload`` imported.

    ``execution: {config: {in_process: true}}`` in a run's configuration runs the steps one after the
    other in the run's own process instead, which suits steps too light to be worth a process.
    """

    def create(context: dg.InitExecutorContext) -> StepProcesses | OwnProcess:
        if context.executor_config["in_process"]:
            return OwnProcess(retries=RetryMode.ENABLED)
        check_cross_process_constraints(context)
        return StepProcesses(
            retries=RetryMode.ENABLED,
            max_concurrent=os.cpu_count() or 1,
            start_method=START_METHOD,
            explicit_forkserver_preload=list(preload),
        )

    def requirements(config: Mapping[str, object]) -> Sequence[dg.ExecutorRequirement]:
        return [] if config["in_process"] else dg.multiple_process_executor_requirements()

    schema = {"in_process": dg.Field(bool, default_value=False)}
    return dg.executor(name=name, config_schema=schema, requirements=requirements)(create)


def own_process() -> dg.ExecutorDefinition:
    """Return an executor for steps that are too light for processes of their own.

    Dagster's own one would not be watched over, and a run without a heartbeat counts as dead.
    """
    return dg.executor(name="own_process")(lambda _: OwnProcess(retries=RetryMode.ENABLED))


daily_executor = step_processes("daily_steps", DAILY_MODULES)
training_executor = step_processes("training_steps", TRAINING_MODULES)
own_process_executor = own_process()
