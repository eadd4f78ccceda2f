"""Asking the sources of one instrument for its bars, and judging what they say."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.errors import NoDataForWindow
from stock_assets.market_data.bar_assembly import assemble_bars
from stock_assets.market_data.quality import check_bars
from stock_assets.market_data.second_opinion import second_opinion
from stock_assets.market_data.source import PriceSource
from stock_assets.market_data.sources import fetch_rows
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.restatements import (
    is_restated,
    outranked,
    refuse_other_level,
    refuse_splices,
    stands_in,
)


@dataclass(frozen=True, eq=False)
class Answer:
    """The bars that an instrument's sources gave.

    Attributes
    ----------
    source : str
        Name of the source that gave them.
    bars : DataFrame
        Columns ``BAR_COLUMNS``: those of the sessions that were asked for and that have fallen due.
    silent : tuple of str
        What the sources said that were asked before it and gave none.
    """

    source: str
    bars: pd.DataFrame
    silent: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class JudgedDays:
    """What becomes of an instrument's bars of some trading days.

    Attributes
    ----------
    source : str
        Name of the source that gave them.
    bars : DataFrame
        Those to be stored, of the days and of the sessions before them that were read again.
    findings : DataFrame
        What the quality checks found on the days.
    silent : tuple of str
        What the other sources said that were asked and gave no bars.
    """

    source: str
    bars: pd.DataFrame
    findings: pd.DataFrame
    silent: tuple[str, ...]


def due_bars(bars: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """Return the bars, there or expected, that have fallen due: before that no bar is final."""
    return bars[bars["available_at"] <= pd.Timestamp(now)]


def ask_sources(
    deployment: Deployment,
    sources: Mapping[str, PriceSource],
    instrument: Instrument,
    first: date,
    last: date,
    *,
    stored: pd.DataFrame,
    now: datetime,
) -> Answer:
    """Return an instrument's bars of the sessions from ``first`` to ``last``, by one request a source.

    A row of another session, as live sources append one, and a bar that is not due yet are left out.

    Parameters
    ----------
    stored : DataFrame
        Bars of the instrument, as ``read_bars`` returns them.

    Raises
    ------
    SourceError
        If no source answered; or if one has no bar at all, not even of sessions whose bars are stored: that
        answer says nothing of the others either.
    """
    fetched = fetch_rows(instrument, sources, first, last)
    if fetched.rows.empty and stored["session"].between(pd.Timestamp(first), pd.Timestamp(last)).any():
        raise NoDataForWindow(
            f"instruments.{instrument.id}: the source {fetched.source!r} has no bar from {first} to {last}, "
            "not even those that are stored; load these days again later."
        )
    rows = fetched.rows[fetched.rows["session"].between(pd.Timestamp(first), pd.Timestamp(last))]
    bars = assemble_bars(
        instrument,
        fetched.source,
        rows,
        deployment.calendars[instrument.exchange],
        deployment.history_days,
    )
    is_fallback = fetched.source != instrument.sources[0].source
    return Answer(fetched.source, due_bars(bars, now), fetched.failures if is_fallback else ())


def judge_days(
    deployment: Deployment,
    sources: Mapping[str, PriceSource],
    instrument: Instrument,
    stored: pd.DataFrame,
    days: Sequence[date],
    *,
    history: Callable[[], pd.DataFrame],
    released: Collection[date],
    now: datetime,
) -> JudgedDays:
    """Load an instrument's bars of trading days and of the sessions just before, and judge them.

    Parameters
    ----------
    stored : DataFrame
        Bars of the instrument around the days, held ones too, as ``read_bars`` returns them.
    days : sequence of date
        Trading days in ascending order.
    history : callable
        Reads all bars of the instrument, as ``stored``; called only for a fallback and a restatement.
    released : collection of date
        Sessions whose bars somebody has released.

    Raises
    ------
    SourceError
        If no source answered; if a fallback answered whose closes are not on the level of those that are
        stored; or if a restatement would leave closes of the old level beside new ones.
    """
    universe = deployment.universe
    wanted = pd.to_datetime(list(days))
    expected = due_bars(deployment.expected_bars[instrument.id], now)
    own = expected[expected["trading_day"].isin(wanted)]
    earlier = expected[expected["trading_day"] < wanted[0]]
    before = earlier.tail(universe.reread_sessions)
    sessions = pd.concat([before, own])["session"]
    first = sessions.iloc[0].date() if len(sessions) else days[0]
    last = max(sessions.iloc[-1].date(), days[-1]) if len(sessions) else days[0]
    answer = ask_sources(deployment, sources, instrument, first, last, stored=stored, now=now)
    fallback = answer.source != instrument.sources[0].source and stands_in(
        instrument, answer.source, history()
    )
    if fallback:
        refuse_other_level(instrument, answer.source, universe.quality, answer.bars, history())
    second = second_opinion(instrument, sources, answer.source, first, last)

    # A bar of a day that the calendar knows no session of is read again, and restated, like any other.
    again = answer.bars[answer.bars["trading_day"] < wanted[0]]
    restated = not fallback and is_restated(again, stored)
    if restated:
        before, first = earlier, earlier["session"].iloc[0].date()
        # Another source would say the past on a level of its own.
        same = tuple(choice for choice in instrument.sources if choice.source == answer.source)
        only = instrument.model_copy(update={"sources": same})
        whole = ask_sources(deployment, sources, only, first, last, stored=stored, now=now)
        answer = replace(whole, silent=answer.silent)
        again = answer.bars[answer.bars["trading_day"] < wanted[0]]
    again = check_bars(instrument, again, before, stored, universe.quality, second, released).bars

    # The days are judged by what the source says now of the closes before them, as they are within a range.
    superseded = stored["session"].isin(again["session"])
    context = pd.concat([frame[["session", "close", "dividend"]] for frame in (stored[~superseded], again)])
    bars = answer.bars[answer.bars["trading_day"].isin(wanted)]
    report = check_bars(instrument, bars, own, context, universe.quality, second, released)

    bars = pd.concat([again, report.bars], ignore_index=True)
    if restated:
        refuse_splices(instrument, answer.source, universe.quality, bars, history())
    else:
        bars = bars[~outranked(instrument, bars, stored)]
    unasked = () if second is None or second.failure is None else (second.failure,)
    return JudgedDays(answer.source, bars, report.findings, (*answer.silent, *unasked))
