"""Moves beyond the limit, and which of them are believed.

A close is compared with the last close before it that is believed. It is believed itself, unless

- it jumps, and a second source says something else of its session: it is held from its own day on; or
- the next close denies it: it stands out from the believed close before it and from the one after it by
  more than a spike may, on the same side, while these two lie within half the jump limit of each other. It is
  held from the day of that next close on, which alone knows it.

Both neighbours are asked, since a return of 26 % is undone by one of −21 %: what counts is how far the close
stands out. Half the limit leaves room for what a market does within two sessions, and what it leaves is no
jump, so that a bar that denies another is never held by the one behind it.

Markets crash and come back within a session, though seldom out of the blue: Sao Paulo's index lost 15 % on
2020-03-12 and won 14 % on the next day, after it had lost 12 % three days before. So a spike is more than the
jump limit, and more than twice the largest move of the closes that were believed just before. Where a second
source confirms a close, it is believed whatever comes next, as is a close that somebody has released. A close
that a second source contradicts denies nothing.

Who is believed is decided anew for every bar from the ``CONTEXT_SESSIONS`` closes before it, the first of
which is taken as it is, and from what the second source says of the last ``HEARD_WEEKDAYS`` before it: the
same closes give the same findings whether a day is judged or a range. So a level that stays is compared with
itself in the end, even if a second source goes on to say another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from stock_assets.market_data.bars import dates_of
from stock_assets.market_data.closes import Closes, MoveLimits
from stock_assets.market_data.findings import BarArrays, Finding
from stock_assets.market_data.second_opinion import SecondOpinion

#: How many closes before a bar decide what it is compared with.
CONTEXT_SESSIONS = 21
#: For how many weekdays before a bar a second source is heard: by default a daily run reads these again,
#: whatever weekend sessions there were among them.
HEARD_WEEKDAYS = 4
#: How many times the largest move just before a spike has to be.
_OUT_OF_THE_BLUE = 2.0


@dataclass(frozen=True, eq=False)
class Testimony:
    """What others say of the closes of an instrument.

    Attributes
    ----------
    source : str
        Name of the second source.
    closes : ndarray of float64, shape (n_closes,)
        What it says of each close; NaN where it says nothing.
    released : ndarray of bool, shape (n_closes,)
        Whether somebody has released the bar.
    """

    source: str
    closes: np.ndarray
    released: np.ndarray

    @classmethod
    def of(
        cls, closes: Closes, second: SecondOpinion | None, released: np.ndarray, lowest: float
    ) -> "Testimony":
        """Return what is said of the closes; what a second source has that is no price is nothing."""
        said = np.full(len(closes.values), np.nan)
        if second is not None and len(second.closes):
            sessions = dates_of(second.closes["session"])
            values = second.closes["close"].to_numpy(dtype=np.float64)
            known = dict(zip(sessions[values > lowest].tolist(), values[values > lowest], strict=True))
            said = np.array([known.get(session, np.nan) for session in closes.sessions.tolist()])
        return cls("" if second is None else second.source, said, np.isin(closes.sessions, released))


@dataclass(frozen=True)
class _Verdict:
    """Whom a close is compared with, whom it denies, and whether it is held itself; positions of closes."""

    reference: int
    denied: int | None
    contested: bool


def judge_moves(
    closes: Closes, bars: BarArrays, paid: np.ndarray, limits: MoveLimits, testimony: Testimony
) -> Iterator[Finding]:
    """Yield what is found of the moves to the judged bars.

    Parameters
    ----------
    closes : Closes
        With a context of at least ``CONTEXT_SESSIONS``, if there are as many.
    bars : BarArrays
        The judged bars, whose closes are the last of ``closes``.
    paid : ndarray of float64, shape (n_closes,)
        Dividend that is part of the return to each close. Whether one stands out is a matter of closes alone.
    limits : MoveLimits
        What is too large.
    testimony : Testimony
        What others say of ``closes``.
    """
    witness = _Witness(closes, paid, limits, testimony)
    for bar in range(len(bars["session"])):
        at = closes.context + bar
        verdict = witness.verdict(at)
        if verdict is not None:
            yield from _jump_findings(witness, verdict, at, paid[at], bars["trading_day"][bar])
        if witness.disagrees[at] and (verdict is None or not verdict.contested):
            yield Finding(
                closes.sessions[at],
                "source_disagreement",
                bars["trading_day"][bar],
                f"The close of {closes.sessions[at]} is {closes.values[at]:.10g}, and {witness.said(at)}, "
                f"beyond {limits.describe_limit(limits.disagreement)}.",
                witness.difference(at),
            )


def _jump_findings(
    witness: "_Witness", verdict: _Verdict, at: int, paid: float, trading_day: np.datetime64
) -> Iterator[Finding]:
    closes, limits = witness.closes, witness.limits
    values, sessions = closes.values, closes.sessions
    bound = limits.describe_limit(limits.jump)
    if verdict.denied is not None:
        denied, before = verdict.denied, verdict.reference
        move = limits.move(values[before], values[denied])
        yield Finding(
            sessions[denied],
            "jump_denied_by_next_bar",
            trading_day,
            f"The close of {sessions[denied]} is {values[denied]:.10g}, between {values[before]:.10g} on "
            f"{sessions[before]} and {values[at]:.10g} on {sessions[at]}: {limits.describe(move)}, beyond "
            f"{bound}, and back.",
            move,
        )
    before = verdict.reference
    move = limits.move(values[before], values[at] + paid)
    if abs(move) <= limits.jump:
        return
    verb = "changed by" if limits.measure == "basis_points" else "returned"
    told = (
        f"From {values[before]:.10g} on {sessions[before]} to {values[at]:.10g} on {sessions[at]} it {verb} "
        f"{limits.describe(move)}, beyond {bound}"
    )
    if verdict.contested:
        detail = f"{told}; {witness.said(at)}."
        yield Finding(sessions[at], "jump_denied_by_second_source", trading_day, detail, move)
    else:
        yield Finding(sessions[at], "jump", trading_day, f"{told}.", move)


class _Witness:
    """Says of each close whether it is believed."""

    def __init__(self, closes: Closes, paid: np.ndarray, limits: MoveLimits, testimony: Testimony) -> None:
        self.closes = closes
        self._paid = paid
        self.limits = limits
        self._testimony = testimony
        compared = ~np.isnan(testimony.closes)
        apart = np.array([abs(self.difference(at)) if compared[at] else 0.0 for at in range(len(compared))])
        self.disagrees = apart > limits.disagreement
        self._released = testimony.released
        self._contradicted = self.disagrees & ~testimony.released
        self._confirmed = compared & ~self.disagrees
        values = closes.values
        steps = [abs(limits.move(values[at - 1], values[at])) for at in range(1, len(values))]
        self._moved = np.concatenate([[False], np.array(steps) > limits.jump])

    def difference(self, at: int) -> float:
        """Return how far a close lies from what the second source says of it, as a move."""
        return self.limits.move(float(self._testimony.closes[at]), float(self.closes.values[at]))

    def said(self, at: int) -> str:
        """Return what the second source says of a close, as a part of a sentence."""
        return (
            f"{self._testimony.source} says {self._testimony.closes[at]:.10g}, which makes a difference of "
            f"{self.limits.describe(self.difference(at))}"
        )

    def verdict(self, last: int) -> _Verdict | None:
        """Return what becomes of a close; None if it is the first."""
        if last == 0:
            return None
        first = max(0, last - CONTEXT_SESSIONS)
        # Without a move beyond the limit, which is the rule, everything before is believed.
        if not self._moved[first + 1 : last + 1].any() and not self._paid[first + 1 : last + 1].any():
            return _Verdict(last - 1, None, False)
        sessions = self.closes.sessions
        since = int(np.argmax(np.busday_count(sessions[: last + 1], sessions[last]) <= HEARD_WEEKDAYS))
        believed = [first]
        verdict = None
        for at in range(first + 1, last + 1):
            denied = at - 1 if self._denies(believed, at, since) else None
            if denied is not None:
                believed.pop()
            reference = believed[-1]
            move = self.limits.move(self.closes.values[reference], self.closes.values[at] + self._paid[at])
            contested = abs(move) > self.limits.jump and at >= since and bool(self._contradicted[at])
            if not contested:
                believed.append(at)
            verdict = _Verdict(reference, denied, contested)
        return verdict

    def _denies(self, believed: list[int], at: int, since: int) -> bool:
        """Return whether a close shows that the one before it stands out, which was believed so far.

        The second source is heard of the closes from ``since`` on.
        """
        if len(believed) < 2 or believed[-1] != at - 1 or self._released[at - 1]:
            return False
        if (at - 1 >= since and self._confirmed[at - 1]) or (at >= since and self._contradicted[at]):
            return False
        before, between, after = self.closes.values[[believed[-2], at - 1, at]].tolist()
        up, down = self.limits.move(before, between), self.limits.move(after, between)
        if abs(self.limits.move(before, after)) > self.limits.jump / 2:
            return False
        calm = self.closes.values[believed[:-1]].tolist()
        largest = max((abs(self.limits.move(*pair)) for pair in pairwise(calm)), default=0.0)
        return min(abs(up), abs(down)) > max(self.limits.jump, _OUT_OF_THE_BLUE * largest)
