"""Portfolios in a deployment: train the Sharpe net for a cutoff, publish weights for trading days."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd
import sqlalchemy as sa

from stock_assets.config.portfolios import PortfolioModel, PortfoliosConfig, Profile
from stock_assets.errors import ConfigurationError, NotPublishable
from stock_assets.learning.loop import OnEpoch
from stock_assets.learning.randomness import single_threaded
from stock_assets.pipeline.assets import weights_asset
from stock_assets.pipeline.base_currency import rates_by_instrument, used_rates
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.histories import load_histories, require_prices, stretches
from stock_assets.pipeline.outcomes import Outcome, outcome_frame
from stock_assets.pipeline.portfolio_inputs import GatheredDays, gather_days
from stock_assets.pipeline.registry import figures, register
from stock_assets.portfolio.fallback import PortfolioResult
from stock_assets.portfolio.inputs import PortfolioInputs
from stock_assets.portfolio.models import portfolio_weights
from stock_assets.portfolio.sharpe_model import TrainedSharpeNet, model_id, save_sharpe_net
from stock_assets.portfolio.sharpe_net import train_sharpe_net
from stock_assets.portfolio.turnover import turnover
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.lost_connections import again_if_lost
from stock_assets.storage.models import ModelRecord
from stock_assets.storage.outcomes import write_outcomes
from stock_assets.storage.weights import last_weights_before, replace_weights

_DTYPES = {
    "date": "datetime64[s]",
    "profile": "str",
    "instrument": "str",
    "weight": "float64",
    "basis": "str",
    "model_cutoff": "datetime64[s]",
}


@dataclass(frozen=True, eq=False)
class WeightsReport:
    """What was published for some trading days.

    Attributes
    ----------
    instruments : tuple of str
    portfolios : dict of date to dict of str to PortfolioResult
        By day and profile; a day without portfolios is not in it.
    turnover : dict of (date, str) to float
        One-way turnover against the weights published last before the day, by day and profile; absent
        where nothing was published before.
    outcomes : tuple of Outcome
        What became of each day.
    """

    instruments: tuple[str, ...]
    portfolios: dict[date, dict[Profile, PortfolioResult]]
    turnover: dict[tuple[date, str], float]
    outcomes: tuple[Outcome, ...]


def portfolios_config(deployment: Deployment) -> PortfoliosConfig:
    """Return the universe's portfolio settings.

    Raises
    ------
    ConfigurationError
        If it has none.
    """
    if deployment.config.portfolios is None:
        raise ConfigurationError(
            f"{deployment.universe.name} has no portfolios.yaml and so no portfolios; write one to have them."
        )
    return deployment.config.portfolios


@again_if_lost
def train(
    deployment: Deployment,
    engine: sa.Engine,
    cutoff: date,
    *,
    run_id: str,
    now: datetime,
    logger: logging.Logger,
    on_epoch: OnEpoch | None = None,
) -> tuple[ModelRecord, TrainedSharpeNet]:
    """Train the Sharpe net for a cutoff, keep its artefact and register it.

    Raises
    ------
    StorageError
        If a trading day before the cutoff has no prices yet.
    InsufficientHistory, TrainingDiverged
        As ``train_sharpe_net``.
    """
    config = portfolios_config(deployment)
    # What merely helps to predict instruments does not enter, and does not have to be there.
    read = (*deployment.universe.instrument_ids, *used_rates(deployment))
    with read_transaction(engine) as connection:
        require_prices(deployment, connection, cutoff, only=read)
        histories = load_histories(deployment, connection, before=cutoff, only=read)
    with single_threaded():
        trained = train_sharpe_net(
            [histories[name] for name in deployment.universe.instrument_ids],
            deployment.history_days.as_array,
            config.sharpe_net,
            cutoff,
            rates=rates_by_instrument(deployment, histories),
            risk_free=config.risk_free_per_session,
            on_epoch=on_epoch,
            logger=logger,
        )
    artifact = save_sharpe_net(deployment.settings.artifact_dir, trained.model)
    record = register(
        engine,
        "sharpe_net",
        deployment.instrument_set,
        cutoff,
        model_id=model_id(cutoff, artifact.sha256),
        artifact=artifact,
        metrics=figures(trained.model.metrics),
        run_id=run_id,
        now=now,
    )
    return record, trained


@again_if_lost
def weigh_days(
    deployment: Deployment,
    engine: sa.Engine,
    model: PortfolioModel,
    days: Sequence[date],
    *,
    run_id: str,
    now: datetime,
) -> WeightsReport:
    """Compute one model's portfolios of every day, and replace exactly these rows.

    Every day is computed from that day's own inputs; the weights of other days enter nothing but the
    turnover, which is not stored.

    Parameters
    ----------
    days : sequence of date
        Trading days in ascending order.
    """
    config = portfolios_config(deployment)
    with read_transaction(engine) as connection:
        gathered = [
            gather_days(deployment, connection, model, stretch, config)
            for stretch in stretches(connection, days)
        ]
        previous = last_weights_before(connection, model, days[0])
    portfolios: dict[date, dict[Profile, PortfolioResult]] = {}
    outcomes: list[Outcome] = []
    cutoffs: dict[date, date] = {}
    for stretch in gathered:
        with single_threaded():
            solved, own_outcomes = _solve(model, stretch, stretch.inputs(deployment, config), config)
        portfolios |= solved
        outcomes += own_outcomes
        cutoffs |= stretch.gathered.cutoffs
    instruments = deployment.universe.instrument_ids
    report = WeightsReport(
        instruments=instruments,
        portfolios=portfolios,
        turnover=_turnovers(portfolios, previous, instruments),
        outcomes=tuple(outcomes),
    )
    rows = _weight_rows(portfolios, instruments, cutoffs)
    with engine.begin() as connection:
        replace_weights(connection, model, days, rows, computed_at=now, run_id=run_id)
        write_outcomes(
            connection,
            outcome_frame(report.outcomes, deployment.weight_settings),
            computed_at=now,
            run_id=run_id,
        )
    return report


def _solve(
    model: PortfolioModel,
    gathered: GatheredDays,
    inputs: Sequence[PortfolioInputs],
    config: PortfoliosConfig,
) -> tuple[dict[date, dict[Profile, PortfolioResult]], list[Outcome]]:
    asset = weights_asset(model)
    portfolios: dict[date, dict[Profile, PortfolioResult]] = {}
    outcomes: list[Outcome] = []
    for day, day_inputs in zip(gathered.days, inputs, strict=True):
        if day in gathered.problems:
            outcomes.append(gathered.problems[day].of(asset))
            continue
        try:
            results = portfolio_weights(model, day_inputs, config)
        except NotPublishable as error:
            outcomes.append(Outcome(day, asset, "refused", str(error)))
            continue
        portfolios[day] = results
        rows = len(results) * len(day_inputs.instruments)
        remarks = [of_days[day] for of_days in gathered.remarks if day in of_days]
        remarks += [f"{profile}: {result.reason}" for profile, result in results.items() if result.reason]
        outcomes.append(Outcome(day, asset, "published", " ".join(remarks) or None, rows))
    return portfolios, outcomes


def _turnovers(
    portfolios: Mapping[date, Mapping[Profile, PortfolioResult]],
    previous: pd.DataFrame,
    instruments: Sequence[str],
) -> dict[tuple[date, str], float]:
    last = {
        str(profile): rows.set_index("instrument")["weight"]
        .reindex(list(instruments), fill_value=0.0)
        .to_numpy()
        for profile, rows in previous.groupby("profile")
    }
    found: dict[tuple[date, str], float] = {}
    for day, results in portfolios.items():
        for profile, result in results.items():
            if profile in last:
                found[day, profile] = turnover(result.weights, last[profile])
            last[profile] = result.weights
    return found


def _weight_rows(
    portfolios: Mapping[date, Mapping[Profile, PortfolioResult]],
    instruments: Sequence[str],
    cutoffs: Mapping[date, date],
) -> pd.DataFrame:
    rows = [
        (day, profile, instrument, weight, result.basis, cutoffs[day])
        for day, results in portfolios.items()
        for profile, result in results.items()
        for instrument, weight in zip(instruments, result.weights, strict=True)
    ]
    return pd.DataFrame.from_records(rows, columns=list(_DTYPES)).astype(_DTYPES)
