"""What is wrong with bars: which must not be stored, and which deserve a look.

A finding is about one instrument and one session. ``blocked`` findings keep a bar out of the tables, or
say that there is none; with a ``warning`` the bar is stored all the same: markets do fall by half in a
day, and quiet stocks do close at the same price four times.

=================== ======== ======================================================================
kind                severity found when
=================== ======== ======================================================================
missing_session     blocked  the calendar has a session and the source no bar
duplicate_session   blocked  the source has several bars of a session: nobody knows which is right
invalid_close       blocked  the close is not finite, or not above 0 (a yield: not above −100 %)
invalid_action      blocked  a dividend below 0 or a split below 0, or one that is not finite
unexpected_session  warning  there is a bar on a day that is no session: calendars are wrong at times
broken_ohlc         warning  open, high, low or volume cannot be; they are stored as absent
stale_repeat        warning  the last ``stale_repeats`` closes are equal
jump                warning  the return since the last close is beyond ``jump``; for a yield, the change
                             is beyond ``jump_basis_points``
=================== ======== ======================================================================

The same bars give the same findings whether one day is judged or a range, as long as the closes before
come along: ``context_sessions`` says how many.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.config.universe import QualityLimits
from stock_assets.market_data.bars import dates_of
from stock_assets.market_data.findings import BarArrays, Finding, bar_arrays, each_close, findings_frame
from stock_assets.market_data.yields import LOWEST_YIELD

_BASIS_POINTS = 100.0  # in one percent


@dataclass(frozen=True, eq=False)
class QualityReport:
    """What became of the bars of one instrument.

    Attributes
    ----------
    bars : DataFrame
        The bars that may be stored, columns ``BAR_COLUMNS``, in the order of sessions.
    findings : DataFrame
        Columns ``FINDING_COLUMNS``, in the order of sessions and kinds, each pair of them once:
        ``severity`` is "blocked" or "warning", ``detail`` a sentence, ``value`` the number that it is
        about, NaN if there is none that is finite.
    """

    bars: pd.DataFrame
    findings: pd.DataFrame


def context_sessions(limits: QualityLimits) -> int:
    """Return how many closes before the first judged bar are needed."""
    return max(limits.stale_repeats - 1, 1)


def check_bars(
    instrument: Instrument,
    bars: pd.DataFrame,
    expected: pd.DataFrame,
    previous: pd.DataFrame,
    limits: QualityLimits,
) -> QualityReport:
    """Judge the bars of one instrument.

    Parameters
    ----------
    instrument : Instrument
        Whose bars.
    bars : DataFrame
        Columns ``BAR_COLUMNS``, as ``assemble_bars`` returns them: in the order of sessions.
    expected : DataFrame
        The rows of ``expected_bars`` that the source was asked for and that have fallen due.
    previous : DataFrame
        Columns ``session`` and ``close`` of stored bars; of those before the first judged session
        the last ``context_sessions`` are looked at.
    limits : QualityLimits
        When a warning is written.
    """
    found = list(_missing_sessions(instrument, bars, expected))
    # Each check sees what the ones before let through, so that a bar is blocked once.
    for check in (_duplicate_sessions, _invalid_closes, _invalid_actions):
        blocked = list(check(instrument, bar_arrays(bars)))
        found += blocked
        sessions = np.array([finding.session for finding in blocked], dtype="datetime64[D]")
        bars = bars[~np.isin(dates_of(bars["session"]), sessions)]
    arrays = bar_arrays(bars)
    broken = _is_broken(instrument, arrays)
    closes = _Closes.of(arrays, previous, limits)
    found += _broken_ohlc(arrays, broken)
    found += _unexpected_sessions(instrument, arrays, expected)
    found += _stale_repeats(arrays, closes, limits)
    found += _jumps(instrument, arrays, closes, limits)
    return QualityReport(_mended(bars, broken), findings_frame(instrument.id, found))


def _missing_sessions(
    instrument: Instrument, bars: pd.DataFrame, expected: pd.DataFrame
) -> Iterator[Finding]:
    sessions, trading_days = dates_of(expected["session"]), dates_of(expected["trading_day"])
    for at in np.flatnonzero(~np.isin(sessions, dates_of(bars["session"]))).tolist():
        detail = f"{instrument.exchange} has a session on {sessions[at]}, and no bar of it came."
        yield Finding(sessions[at], "missing_session", trading_days[at], detail)


def _duplicate_sessions(_: Instrument, bars: BarArrays) -> Iterator[Finding]:
    sessions, firsts, counts = np.unique(bars["session"], return_index=True, return_counts=True)
    for which in np.flatnonzero(counts > 1).tolist():
        at, count = int(firsts[which]), int(counts[which])
        closes = ", ".join(f"{close:.10g}" for close in bars["close"][at : at + count])
        detail = f"{count} bars of {sessions[which]} came, with the closes {closes}."
        yield Finding(sessions[which], "duplicate_session", bars["trading_day"][at], detail, count)


def _invalid_closes(instrument: Instrument, bars: BarArrays) -> Iterator[Finding]:
    close, lowest = bars["close"], _lowest(instrument)
    return each_close(
        bars,
        ~(np.isfinite(close) & (close > lowest)),
        "invalid_close",
        lambda at: (
            f"The close of {bars['session'][at]} is {close[at]:.10g}; a finite number above {lowest:.10g} is "
            "needed."
        ),
    )


def _invalid_actions(_: Instrument, bars: BarArrays) -> Iterator[Finding]:
    dividend, split = bars["dividend"], bars["split"]
    return each_close(
        bars,
        # A comparison with NaN is false: where a source says nothing, nothing happened.
        np.isinf(dividend) | (dividend < 0) | np.isinf(split) | (split < 0),
        "invalid_action",
        lambda at: (
            f"{bars['session'][at]} has the dividend {dividend[at]:.10g} and the split {split[at]:.10g}; "
            "finite numbers of at least 0 are needed."
        ),
    )


def _is_broken(instrument: Instrument, bars: BarArrays) -> np.ndarray:
    """Return where open, high, low or volume cannot be; what a source does not say is not wrong."""
    high, low, close, volume = (bars[name] for name in ("high", "low", "close", "volume"))
    broken = (close > high) | (close < low) | np.isinf(volume) | (volume < 0)
    for price in (bars["open"], high, low):
        broken |= np.isinf(price) | (price <= _lowest(instrument)) | (price > high) | (price < low)
    return broken


def _broken_ohlc(bars: BarArrays, broken: np.ndarray) -> Iterator[Finding]:
    def detail(at: int) -> str:
        values = [f"{name} {bars[name][at]:.10g}" for name in ("open", "high", "low", "close", "volume")]
        return f"{bars['session'][at]} has {', '.join(values)}, which cannot be; its close alone is stored."

    return each_close(bars, broken, "broken_ohlc", detail)


def _mended(bars: pd.DataFrame, broken: np.ndarray) -> pd.DataFrame:
    mended = bars.reset_index(drop=True)
    mended.loc[broken, ["open", "high", "low", "volume"]] = np.nan
    # Nothing is computed from a source's adjusted close, so that an infinite one needs no finding.
    mended.loc[np.isinf(mended["adj_close"].to_numpy(dtype=np.float64)), "adj_close"] = np.nan
    return mended


def _unexpected_sessions(
    instrument: Instrument, bars: BarArrays, expected: pd.DataFrame
) -> Iterator[Finding]:
    return each_close(
        bars,
        ~np.isin(bars["session"], dates_of(expected["session"])),
        "unexpected_session",
        lambda at: f"A bar of {bars['session'][at]} came, and {instrument.exchange} has no session then.",
    )


@dataclass(frozen=True, eq=False)
class _Closes:
    """The closes that are judged behind those that are their context, and the sessions of both."""

    values: np.ndarray
    sessions: np.ndarray
    context: int

    @classmethod
    def of(cls, bars: BarArrays, previous: pd.DataFrame, limits: QualityLimits) -> "_Closes":
        sessions = dates_of(previous["session"])
        order = np.argsort(sessions, kind="stable")
        if len(bars["session"]):
            order = order[sessions[order] < bars["session"][0]]
        order = order[-context_sessions(limits) :]
        values = previous["close"].to_numpy(dtype=np.float64)[order]
        return cls(
            values=np.concatenate([values, bars["close"]]),
            sessions=np.concatenate([sessions[order], bars["session"]]),
            context=len(order),
        )


def _stale_repeats(bars: BarArrays, closes: _Closes, limits: QualityLimits) -> Iterator[Finding]:
    steps = limits.stale_repeats - 1
    stale = np.arange(len(closes.values)) >= steps
    for back in range(1, steps + 1):
        stale[back:] &= closes.values[back:] == closes.values[:-back]
    return each_close(
        bars,
        stale[closes.context :],
        "stale_repeat",
        lambda at: (
            f"The last {steps + 1} closes, from {closes.sessions[closes.context + at - steps]} to "
            f"{bars['session'][at]}, are all {bars['close'][at]:.10g}."
        ),
    )


def _jumps(
    instrument: Instrument, bars: BarArrays, closes: _Closes, limits: QualityLimits
) -> Iterator[Finding]:
    """Yield the moves beyond the limit; ``value`` is a decimal return, or basis points for a yield."""
    close = bars["close"]
    # The first close of all has none before it, and NaN is beyond nothing.
    before = np.concatenate([[np.nan], closes.values[:-1]])[closes.context :]
    if instrument.return_kind == "yield":
        moves, limit = (close - before) * _BASIS_POINTS, limits.jump_basis_points
        told, bound = "changed by {:+.1f} basis points", f"{limit:.10g} basis points"
    else:
        paid = bars["dividend"] if instrument.return_kind == "price" else np.zeros(len(close))
        moves, limit = (close + np.where(np.isnan(paid), 0.0, paid)) / before - 1, limits.jump
        told, bound = "returned {:+.1%}", f"{limit:.1%}"
    for at in np.flatnonzero(np.abs(moves) > limit).tolist():
        detail = (
            f"From {before[at]:.10g} on {closes.sessions[closes.context + at - 1]} to {close[at]:.10g} on "
            f"{bars['session'][at]} it {told.format(moves[at])}, beyond {bound}."
        )
        yield Finding(bars["session"][at], "jump", bars["trading_day"][at], detail, moves[at])


def _lowest(instrument: Instrument) -> float:
    """Return what a price has to be above: 0, and for a yield some percent that never was."""
    return LOWEST_YIELD if instrument.return_kind == "yield" else 0.0
