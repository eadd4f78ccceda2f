"""Which networks a cutoff lacks, and from which cutoff on each daily asset has one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from stock_assets.config.portfolios import PORTFOLIO_MODELS, PortfolioModel
from stock_assets.pipeline.assets import prediction_asset, weights_asset
from stock_assets.pipeline.deployment import Deployment
from stock_assets.storage.changes import trained_cutoffs


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


def missing_trainings(
    deployment: Deployment, connection: sa.Connection, cutoffs: Iterable[date]
) -> tuple[Training, ...]:
    """Return the networks that these cutoffs lack, without the cutoffs that lack none."""
    stage1 = trained_cutoffs(connection, "stage1")
    sharpe_net = trained_cutoffs(connection, "sharpe_net").get(deployment.instrument_set, ())
    has_portfolios = deployment.config.portfolios is not None
    trainings = [
        Training(
            cutoff,
            tuple(name for name in deployment.universe.instrument_ids if cutoff not in stage1.get(name, ())),
            has_portfolios and cutoff not in sharpe_net,
        )
        for cutoff in cutoffs
    ]
    return tuple(training for training in trainings if training.networks)


def first_cutoffs(
    deployment: Deployment, connection: sa.Connection, planned: Iterable[Training] = ()
) -> dict[str, date]:
    """Return the first cutoff, trained or planned, of the networks behind each daily asset.

    Parameters
    ----------
    planned : iterable of Training
        What is trained before the days are computed.
    """
    trainings = tuple(planned)
    stage1 = trained_cutoffs(connection, "stage1")
    sharpe_net = trained_cutoffs(connection, "sharpe_net").get(deployment.instrument_set, ())
    firsts: dict[str, date] = {}
    for name in deployment.universe.instrument_ids:
        coming = [training.cutoff for training in trainings if name in training.instruments]
        if cutoffs := [*stage1.get(name, ()), *coming]:
            firsts[prediction_asset(name)] = min(cutoffs)
    if deployment.config.portfolios is not None:
        coming = [training.cutoff for training in trainings if training.sharpe_net]
        # A portfolio of predictions says that it has no network as long as no instrument has any.
        by_model: dict[PortfolioModel, list[date]] = {
            model: list(firsts.values()) for model in PORTFOLIO_MODELS
        }
        by_model["sharpe_net"] = [*sharpe_net, *coming]
        firsts |= {weights_asset(model): min(cutoffs) for model, cutoffs in by_model.items() if cutoffs}
    return firsts
