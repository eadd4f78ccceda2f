"""Which failures of a step are repeated, and what is said of a step whose process died."""

from collections.abc import Iterator

import dagster as dg
import pytest

from stock_assets.defs.crash_reports import crash_report
from stock_assets.defs.failures import repeats_what_may_pass
from stock_assets.errors import BadPayload, OutdatedRun, RateLimited, SourceUnavailable
from stock_assets.processes import Memory

MIB = 1024**2
TWICE = dg.RetryPolicy(max_retries=2)


def attempts(error: Exception, *, generator: bool) -> tuple[int, dg.ExecuteInProcessResult]:
    """Return how often a step was tried that raises an error, and the run."""
    tried = []

    @dg.asset(retry_policy=TWICE, name="step")
    @repeats_what_may_pass
    def plain(context: dg.AssetExecutionContext) -> None:
        tried.append(context.retry_number)
        raise error

    @dg.multi_asset(specs=[dg.AssetSpec("one"), dg.AssetSpec("two")], retry_policy=TWICE, name="step")
    @repeats_what_may_pass
    def yielding(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        tried.append(context.retry_number)
        if not tried:
            yield dg.MaterializeResult(asset_key="one")
        raise error

    result = dg.materialize([yielding if generator else plain], raise_on_error=False)
    assert not result.success
    return len(tried), result


@pytest.mark.parametrize("generator", [False, True])
@pytest.mark.parametrize(
    ("error", "times"),
    [
        (SourceUnavailable("away"), 3),
        (RateLimited("slowly"), 3),
        (BadPayload("no bars"), 1),
        (OutdatedRun("older"), 1),
        (ValueError("whatever"), 3),
        (dg.Failure("told", allow_retries=False), 1),
    ],
)
def test_only_what_may_pass_is_tried_again(error: Exception, times: int, generator: bool) -> None:
    assert attempts(error, generator=generator)[0] == times


def test_the_sentence_of_a_final_error_is_the_failures() -> None:
    _, result = attempts(BadPayload("The answer has no bars."), generator=False)
    data = result.failure_data_for_node("step")
    assert data is not None and data.error is not None
    assert data.user_failure_data is not None
    assert data.user_failure_data.description == "The answer has no bars."
    assert data.error.cause is not None
    assert data.error.cause.message == "stock_assets.errors.BadPayload: The answer has no bars.\n"


def test_a_function_that_returns_and_one_that_yields_stay_what_they_are() -> None:
    @dg.asset
    @repeats_what_may_pass
    def kept(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"run": context.run.run_id})

    result = dg.materialize([kept])
    (event,) = result.asset_materializations_for_node("kept")
    assert event.metadata["run"].value == result.run_id


def test_a_crash_says_signal_memory_and_last_words() -> None:
    report = crash_report(
        "stage1_model__us", -11, Memory(100 * MIB, 2048 * MIB), ["epoch 1", "x" * 999], ["bad"]
    )
    assert report.splitlines() == [
        "stage1_model/us: the process of the step was ended by signal 11 (SIGSEGV); it last held 100 MiB (at "
        "the most 2,048 MiB) of memory.",
        "Last lines of its log:",
        "  epoch 1",
        "  " + "x" * 300,
        "of its standard error:",
        "  bad",
    ]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (-9, "signal 9 (SIGKILL), as the system does when the memory is used up; how much memory"),
        (-64 - 30, "signal 94 (unknown); "),
        (3, "ended by itself with the status 3 and without a result; "),
        (0, "ended by itself with the status 0 and without a result; "),
        (None, "ended by itself with the status None and without a result; "),
    ],
)
def test_every_end_has_a_name(code: int | None, said: str) -> None:
    report = crash_report("a", code, None, [], [])
    assert said in report and report.endswith(" it held was not seen.")
