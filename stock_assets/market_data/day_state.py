"""What has become of each trading day, and which instruments may be used on it.

========= =============================================================================================
state     when
========= =============================================================================================
waiting   a bar that is expected is missing, or not due yet, and the deadline is not past
complete  all bars that are expected are there, or after the deadline all but those of soft expectations
          whose sources said that there is none
partial   the deadline is past and some of them are missing
closed    the deadline is past and none of them came, or no exchange had a session: an unscheduled closure
========= =============================================================================================

Closed is what a day without a single bar is called, whether markets were shut or the source failed for
longer than the deadline: nothing new was known, and nothing is published. The state follows from bars
and moment alone, so that a bar that comes after all makes the day partial or complete.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from stock_assets.market_data.bars import dates_of
from stock_assets.trading_days import decision_time

DayState = Literal["waiting", "complete", "partial", "closed"]
#: What is needed of bars.
STATE_COLUMNS = ("instrument", "session", "trading_day")


@dataclass(frozen=True, eq=False)
class DayStates:
    """The states of trading days.

    Attributes
    ----------
    days : DataFrame, shape (n_days, 3)
        ``date`` as datetime64[s], ``state`` and ``reason``, a sentence.
    instruments : tuple of str
        Ids in the order of the columns below.
    last_sessions : ndarray of datetime64[D], shape (n_days, n_instruments)
        The session of the last bar that belongs to the day or before; NaT if there is none.
    staleness : ndarray of int64, shape (n_days, n_instruments)
        How many sessions of the instrument have fallen due since that bar, by its own calendar.
    usable : ndarray of bool, shape (n_days, n_instruments)
        Whether there is a bar whose staleness is at most ``max_staleness``.
    """

    days: pd.DataFrame
    instruments: tuple[str, ...]
    last_sessions: np.ndarray
    staleness: np.ndarray
    usable: np.ndarray


def day_states(
    days: Sequence[date],
    expected: Mapping[str, pd.DataFrame],
    bars: pd.DataFrame,
    now: datetime,
    deadline: timedelta,
    max_staleness: int,
    soft: Collection[str] = (),
    failed: Collection[str] = (),
) -> DayStates:
    """Judge trading days.

    Parameters
    ----------
    days : sequence of date
        Trading days in ascending order.
    expected : mapping of str to DataFrame
        What ``expected_bars`` returns, by instrument, in the order of the universe.
    bars : DataFrame
        Columns ``STATE_COLUMNS`` at least, of all stored bars until the last of the days.
    now : datetime
        With a time zone.
    deadline : timedelta
        Time after a day's decision time until which a missing bar is waited for.
    max_staleness : int
        Number of its own sessions by which an instrument's last bar may lag and still be used.
    soft : collection of str
        Instruments whose sessions are a guess: their bars are waited for like others, and a day is
        complete without them.
    failed : collection of str
        Instruments whose sources failed: that they have no bar is nobody's word, not even of a soft one.
    """
    wanted = np.array(days, dtype="datetime64[D]")
    shape = (len(wanted), len(expected))
    last_sessions = np.full(shape, np.datetime64("NaT", "D"))
    staleness = np.zeros(shape, dtype=np.int64)
    due = np.zeros(shape, dtype=np.int64)
    missing: list[list[str]] = [[] for _ in wanted]
    all_soft = np.ones(len(wanted), dtype=bool)
    any_failed = np.zeros(len(wanted), dtype=bool)
    sessions_held = np.zeros(len(wanted), dtype=bool)
    stored = dict(list(bars.groupby("instrument", sort=False)))
    for column, (instrument, table) in enumerate(expected.items()):
        own = stored.get(instrument, bars.iloc[:0]).sort_values("session")
        sessions, belongs_to = dates_of(table["session"]), dates_of(table["trading_day"])
        last_sessions[:, column], staleness[:, column] = _last_bars(wanted, sessions, belongs_to, own)
        due[:, column] = _count_until(belongs_to, wanted, "right") - _count_until(belongs_to, wanted, "left")
        sessions_held |= np.isin(wanted, sessions)
        absent = ~np.isin(sessions, dates_of(own["session"]))
        for session, day in zip(sessions[absent], belongs_to[absent], strict=True):
            at = np.searchsorted(wanted, day)
            if at < len(wanted) and wanted[at] == day:
                missing[at].append(f"{instrument} of {session}")
                all_soft[at] &= instrument in soft and instrument not in failed
                any_failed[at] |= instrument in failed
    judged = [
        _judge(day, int(number), lacking, bool(guessed), bool(owed), bool(held), now, deadline)
        for day, number, lacking, guessed, owed, held in zip(
            days, due.sum(axis=1), missing, all_soft, any_failed, sessions_held, strict=True
        )
    ]
    return DayStates(
        days=pd.DataFrame(
            {
                "date": wanted.astype("datetime64[s]"),
                "state": [state for state, _ in judged],
                "reason": [reason for _, reason in judged],
            }
        ),
        instruments=tuple(expected),
        last_sessions=last_sessions,
        staleness=staleness,
        usable=~np.isnat(last_sessions) & (staleness <= max_staleness),
    )


def _last_bars(
    days: np.ndarray, sessions: np.ndarray, belongs_to: np.ndarray, own: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Return the last session of each day, and how many expected ones have fallen due since."""
    stored = dates_of(own["session"])
    seen = _count_until(dates_of(own["trading_day"]), days, "right")
    last = np.full(len(days), np.datetime64("NaT", "D"))
    last[seen > 0] = stored[seen[seen > 0] - 1]
    due = _count_until(belongs_to, days, "right")
    covered = np.where(seen > 0, np.searchsorted(sessions, last, side="right"), 0)
    return last, due - covered


def _judge(
    day: date,
    due: int,
    missing: list[str],
    guessed: bool,
    owed: bool,
    held: bool,
    now: datetime,
    deadline: timedelta,
) -> tuple[DayState, str]:
    """Return state and reason of one day.

    ``guessed`` says that all of the missing sessions are a guess, ``owed`` that sources failed.
    """
    limit = decision_time(day) + deadline
    if not due:
        if held:
            return "complete", "No bar falls due on this day."
        return "closed", "No exchange of the universe has a session on this day."
    if not missing:
        return "complete", f"All {due} bars that fall due on this day are there."
    lacking = f"{len(missing)} of {due} bars are missing: {', '.join(missing)}"
    if now < limit:
        return "waiting", f"{lacking}; they are waited for until {limit:%Y-%m-%d %H:%M} UTC."
    if len(missing) == due:
        came = f"None of the {due} bars that fall due on this day came until {limit:%Y-%m-%d %H:%M} UTC"
        why = "; sources failed, and are asked for them again." if owed else "."
        return "closed", came + why
    if guessed:
        return "complete", f"{lacking}; that their sessions took place is a guess, so that nothing is amiss."
    return "partial", f"{lacking}, and the deadline of {limit:%Y-%m-%d %H:%M} UTC is past."


def _count_until(days: np.ndarray, wanted: np.ndarray, side: Literal["left", "right"]) -> np.ndarray:
    """Return how many of the ascending ``days`` come before each wanted one, itself included on the right."""
    return np.searchsorted(days, wanted, side=side)
