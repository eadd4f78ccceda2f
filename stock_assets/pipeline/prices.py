"""Prices in a deployment: load the history, load the bars of trading days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pandas as pd
import sqlalchemy as sa

from stock_assets.config.instruments import Instrument
from stock_assets.market_data.bar_assembly import assemble_bars
from stock_assets.market_data.day_state import DayStates, day_states
from stock_assets.market_data.quality import QualityReport, check_bars
from stock_assets.market_data.source import PriceSource
from stock_assets.market_data.sources import fetch_rows
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.frames import rows_of
from stock_assets.pipeline.restatements import is_restated, refuse_moved_bars
from stock_assets.storage.days import read_days, write_days
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.findings import read_findings, replace_findings
from stock_assets.storage.prices import (
    AppendedBars,
    append_bars,
    known_at_by_day,
    read_bars,
    stored_sessions,
)

#: Calendar days that certainly hold the sessions that the quality checks look back on.
_CONTEXT = timedelta(days=45)


@dataclass(frozen=True, eq=False)
class HistoryReport:
    """What loading one instrument's history did.

    Attributes
    ----------
    source : str
        The source that gave the bars.
    stored : AppendedBars
    findings : DataFrame
        What the quality checks found.
    """

    source: str
    stored: AppendedBars
    findings: pd.DataFrame


@dataclass(frozen=True, eq=False)
class DaysReport:
    """What loading the bars of some trading days did.

    Attributes
    ----------
    bars : DataFrame
        The bars that belong to the days and passed the checks, ``BAR_COLUMNS``.
    stored : AppendedBars
        What was new, and which closes were corrected, those of re-read sessions too.
    findings : DataFrame
        What the quality checks found on the days.
    states : DayStates
        The state of each day.
    """

    bars: pd.DataFrame
    stored: AppendedBars
    findings: pd.DataFrame
    states: DayStates


def unexplained_gaps(
    deployment: Deployment, connection: sa.Connection, first: date, last: date
) -> dict[str, pd.DataFrame]:
    """Return the expected bars that are neither stored nor known to be missing or bad.

    Parameters
    ----------
    first, last : date
        Trading days that the bars belong to, both included.

    Returns
    -------
    dict of str to DataFrame
        By instrument, those with a gap only: rows as ``expected_bars`` returns them.
    """
    known = read_findings(connection, first, last)
    blocked = known[known["severity"] == "blocked"]
    gaps = {}
    for name, expected in deployment.expected_bars.items():
        wanted = expected[expected["trading_day"].between(pd.Timestamp(first), pd.Timestamp(last))]
        there = pd.Series(stored_sessions(connection, name)).astype("datetime64[s]")
        bad = blocked.loc[blocked["instrument"] == name, "session"]
        missing = wanted[~wanted["session"].isin(there) & ~wanted["session"].isin(bad)]
        if len(missing):
            gaps[name] = missing
    return gaps


def outdated_days(connection: sa.Connection, first: date, last: date) -> set[date]:
    """Return the trading days that got a bar, or the correction of one, after they were judged.

    A later day reads the sessions before it again and stores what has come; what the quality checks and the
    state say of the day that such a bar belongs to is to be said anew.
    """
    judged = {row["date"].date(): row["computed_at"] for row in rows_of(read_days(connection, first, last))}
    stored = known_at_by_day(connection, first, last)
    return {day for day, known_at in stored.items() if day in judged and known_at > judged[day]}


def history_gaps(deployment: Deployment, connection: sa.Connection) -> dict[str, pd.DataFrame]:
    """Return the unexplained gaps before the first trading day, as ``unexplained_gaps`` does."""
    last = deployment.partition_days.first - timedelta(days=1)
    return unexplained_gaps(deployment, connection, deployment.universe.history_start, last)


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
    """
    first, last = gap["session"].iloc[0], gap["session"].iloc[-1]
    settings = deployment.universe.instrument(instrument)
    expected = deployment.expected_bars[instrument]
    expected = expected[expected["session"].between(first, last)]
    source, bars = _fetch(deployment, sources, settings, first.date(), last.date())
    bars = bars[bars["trading_day"] < pd.Timestamp(deployment.partition_days.first)]
    with engine.begin() as connection:
        previous = read_bars(connection, instruments=[instrument], until=last.date())
        report = check_bars(settings, bars, expected, previous, deployment.universe.quality)
        stored = append_bars(connection, report.bars, run_id=run_id, known_at=now)
        replace_findings(
            connection,
            sorted({stamp.date() for stamp in pd.concat([expected, bars])["trading_day"]}),
            report.findings,
            instruments=[instrument],
            run_id=run_id,
            found_at=now,
        )
    return HistoryReport(source, stored, report.findings)


def load_days(
    deployment: Deployment,
    engine: sa.Engine,
    sources: Mapping[str, PriceSource],
    days: Sequence[date],
    *,
    run_id: str,
    now: datetime,
) -> DaysReport:
    """Load the bars that belong to some trading days, one request an instrument, and judge the days.

    The sessions just before are read again: a corrected close becomes a new revision. Bars, findings
    and states are written in one transaction.

    Parameters
    ----------
    days : sequence of date
        Trading days in ascending order.
    """
    universe = deployment.universe
    with read_transaction(engine) as connection:
        previous = read_bars(connection, since=days[0] - _CONTEXT, until=days[-1])
    refuse_moved_bars(deployment, previous)
    judged: list[QualityReport] = []
    reread: list[pd.DataFrame] = []
    for instrument in universe.priced:
        own = previous[previous["instrument"] == instrument.id]
        report, again = _judge_instrument(deployment, sources, instrument, own, days)
        judged.append(report)
        reread.append(again)
    bars = pd.concat([report.bars for report in judged], ignore_index=True)
    findings = pd.concat([report.findings for report in judged], ignore_index=True)
    with engine.begin() as connection:
        stored = append_bars(connection, pd.concat([*reread, bars]), run_id=run_id, known_at=now)
        replace_findings(
            connection, days, findings, instruments=universe.priced_ids, run_id=run_id, found_at=now
        )
        states = day_states(
            days,
            deployment.expected_bars,
            read_bars(connection, until=days[-1]),
            now,
            universe.deadline,
            universe.max_staleness,
        )
        write_days(connection, states.days, computed_at=now, run_id=run_id)
    return DaysReport(bars, stored, findings, states)


def _judge_instrument(
    deployment: Deployment,
    sources: Mapping[str, PriceSource],
    instrument: Instrument,
    previous: pd.DataFrame,
    days: Sequence[date],
) -> tuple[QualityReport, pd.DataFrame]:
    """Return what the checks say of the days' bars, and the bars of the sessions before them."""
    universe = deployment.universe
    wanted = {pd.Timestamp(day) for day in days}
    expected = deployment.expected_bars[instrument.id]
    own = expected[expected["trading_day"].isin(wanted)]
    before = expected[expected["trading_day"] < min(wanted)].tail(universe.reread_sessions)
    asked = pd.concat([before, own])
    if asked.empty:
        first = last = days[0]
    else:
        first = asked["session"].iloc[0].date()
        last = max(asked["session"].iloc[-1].date(), days[-1])
    _, bars = _fetch(deployment, sources, instrument, first, last)
    again = bars[bars["session"].isin(before["session"])]
    if is_restated(again, previous):
        before = expected[expected["trading_day"] < min(wanted)]
        _, again = _fetch(deployment, sources, instrument, before["session"].iloc[0].date(), last)
        again = again[again["session"].isin(before["session"])]
    again = check_bars(instrument, again, before, previous, universe.quality).bars
    # The days are judged by what the source says now of the closes before them, as they are within a range.
    superseded = previous["session"].isin(again["session"])
    context = pd.concat([frame[["session", "close"]] for frame in (previous[~superseded], again)])
    own_bars = bars[bars["trading_day"].isin(wanted)]
    return check_bars(instrument, own_bars, own, context, universe.quality), again


def _fetch(
    deployment: Deployment,
    sources: Mapping[str, PriceSource],
    instrument: Instrument,
    first: date,
    last: date,
) -> tuple[str, pd.DataFrame]:
    """Return the name of the source that answered, and its rows as bars."""
    fetched = fetch_rows(instrument, sources, first, last)
    calendar = deployment.calendars[instrument.exchange]
    return fetched.source, assemble_bars(
        instrument, fetched.source, fetched.rows, calendar, deployment.history_days
    )
