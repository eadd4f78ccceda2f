"""A source is asked again when that may help, after pauses that it can live with, and not otherwise."""

import logging
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stock_assets.config.instruments import Instrument
from stock_assets.config.sources import RequestSettings
from stock_assets.errors import (
    BadPayload,
    MissingKey,
    NoDataForWindow,
    RateLimited,
    SourceError,
    SourceUnavailable,
    UnknownSymbol,
)
from stock_assets.market_data.patient_source import PatientSource
from stock_assets.market_data.source_lock import source_lock
from stock_assets_tests.market_data.asking import MONDAY, ScriptedSource
from stock_assets_tests.market_data.bars import instrument

# A lock file is the same whatever is asked under it.
same_folder = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Time:
    """Goes on only while somebody sleeps."""

    def __init__(self, during: Callable[[], object] = lambda: None) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self._during = during

    def sleep(self, seconds: float) -> None:
        self._during()
        self.pauses.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


def requests(attempts: int = 3, first_wait: float = 2, longest_wait: float = 30) -> RequestSettings:
    return RequestSettings(
        attempts=attempts,
        first_wait=timedelta(seconds=first_wait),
        longest_wait=timedelta(seconds=longest_wait),
    )


def patient(
    source: ScriptedSource, time: Time, lock_dir: Path, wishes: RequestSettings | None = None
) -> PatientSource:
    return PatientSource(source, wishes or requests(), lock_dir, sleep=time.sleep, clock=time.clock)


def ask(source: PatientSource, name: str = "x") -> list[float]:
    return source.fetch(instrument(name=name), "X", MONDAY, MONDAY)["close"].tolist()


def test_an_outage_that_ends_costs_a_pause_and_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, time = ScriptedSource("yahoo", SourceUnavailable("It is\ndown."), 1.5), Time()
    asked = patient(source, time, tmp_path)
    assert asked.name == "yahoo"
    assert ask(asked) == [1.5]
    assert source.asked == ["X", "X"]
    (pause,) = time.pauses
    assert 1 <= pause <= 2
    assert caplog.record_tuples == [
        (
            "stock_assets.market_data.patient_source",
            logging.WARNING,
            f"Request 1 of 3 for x failed; 'yahoo' is asked again in {pause:.1f} s: It is down.",
        )
    ]


def test_an_outage_that_stays_is_what_the_source_said_last(tmp_path: Path) -> None:
    last = SourceUnavailable("The third.")
    outages = [SourceUnavailable("The first."), RateLimited("The second."), last]
    source, time = ScriptedSource("yahoo", *outages), Time()
    with pytest.raises(SourceUnavailable) as caught:
        ask(patient(source, time, tmp_path))
    assert caught.value is last
    assert len(source.asked) == 3
    assert len(time.pauses) == 2


@pytest.mark.parametrize("error", [NoDataForWindow, UnknownSymbol, MissingKey, BadPayload])
def test_what_would_be_the_same_the_next_time_is_not_asked_again(
    tmp_path: Path, error: type[SourceError]
) -> None:
    source, time = ScriptedSource("yahoo", error("No."), 1.5), Time()
    with pytest.raises(error, match="No"):
        ask(patient(source, time, tmp_path))
    assert source.asked == ["X"]
    assert time.pauses == []


def test_a_mistake_in_a_source_is_not_an_outage(tmp_path: Path) -> None:
    class Broken(ScriptedSource):
        def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
            super().fetch(instrument, symbol, first, last)
            raise TypeError

    source, time = Broken("yahoo", 1.5), Time()
    with pytest.raises(TypeError):
        ask(patient(source, time, tmp_path))
    assert (source.asked, time.pauses) == (["X"], [])


@same_folder
@given(
    attempts=st.integers(1, 10),
    first_wait=st.floats(0.001, 1000),
    longest_wait=st.floats(0.001, 1000),
)
def test_pauses_double_up_to_the_longest_and_lose_at_most_a_half(
    tmp_path: Path, attempts: int, first_wait: float, longest_wait: float
) -> None:
    wishes = requests(attempts, first_wait, longest_wait)
    source, time = ScriptedSource("yahoo", SourceUnavailable("Down.")), Time()
    with pytest.raises(SourceUnavailable):
        ask(patient(source, time, tmp_path, wishes))
    assert len(source.asked) == attempts
    first, longest = wishes.first_wait.total_seconds(), wishes.longest_wait.total_seconds()
    greatest = [min(first * 2**place, longest) for place in range(attempts - 1)]
    for pause, most in zip(time.pauses, greatest, strict=True):
        assert most / 2 * (1 - 1e-9) <= pause <= most * (1 + 1e-9)


def test_pauses_differ(tmp_path: Path) -> None:
    source, time = ScriptedSource("yahoo", SourceUnavailable("Down.")), Time()
    for _ in range(10):
        with pytest.raises(SourceUnavailable):
            ask(patient(source, time, tmp_path, requests(attempts=2)))
    assert len(set(time.pauses)) > 5
    assert min(time.pauses) < 1.5 < max(time.pauses), "ten of either half are one in a thousand"


@same_folder
@given(wanted=st.floats(0, 30), attempts=st.integers(2, 4))
def test_a_pause_that_the_source_asks_for_is_the_least(tmp_path: Path, wanted: float, attempts: int) -> None:
    source, time = ScriptedSource("yahoo", RateLimited("Slowly.", wanted), 1.5), Time()
    assert ask(patient(source, time, tmp_path, requests(attempts))) == [1.5]
    (pause,) = time.pauses
    assert max(1, wanted) <= pause <= max(2, wanted)


@same_folder
@given(wanted=st.floats(30, 100, exclude_min=True))
def test_a_pause_that_is_too_long_is_not_made(tmp_path: Path, wanted: float) -> None:
    source, time = ScriptedSource("yahoo", RateLimited("Slowly.", wanted), 1.5), Time()
    with pytest.raises(RateLimited):
        ask(patient(source, time, tmp_path))
    assert (source.asked, time.pauses) == (["X"], [])


def test_a_source_that_wants_a_longer_pause_is_given_up_until_it_is_over(tmp_path: Path) -> None:
    refusal = RateLimited("Come back in an hour.", 3600.0)
    source, time = ScriptedSource("yahoo", refusal, 1.5), Time()
    asked = patient(source, time, tmp_path)
    with pytest.raises(RateLimited) as caught:
        ask(asked)
    assert caught.value is refusal
    time.now += 600
    with pytest.raises(RateLimited) as caught:
        ask(asked, name="y")
    assert caught.value.retry_after == 3000
    assert str(caught.value) == (
        "instruments.y: the source 'yahoo' was not asked, since it wants to be left alone for another 3000 "
        "seconds; run again after that."
    )
    assert (source.asked, time.pauses) == (["X"], [])
    time.now += 3000
    assert ask(asked) == [1.5]
    assert time.pauses == []


def test_the_end_of_a_long_pause_is_waited_for(tmp_path: Path) -> None:
    source, time = ScriptedSource("yahoo", RateLimited("In an hour.", 3600.0), 1.5), Time()
    asked = patient(source, time, tmp_path)
    with pytest.raises(RateLimited):
        ask(asked)
    time.now += 3580
    assert ask(asked) == [1.5]
    assert time.pauses == [20]


def test_a_wanted_pause_after_the_last_request_is_before_the_next_instrument(tmp_path: Path) -> None:
    source = ScriptedSource("yahoo", RateLimited("Slowly.", 10.0), RateLimited("Slowly.", 25.0), 1.5)
    time = Time()
    asked = patient(source, time, tmp_path, requests(attempts=2))
    with pytest.raises(RateLimited):
        ask(asked)
    assert ask(asked, name="y") == [1.5]
    assert time.pauses == [10, 25]


def test_the_lock_is_held_during_a_request_and_not_during_a_pause(tmp_path: Path) -> None:
    held = []

    def is_held() -> bool:
        try:
            with source_lock(tmp_path, "yahoo", longest_wait=0):
                return False
        except (SourceUnavailable, RuntimeError):
            return True

    class Looking(ScriptedSource):
        def fetch(self, instrument: Instrument, symbol: str, first: date, last: date) -> pd.DataFrame:
            held.append(is_held())
            return super().fetch(instrument, symbol, first, last)

    source = Looking("yahoo", SourceUnavailable("Down."), 1.5)
    time = Time(during=lambda: held.append(is_held()))
    assert ask(patient(source, time, tmp_path)) == [1.5]
    assert held == [True, False, True]
    assert not is_held()


def test_a_line_of_the_log_says_the_wanted_pause(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    answers = RateLimited("Slowly.", 17.26), RateLimited("More.", 18.0), 1.5
    source, time = ScriptedSource("yahoo", *answers), Time()
    assert ask(patient(source, time, tmp_path)) == [1.5]
    assert [re.sub(r" for x failed; 'yahoo' is asked again", "", line) for line in caplog.messages] == [
        "Request 1 of 3 in 17.3 s: Slowly.",
        "Request 2 of 3 in 18.0 s: More.",
    ]
