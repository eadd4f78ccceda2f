"""How a source on the network is asked: patiently, and by one process at a time."""

import logging
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import tenacity

from stock_assets.config.instruments import Instrument
from stock_assets.config.sources import RequestSettings
from stock_assets.errors import RateLimited, SourceUnavailable
from stock_assets.market_data.source import PriceSource
from stock_assets.market_data.source_lock import source_lock

_log = logging.getLogger(__name__)


class PatientSource:
    """A source that is asked again when it could not answer, and left alone for as long as it asks for.

    Rate limits and outages are worth another request, everything else is the same the next time. Pauses
    double, and the second half of each is random, so that processes that failed together do not return
    together. A lock of the machine is held during a request, not during a pause.

    Parameters
    ----------
    source : PriceSource
        Makes one request each time.
    requests : RequestSettings
        How often and how patiently it is asked.
    lock_dir : Path
        Folder of the locks that all universes of the machine share.
    sleep : callable
        Waits for some seconds.
    clock : callable
        Seconds since any moment, which never go back.
    """

    def __init__(
        self,
        source: PriceSource,
        requests: RequestSettings,
        lock_dir: Path,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._requests = requests
        self._lock_dir = lock_dir
        self._sleep = sleep
        self._clock = clock
        self._longest_wait = requests.longest_wait.total_seconds()
        #: When the source may be asked again, by the clock.
        self._alone_until = clock()
        half = {"multiplier": requests.first_wait.total_seconds() / 2, "max": self._longest_wait / 2}
        self._backoff = tenacity.wait_exponential(**half) + tenacity.wait_random_exponential(**half)

    @property
    def name(self) -> str:
        """Name of the source in ``universe.yaml`` and on every bar that it gave."""
        return self._source.name

    def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
        """Return the bars of the sessions from ``first`` to ``last``, as the source says them.

        Raises
        ------
        SourceError
            What the source said last. A source that wants to be left alone for longer than ``longest_wait``
            is given up at once, and refused without a request until that time is over.
        """

        def announce(state: tenacity.RetryCallState) -> None:
            _log.warning(
                "Request %d of %d for %s failed; %r is asked again in %.1f s: %s",
                state.attempt_number,
                self._requests.attempts,
                instrument.id,
                self.name,
                state.next_action.sleep if state.next_action else 0.0,
                " ".join(str(_error_of(state)).split()),
            )

        patiently = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._requests.attempts),
            retry=tenacity.retry_if_exception(self._is_worth_another),
            wait=self._wait,
            sleep=self._sleep,
            before_sleep=announce,
            reraise=True,
        )
        return patiently(self._request, instrument, symbol, first, last)

    def _request(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
        pause = self._alone_until - self._clock()
        if pause > 0:
            raise RateLimited(
                f"instruments.{instrument.id}: the source {self.name!r} was not asked, since it wants to be "
                f"left alone for another {pause:.0f} seconds; run again after that.",
                pause,
            )
        with source_lock(self._lock_dir, self.name):
            try:
                return self._source.fetch(instrument, symbol, first, last)
            except RateLimited as error:
                self._alone_until = self._clock() + (error.retry_after or 0.0)
                raise

    def _is_worth_another(self, error: BaseException) -> bool:
        return isinstance(error, SourceUnavailable) and _wanted_pause(error) <= self._longest_wait

    def _wait(self, state: tenacity.RetryCallState) -> float:
        return max(self._backoff(state), _wanted_pause(_error_of(state)))


def _error_of(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _wanted_pause(error: BaseException | None) -> float:
    """Return the seconds that the source wants to be left alone."""
    return (error.retry_after or 0.0) if isinstance(error, RateLimited) else 0.0
