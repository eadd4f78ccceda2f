"""Which failures of a step are worth a second attempt."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

import dagster as dg

from stock_assets.errors import SourceUnavailable, StockAssetsError
from stock_assets.pipeline.deployment import Deployment

_Compute = TypeVar("_Compute", bound=Callable[..., Any])


def step_retries(deployment: Deployment) -> dg.RetryPolicy:
    """Return how often a step is repeated after a crash or an error that may pass."""
    operations = deployment.universe.operations
    return dg.RetryPolicy(
        max_retries=operations.step_retries,
        delay=operations.step_retry_delay.total_seconds(),
        backoff=dg.Backoff.EXPONENTIAL,
        jitter=dg.Jitter.PLUS_MINUS,
    )


def repeats_what_may_pass(compute: _Compute) -> _Compute:
    """Let a step fail at once of what this package refuses; only a source that may come back is asked again.

    What is no `StockAssetsError` is left to the retry policy: nobody knows whether it passes.
    """

    @wraps(compute)
    def results(*arguments: Any, **settings: Any) -> Iterator[Any]:
        with _final_errors():
            yield from compute(*arguments, **settings)

    @wraps(compute)
    def result(*arguments: Any, **settings: Any) -> Any:
        with _final_errors():
            return compute(*arguments, **settings)

    return cast(_Compute, results if inspect.isgeneratorfunction(compute) else result)


@contextmanager
def _final_errors() -> Iterator[None]:
    try:
        yield
    except SourceUnavailable:
        raise
    except StockAssetsError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
