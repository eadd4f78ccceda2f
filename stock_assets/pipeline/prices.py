"""Prices in a deployment: load the history, load the bars of trading days."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

import pandas as pd
import sqlalchemy as sa

from stock_assets.errors import NoDataForWindow, SourceError
from stock_assets.market_data.bars import dates_of, empty_bars
from stock_assets.market_data.day_state import STATE_COLUMNS, DayStates, day_states
from stock_assets.market_data.finding_kinds import SOURCE_FAILED
from stock_assets.market_data.findings import FINDING_COLUMNS, Finding, findings_frame
from stock_assets.market_data.quality import check_bars
from stock_assets.market_data.source import PriceSource
from stock_assets.pipeline.corrections import Correction, corrections_of
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.partly_judged import partly_judged_days
from stock_assets.pipeline.price_gaps import missing_days, unexplained_gaps, with_neighbours
from stock_assets.pipeline.price_loading import JudgedDays, ask_sources, due_bars, judge_days
from stock_assets.pipeline.restatements import outranked, refuse_moved_bars, refuse_other_level
from stock_assets.storage.days import write_days
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.findings import read_findings, replace_findings
from stock_assets.storage.held_bars import released_sessions
from stock_assets.storage.lost_connections import again_if_lost
from stock_assets.storage.prices import AppendedBars, append_bars, read_bars

_log = logging.getLogger(__name__)

#: Calendar days that certainly hold the sessions that the quality checks look back on.
_CONTEXT = timedelta(days=45)


@dataclass(frozen=True, eq=False)
class HistoryReport:
    """What loading one instrument's history did.

    Attributes
    ----------
    source : str
        The source that gave the bars.
    silent : tuple of str
        What the sources said that were asked before it and gave none.
    stored : AppendedBars
    findings : DataFrame
        What the quality checks found.
    corrections : tuple of Correction
        Stored bars that the source says otherwise now, and what had used them.
    """

    source: str
    silent: tuple[str, ...]
    stored: AppendedBars
    findings: pd.DataFrame
    corrections: tuple[Correction, ...]


@dataclass(frozen=True, eq=False)
class DaysReport:
    """What loading the bars of some trading days did, and what is known of the days then.

    Attributes
    ----------
    bars : DataFrame
        The stored bars that belong to the days and may be used, as ``read_bars`` returns them.
    stored : AppendedBars
        What was new, and which bars were corrected, those of re-read sessions too.
    findings : DataFrame
        What is found on the days, but for bars that were released; columns ``FINDING_COLUMNS``.
    states : DayStates
        The state of each day.
    sources : dict of str to str
        The source that gave the bars, by instrument; those that were not asked for are not in it.
    silent : dict of str to tuple of str
        What other sources said that were asked and gave no bars, by instrument.
    failures : dict of str to str
        Why no source answered, by instrument.
    corrections : tuple of Correction
        Stored bars that a source says otherwise now, and what had used them.
    """

    bars: pd.DataFrame
    stored: AppendedBars
    findings: pd.DataFrame
    states: DayStates
    sources: dict[str, str]
    silent: dict[str, tuple[str, ...]]
    failures: dict[str, str]
    corrections: tuple[Correction, ...]


@again_if_lost
def load_history(
    deployment: Deployment,
    engine: sa.Engine,
    sources: Mapping[str, PriceSource],
    instrument: str,
    gap: pd.DataFrame,
    *,
    run_id: str,
    now: datetime,
) -> HistoryReport:
    """Load one instrument's missing bars before the first trading day, in one transaction.

    Parameters
    ----------
    gap : DataFrame
        The instrument's rows of ``history_gaps``.

    Raises
    ------
    SourceError
        If no source answered; if an instrument of which nothing is stored has no bar at all; or if the answer
        is not on the level of the closes that are stored on either side of the gap.
    """
    first, last = gap["session"].iloc[0], gap["session"].iloc[-1]
    settings, start = deployment.universe.instrument(instrument), deployment.partition_days.first
    with read_transaction(engine) as connection:
        stored_before = read_bars(connection, instruments=[instrument], until=start, held="all")
        released = released_sessions(connection).get(instrument, ())
    stored_before = stored_before[stored_before["trading_day"] < pd.Timestamp(start)]
    previous = stored_before[stored_before["session"] <= last]
    due = due_bars(deployment.expected_bars[instrument], now)
    due = due[due["trading_day"] < pd.Timestamp(start)]
    expected = due[due["session"].between(first, last)]
    around = with_neighbours(stored_before, first, last, deployment.universe.reread_sessions)
    answer = ask_sources(deployment, sources, settings, *around, stored=previous, now=now)
    bars = answer.bars[answer.bars["trading_day"] < pd.Timestamp(start)]
    if len(stored_before) and len(bars):
        refuse_other_level(settings, answer.source, deployment.universe.quality, bars, stored_before)
    bars = bars[bars["session"].between(first, last)]
    if bars.empty and previous.empty and len(expected):
        raise NoDataForWindow(
            f"instruments.{instrument}: the source {answer.source!r} has no bar from {first.date()} to "
            f"{last.date()}; choose another source or symbol, or let the universe start later."
        )
    report = check_bars(settings, bars, expected, previous, deployment.universe.quality, released=released)
    with engine.begin() as connection:
        stored = append_bars(
            connection,
            report.bars[~outranked(settings, report.bars, previous)],
            run_id=run_id,
            known_at=now,
        )
        replace_findings(
            connection,
            sorted({stamp.date() for stamp in pd.concat([expected, bars])["trading_day"]}),
            report.findings,
            instruments=[instrument],
            run_id=run_id,
            found_at=now,
        )
        corrections = corrections_of(deployment, connection, stored.revised, now)
    return HistoryReport(answer.source, answer.silent, stored, report.findings, corrections)


@again_if_lost
def load_days(
    deployment: Deployment,
    engine: sa.Engine,
    sources: Mapping[str, PriceSource],
    days: Sequence[date],
    *,
    run_id: str,
    now: datetime,
    only_missing: bool = False,
    logger: logging.Logger = _log,
) -> DaysReport:
    """Load the bars that belong to some trading days, by one request an instrument, and judge the days.

    The sessions just before are read again: a corrected bar becomes a new revision. A second source is
    asked once too, and a past that is restated once more. An instrument whose sources fail costs the
    others nothing: its bars are missing, and are asked for again. Bars, findings and states are written in
    one transaction; a day on which a bar came after all, of an instrument that was not judged on it, stays as
    it was, and so is outdated and judged by the next run.

    Parameters
    ----------
    days : sequence of date
        Trading days in ascending order.
    only_missing : bool
        Whether to ask for each instrument only from the first to the last day that still needs it, as
        ``missing_days`` says. Days that were never settled need all instruments, so that corrections are
        found as the days go on; but an instrument that is new does not make the sources say once more what
        is stored of the others. By default everything is asked for: whoever loads days again by hand wants
        to hear what the sources say today.
    logger : Logger
        Told how far the loading is.
    """
    universe = deployment.universe
    with read_transaction(engine) as connection:
        previous = read_bars(connection, since=days[0] - _CONTEXT, until=days[-1], held="all")
        released = released_sessions(connection)
        asked = (
            missing_days(deployment, connection, days)
            if only_missing
            else dict.fromkeys(universe.priced_ids, tuple(days))
        )
    refuse_moved_bars(deployment, previous)
    judged: dict[str, JudgedDays] = {}
    failures: dict[str, str] = {}
    for number, (name, own_days) in enumerate(asked.items(), start=1):
        try:
            judged[name] = judge_days(
                deployment,
                sources,
                universe.instrument(name),
                previous[previous["instrument"] == name],
                own_days,
                history=partial(_all_bars, engine, name),
                released=released.get(name, ()),
                now=now,
            )
        except SourceError as error:
            failures[name] = str(error)
            logger.warning("%d of %d: %s failed: %s", number, len(asked), name, error)
        else:
            logger.info("%d of %d: %s, from %s", number, len(asked), name, judged[name].source)
    with engine.begin() as connection:
        frames = [one.bars for one in judged.values()]
        bars = pd.concat(frames, ignore_index=True) if frames else empty_bars()
        stored = append_bars(connection, bars, run_id=run_id, known_at=now)
        findings = {name: one.findings for name, one in judged.items()}
        findings |= _findings_of_failures(deployment, connection, failures, asked, now)
        for name, own in findings.items():
            replace_findings(connection, asked[name], own, instruments=[name], run_id=run_id, found_at=now)
        states = day_states(
            days,
            deployment.expected_bars,
            read_bars(connection, until=days[-1], held="held_later", columns=STATE_COLUMNS),
            now,
            universe.deadline,
            universe.max_staleness,
            soft=[one.id for one in universe.priced if one.session_expectation == "soft"],
            failed=failures,
        )
        outdated = partly_judged_days(connection, days, asked, bars, previous, stored.revised)
        settled = states.days[~states.days["date"].isin(pd.to_datetime(sorted(outdated)))]
        write_days(connection, settled, computed_at=now, run_id=run_id)
        known = _of_days(read_findings(connection, days[0], days[-1]), days)
        return DaysReport(
            bars=_of_days(read_bars(connection, since=days[0], until=days[-1]), days),
            stored=stored,
            findings=known.loc[known["released_at"].isna(), list(FINDING_COLUMNS)],
            states=states,
            sources={name: one.source for name, one in judged.items()},
            silent={name: one.silent for name, one in judged.items() if one.silent},
            failures=failures,
            corrections=corrections_of(deployment, connection, stored.revised, now),
        )


def _all_bars(engine: sa.Engine, instrument: str) -> pd.DataFrame:
    with read_transaction(engine) as connection:
        return read_bars(connection, instruments=[instrument], held="all")


def _findings_of_failures(
    deployment: Deployment,
    connection: sa.Connection,
    failures: Mapping[str, str],
    asked: Mapping[str, Sequence[date]],
    now: datetime,
) -> dict[str, pd.DataFrame]:
    """Return the findings of instruments whose sources failed: what is known, and the bars that are owed.

    What was found before stands: nothing was said that could take it back.
    """
    if not failures:
        return {}
    first, last = min(days[0] for days in asked.values()), max(days[-1] for days in asked.values())
    all_known = read_findings(connection, first, last)
    gaps = unexplained_gaps(deployment, connection, first, last)
    findings = {}
    for name, sentence in failures.items():
        own = all_known[(all_known["instrument"] == name) & (all_known["kind"] != SOURCE_FAILED)]
        known, found = _of_days(own, asked[name]), []
        if name in gaps:
            owed = due_bars(_of_days(gaps[name], asked[name]), now)
            for session, day in zip(dates_of(owed["session"]), dates_of(owed["trading_day"]), strict=True):
                found.append(Finding(session, SOURCE_FAILED, day, sentence))
        frames = [
            frame for frame in (known[list(FINDING_COLUMNS)], findings_frame(name, found)) if len(frame)
        ]
        findings[name] = pd.concat(frames, ignore_index=True) if frames else findings_frame(name, [])
    return findings


def _of_days(frame: pd.DataFrame, days: Sequence[date]) -> pd.DataFrame:
    return frame[frame["trading_day"].isin(pd.to_datetime(list(days)))]
