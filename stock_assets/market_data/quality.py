"""What is wrong with bars: which must not be stored, which must not be used, and which deserve a look.

A finding is about one instrument and one session. ``blocked`` findings keep a bar out of the tables, or
say that there is none. A ``held`` bar is stored and not used, from the trading day of the finding on, until
somebody releases it. With a ``warning`` the bar is used all the same: markets do fall by half in a day, and
quiet stocks do close at the same price four times.

============================ ======== =============================================================
kind                         severity found when
============================ ======== =============================================================
missing_session              blocked  the calendar has a session and the source no bar; a warning for an
                                      instrument whose sessions are a guess (``session_expectation``)
source_failed                blocked  no source answered, so that nobody knows whether there is a bar;
                                      written by who asks the sources, not by a check
duplicate_session            blocked  the source has several bars of a session: nobody knows which
                                      is right
invalid_close                blocked  the close is not finite, or not above 0 (a yield: not above
                                      −100 %)
invalid_action               blocked  a dividend below 0 or a split below 0, or one that is not
                                      finite
unit_mismatch                blocked  a yield is about 10 or 100 times the last one, or a tenth or a
                                      hundredth of it, and changed by more than a jump
jump_denied_by_next_bar      held     the close jumps, and the next one undoes it; found on the
                                      trading day of that next bar
jump_denied_by_second_source held     the close jumps, and a second source's close of the session
                                      differs by more than ``disagreement``
unexpected_session           warning  there is a bar on a day that is no session: calendars are
                                      wrong at times
broken_ohlc                  warning  open, high, low or volume cannot be; they are stored as absent
stale_repeat                 warning  the last ``stale_repeats`` closes are equal
jump                         warning  the return since the last close that is believed is beyond
                                      ``jump``; for a yield, the change is beyond
                                      ``jump_basis_points``
source_disagreement          warning  a second source's close of the session differs by more than
                                      ``disagreement``; for a yield,
                                      ``disagreement_basis_points``
============================ ======== =============================================================

The same bars give the same findings whether one day is judged or a range, as long as the closes before, and
what the second source says of them, come along: ``context_sessions`` says how many. ``jumps`` says which
closes are believed.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.config.universe import QualityLimits
from stock_assets.market_data.bars import dates_of
from stock_assets.market_data.closes import Closes, MoveLimits
from stock_assets.market_data.findings import BarArrays, Finding, bar_arrays, each_close, findings_frame
from stock_assets.market_data.jumps import CONTEXT_SESSIONS, Testimony, judge_moves
from stock_assets.market_data.second_opinion import SecondOpinion
from stock_assets.market_data.units import unit_mismatches
from stock_assets.market_data.yields import LOWEST_YIELD


@dataclass(frozen=True, eq=False)
class QualityReport:
    """What became of the bars of one instrument.

    Attributes
    ----------
    bars : DataFrame
        The bars that may be stored, columns ``BAR_COLUMNS``, in the order of sessions; held ones too.
    findings : DataFrame
        Columns ``FINDING_COLUMNS``, in the order of sessions and kinds, each pair of them once:
        ``severity`` is "blocked", "held" or "warning", ``detail`` a sentence, ``value`` the number that it is
        about, NaN if there is none that is finite.
    """

    bars: pd.DataFrame
    findings: pd.DataFrame


def context_sessions(limits: QualityLimits) -> int:
    """Return how many closes before the first judged bar are needed."""
    return max(limits.stale_repeats - 1, CONTEXT_SESSIONS)


def check_bars(
    instrument: Instrument,
    bars: pd.DataFrame,
    expected: pd.DataFrame,
    previous: pd.DataFrame,
    limits: QualityLimits,
    second: SecondOpinion | None = None,
    released: Collection[date] = (),
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
        Columns ``session``, ``close`` and, if they are known, ``dividend`` of stored bars, held ones too; of
        those before the first judged session the last ``context_sessions`` are looked at.
    limits : QualityLimits
        What is too much.
    second : SecondOpinion, optional
        What another source says of the judged sessions and of those before them.
    released : collection of date
        Sessions whose bars somebody has released: they are right, whatever is found of them.
    """
    found = list(_missing_sessions(instrument, bars, expected))

    # Each check sees what the ones before let through, so that a bar is blocked once.
    def other_units(_: Instrument, arrays: BarArrays) -> Iterator[Finding]:
        return unit_mismatches(instrument, arrays, Closes.of(arrays, previous, 1), limits)

    for check in (_duplicate_sessions, _invalid_closes, _invalid_actions, other_units):
        blocked = list(check(instrument, bar_arrays(bars)))
        found += blocked
        sessions = np.array([finding.session for finding in blocked], dtype="datetime64[D]")
        bars = bars[~np.isin(dates_of(bars["session"]), sessions)]
    arrays = bar_arrays(bars)
    broken = _is_broken(instrument, arrays)
    closes = Closes.of(arrays, previous, context_sessions(limits))
    found += _broken_ohlc(arrays, broken)
    found += _unexpected_sessions(instrument, arrays, expected)
    found += _stale_repeats(arrays, closes, limits)
    found += judge_moves(
        closes,
        arrays,
        closes.dividends if instrument.return_kind == "price" else np.zeros(len(closes.values)),
        MoveLimits.of(instrument, limits),
        Testimony.of(
            closes, second, np.array(sorted(released), dtype="datetime64[D]"), lowest=_lowest(instrument)
        ),
    )
    return QualityReport(_mended(bars, broken), findings_frame(instrument.id, found))


def _missing_sessions(
    instrument: Instrument, bars: pd.DataFrame, expected: pd.DataFrame
) -> Iterator[Finding]:
    sessions, trading_days = dates_of(expected["session"]), dates_of(expected["trading_day"])
    for at in np.flatnonzero(~np.isin(sessions, dates_of(bars["session"]))).tolist():
        detail = f"{instrument.exchange} has a session on {sessions[at]}, and no bar of it came."
        # A guess that was wrong is nothing that went wrong.
        severity = "warning" if instrument.session_expectation == "soft" else None
        yield Finding(sessions[at], "missing_session", trading_days[at], detail, severity=severity)


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


def _stale_repeats(bars: BarArrays, closes: Closes, limits: QualityLimits) -> Iterator[Finding]:
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


def _lowest(instrument: Instrument) -> float:
    """Return what a price has to be above: 0, and for a yield some percent that never was."""
    return LOWEST_YIELD if instrument.return_kind == "yield" else 0.0
