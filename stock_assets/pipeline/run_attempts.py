"""Whether a run is to be requested once more: what became of those before, pauses, and the bound a day."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from stock_assets.config.operations import Operations
from stock_assets.storage.schedules import Result, RunAttempt, RunKind

#: A request without a run is made again after this: the daemon died between asking and starting.
LOST_AFTER = timedelta(minutes=5)


@dataclass(frozen=True)
class RunState:
    """What Dagster knows of a requested run and of the runs that it was tried again by.

    Attributes
    ----------
    run_id : str
        The last of them.
    unfinished : bool
        Whether one of them is still to be expected to end.
    succeeded : bool
        Whether the last one ended well.
    tries : int
        Runs and repeated steps so far.
    """

    run_id: str
    unfinished: bool
    succeeded: bool
    tries: int = 1


#: Told the requests whose end was not seen yet, returns what Dagster knows of them, by key.
RunStates = Callable[[Sequence[RunAttempt]], Mapping[str, RunState]]


@dataclass(frozen=True)
class Standing:
    """What the requests of one day amount to.

    Attributes
    ----------
    request : RunAttempt or None
        What is to be requested, if anything.
    finished : tuple of RunAttempt
        The requests whose end was seen just now.
    is_running : bool
        Whether a request is under way.
    is_pausing : bool
        Whether it is requested again after a pause.
    is_exhausted : bool
        Whether nothing more is requested on this calendar day.
    last : RunAttempt or None
        The last request before.
    """

    request: RunAttempt | None = None
    finished: tuple[RunAttempt, ...] = ()
    is_running: bool = False
    is_pausing: bool = False
    is_exhausted: bool = False
    last: RunAttempt | None = None


def unfinished(attempts: Sequence[RunAttempt]) -> list[RunAttempt]:
    """Return the requests whose end was not seen yet."""
    return [one for one in attempts if one.result is None]


def standing(
    operations: Operations,
    kind: RunKind,
    day: date,
    attempts: Sequence[RunAttempt],
    states: Mapping[str, RunState],
    now: datetime,
    *,
    wanted: bool,
    waits: bool = False,
    not_before: datetime | None = None,
    deadline: datetime | None = None,
) -> Standing:
    """Return what is to be done about a day or cutoff.

    Parameters
    ----------
    attempts : sequence of RunAttempt
        All of that day, in their order.
    states : mapping of str to RunState
        Of the unfinished ones, by key; one that Dagster does not know is not in it.
    now : datetime
        With a time zone.
    wanted : bool
        Whether another run may bring the day further.
    waits : bool
        Whether the day waits for bars: then a run that ended well used no attempt.
    not_before : datetime, optional
        When another run makes sense at the earliest.
    deadline : datetime, optional
        When a day that waits is asked for in any case, since it waits no longer.
    """
    seen: list[RunAttempt] = []
    finished: list[RunAttempt] = []
    for one in attempts:
        state = states.get(one.key)
        if one.result is not None:
            seen.append(one)
        elif state is None:
            # The same key again: had the run been there after all, the daemon would not start another one.
            lost = now - one.requested_at >= LOST_AFTER
            again = replace(one, requested_at=now) if lost and wanted else None
            return Standing(again, tuple(finished), is_running=not lost, last=one)
        elif state.unfinished:
            return Standing(None, tuple(finished), is_running=True, last=one)
        else:
            ended = _ended(one, state, now, waits=waits)
            seen.append(ended)
            finished.append(ended)
    last = seen[-1] if seen else None
    if not wanted:
        return Standing(finished=tuple(finished), last=last)
    used = sum(one.tries for one in seen if one.requested_at.date() == now.date())
    if used >= operations.attempts_a_day:
        return Standing(finished=tuple(finished), is_exhausted=True, last=last)
    if now < _earliest(operations, last, not_before, deadline, now):
        return Standing(finished=tuple(finished), is_pausing=True, last=last)
    number = 1 if last is None else last.attempt + 1
    return Standing(RunAttempt(kind, day, number, now), tuple(finished), last=last)


def _ended(one: RunAttempt, state: RunState, now: datetime, *, waits: bool) -> RunAttempt:
    result: Result = "failed"
    if state.succeeded:
        result = "waiting" if waits else "succeeded"
    tries = 0 if result == "waiting" else max(state.tries, 1)
    return replace(one, finished_at=now, result=result, tries=tries, run_id=state.run_id)


def _earliest(
    operations: Operations,
    last: RunAttempt | None,
    not_before: datetime | None,
    deadline: datetime | None,
    now: datetime,
) -> datetime:
    moments = [now] if not_before is None else [not_before]
    asked_at = None if not_before is None else not_before - operations.waiting_delay
    if last is not None and last.finished_at is not None:
        pause = operations.waiting_delay if last.result == "waiting" else operations.retry_delay
        moments.append(last.finished_at + pause)
        asked_at = last.finished_at
        if last.result != "waiting":
            return max(moments)
    if deadline is not None and asked_at is not None and asked_at < deadline <= now:
        return now
    return max(moments)
