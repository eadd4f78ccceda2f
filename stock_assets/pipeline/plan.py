"""What is still to be done to bring a universe up to date, judged by its tables alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from stock_assets.cutoffs import cutoffs_between
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.price_gaps import history_gaps, unexplained_gaps
from stock_assets.pipeline.settled import open_days, unsettled_days
from stock_assets.pipeline.trainings import Training, first_cutoffs, missing_trainings
from stock_assets.trading_days import decision_time

#: Days of one run, at the most: a broken one keeps what the runs before it wrote.
DAYS_PER_RUN = 300


@dataclass(frozen=True)
class Plan:
    """Work in the order in which it has to be done.

    Attributes
    ----------
    history : tuple of str
        Instruments whose bars before the first trading day are not all there.
    price_runs : tuple of tuple of date
        Trading days without settled prices, a year a run at the most.
    trainings : tuple of Training
        Cutoffs with networks to train.
    daily_runs : tuple of tuple of date
        Trading days from the first trained cutoff on without settled predictions or weights, likewise.
    """

    history: tuple[str, ...]
    price_runs: tuple[tuple[date, ...], ...]
    trainings: tuple[Training, ...]
    daily_runs: tuple[tuple[date, ...], ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.history or self.price_runs or self.trainings or self.daily_runs)


def make_plan(deployment: Deployment, connection: sa.Connection, now: datetime) -> Plan:
    """Return what is to be done so that every trading day that is over is up to date.

    Parameters
    ----------
    connection : Connection
        One snapshot of the tables.
    now : datetime
        With a time zone; a trading day is over at its decision time.
    """
    days = days_over(deployment, now)
    trainings = missing_trainings(deployment, connection, _wanted_cutoffs(deployment, days))
    firsts = first_cutoffs(deployment, connection, trainings)
    daily = [day for day in days if firsts and day >= min(firsts.values())]
    return Plan(
        history=tuple(history_gaps(deployment, connection)),
        price_runs=_runs(deployment, _days_without_prices(deployment, connection, days)),
        trainings=trainings,
        daily_runs=_runs(deployment, unsettled_days(deployment, connection, daily, firsts)),
    )


def days_over(deployment: Deployment, now: datetime) -> list[date]:
    """Return the trading days whose decision time is past, in ascending order.

    Parameters
    ----------
    now : datetime
        With a time zone.
    """
    return [day for day in deployment.partition_days if decision_time(day) <= now]


def split_into_runs(days: Sequence[date]) -> tuple[tuple[date, ...], ...]:
    """Split consecutive days into runs: a calendar year each, and never more than ``DAYS_PER_RUN``."""
    runs: list[list[date]] = []
    for day in days:
        if not runs or runs[-1][-1].year != day.year or len(runs[-1]) == DAYS_PER_RUN:
            runs.append([])
        runs[-1].append(day)
    return tuple(tuple(run) for run in runs)


def _days_without_prices(
    deployment: Deployment, connection: sa.Connection, days: Sequence[date]
) -> list[date]:
    """Return the days that wait or were never loaded, lack bars of a new instrument, or got a bar since."""
    if not days:
        return []
    gaps = unexplained_gaps(deployment, connection, days[0], days[-1])
    unsettled = {stamp.date() for gap in gaps.values() for stamp in gap["trading_day"]}
    unsettled |= open_days(connection, days)
    return [day for day in days if day in unsettled]


def _wanted_cutoffs(deployment: Deployment, days: Sequence[date]) -> list[date]:
    """Return the first cutoff that the universe wants trained, and the last."""
    if not days:
        return []
    cutoffs = cutoffs_between(deployment.universe.cutoffs, days[0], days[-1])
    first = deployment.universe.first_cutoff
    return sorted({cutoffs[-1], *(cutoff for cutoff in cutoffs if cutoff == first)})


def _runs(deployment: Deployment, days: Iterable[date]) -> tuple[tuple[date, ...], ...]:
    """Return the days in stretches without a gap, since a run takes a range of partitions."""
    stretches: list[list[date]] = []
    for day in days:
        if stretches and deployment.partition_days.next(stretches[-1][-1]) == day:
            stretches[-1].append(day)
        else:
            stretches.append([day])
    return tuple(run for stretch in stretches for run in split_into_runs(stretch))
