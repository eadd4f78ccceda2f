"""What is still to be done to bring a universe up to date, judged by its tables alone."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from stock_assets.config.portfolios import PORTFOLIO_MODELS, PortfolioModel
from stock_assets.cutoffs import cutoffs_between
from stock_assets.pipeline.assets import prediction_asset, weights_asset
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.frames import rows_of
from stock_assets.pipeline.price_gaps import history_gaps, open_days, unexplained_gaps
from stock_assets.storage.held_bars import holds_changed_at, last_released_at
from stock_assets.storage.models import last_trained_at, trained_cutoffs
from stock_assets.storage.outcomes import read_outcomes
from stock_assets.storage.prices import known_at_by_day, last_known_at
from stock_assets.trading_days import decision_time

#: Days of one run, at the most: a broken one keeps what the runs before it wrote.
DAYS_PER_RUN = 300


@dataclass(frozen=True)
class Training:
    """A cutoff with the networks that it lacks."""

    cutoff: date
    instruments: tuple[str, ...]
    sharpe_net: bool

    @property
    def networks(self) -> int:
        """How many networks there are to train."""
        return len(self.instruments) + self.sharpe_net


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
    days = [day for day in deployment.partition_days if decision_time(day) <= now]
    trainings = _trainings(deployment, connection, days)
    firsts = _first_cutoffs(deployment, connection, trainings)
    daily = [day for day in days if firsts and day >= min(firsts.values())]
    return Plan(
        history=tuple(history_gaps(deployment, connection)),
        price_runs=_runs(deployment, _days_without_prices(deployment, connection, days)),
        trainings=trainings,
        daily_runs=_runs(deployment, _unsettled_days(deployment, connection, daily, firsts)),
    )


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


def _trainings(
    deployment: Deployment, connection: sa.Connection, days: Sequence[date]
) -> tuple[Training, ...]:
    """Return the first cutoff that the universe wants trained, and the last, as far as they lack networks."""
    if not days:
        return ()
    cutoffs = cutoffs_between(deployment.universe.cutoffs, days[0], days[-1])
    first = deployment.universe.first_cutoff
    wanted = sorted({cutoffs[-1], *(cutoff for cutoff in cutoffs if cutoff == first)})
    stage1 = trained_cutoffs(connection, "stage1")
    sharpe_net = trained_cutoffs(connection, "sharpe_net").get(deployment.instrument_set, ())
    has_portfolios = deployment.config.portfolios is not None
    trainings = [
        Training(
            cutoff,
            tuple(name for name in deployment.universe.instrument_ids if cutoff not in stage1.get(name, ())),
            has_portfolios and cutoff not in sharpe_net,
        )
        for cutoff in wanted
    ]
    return tuple(training for training in trainings if training.networks)


def _first_cutoffs(
    deployment: Deployment, connection: sa.Connection, trainings: Iterable[Training]
) -> dict[str, date]:
    """Return the first cutoff, trained or about to be, of the networks behind each daily asset."""
    stage1 = trained_cutoffs(connection, "stage1")
    sharpe_net = trained_cutoffs(connection, "sharpe_net").get(deployment.instrument_set, ())
    firsts: dict[str, date] = {}
    for name in deployment.universe.instrument_ids:
        planned = [training.cutoff for training in trainings if name in training.instruments]
        if cutoffs := [*stage1.get(name, ()), *planned]:
            firsts[prediction_asset(name)] = min(cutoffs)
    if deployment.config.portfolios is not None:
        planned = [training.cutoff for training in trainings if training.sharpe_net]
        # A portfolio of predictions says that it has no network as long as no instrument has any.
        by_model: dict[PortfolioModel, list[date]] = {
            model: list(firsts.values()) for model in PORTFOLIO_MODELS
        }
        by_model["sharpe_net"] = [*sharpe_net, *planned]
        firsts |= {weights_asset(model): min(cutoffs) for model, cutoffs in by_model.items() if cutoffs}
    return firsts


def _unsettled_days(
    deployment: Deployment, connection: sa.Connection, days: Sequence[date], firsts: Mapping[str, date]
) -> list[date]:
    """Return the days with an asset that another attempt may bring further."""
    if not days:
        return []
    assets = {
        prediction_asset(name): deployment.prediction_settings for name in deployment.universe.instrument_ids
    }
    if deployment.config.portfolios is not None:
        assets |= {weights_asset(model): deployment.weight_settings for model in PORTFOLIO_MODELS}
    settled: Counter[date] = Counter()
    for row in rows_of(read_outcomes(connection, days[0], days[-1])):
        settings = assets.get(row["asset"])
        if settings is not None and _is_settled(connection, row, settings, firsts):
            settled[row["date"].date()] += 1
    return [day for day in days if settled[day] < len(assets)]


def _is_settled(
    connection: sa.Connection, row: Mapping[str, Any], settings: str, firsts: Mapping[str, date]
) -> bool:
    """Return whether an outcome stands.

    What was published under other settings stands, since customers have seen it; but not portfolios of other
    instruments. What was refused is tried again under other settings, or when a bar or a network that the day
    may use has come, or was released, since. A day on which no bar came is closed until one comes after all.
    """
    day, status = row["date"].date(), row["status"]
    if status == "published":
        return str(row["settings"]).partition("/")[0] == settings.partition("/")[0] or "/" not in settings
    if status == "no_model":
        return firsts.get(row["asset"], date.max) > day
    if status == "refused":
        changes = (
            last_known_at(connection, day),
            last_released_at(connection, day),
            last_trained_at(connection, day),
        )
        return row["settings"] == settings and all(at is None or at <= row["computed_at"] for at in changes)
    came = [change(connection, day, day).get(day) for change in (known_at_by_day, holds_changed_at)]
    return status == "closed" and all(at is None or at <= row["computed_at"] for at in came)


def _runs(deployment: Deployment, days: Iterable[date]) -> tuple[tuple[date, ...], ...]:
    """Return the days in stretches without a gap, since a run takes a range of partitions."""
    stretches: list[list[date]] = []
    for day in days:
        if stretches and deployment.partition_days.next(stretches[-1][-1]) == day:
            stretches[-1].append(day)
        else:
            stretches.append([day])
    return tuple(run for stretch in stretches for run in split_into_runs(stretch))
