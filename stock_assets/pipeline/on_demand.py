"""Stage1 on demand: what networks say of one trading day, shown and never published.

A question may be about any trading day that is over, and may name a network: one that is registered, or an
artefact that lies anywhere. Prices are those that the day may see, whichever network is asked. Nothing is
stored: no prediction, no outcome, no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from stock_assets.errors import ArtifactError, ConfigurationError, NotPredictable
from stock_assets.learning.randomness import single_threaded
from stock_assets.pipeline.covariates import covariate_problem, covariate_remarks
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.frames import rows_of
from stock_assets.pipeline.histories import MarketView, market_view
from stock_assets.pipeline.networks import (
    Network,
    imported_network,
    network_of_day,
    registered_network,
    require_earlier_cutoff,
)
from stock_assets.pipeline.outcomes import day_problems
from stock_assets.pipeline.prediction_remarks import lag_problem, lag_remarks, short_history
from stock_assets.stage1.inference import predict
from stock_assets.storage.days import read_days
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.models import models_for
from stock_assets.trading_days import decision_time

#: Sessions of the past that a prediction is shown with.
PAST_SESSIONS = 120

_DTYPES = {
    "instrument": "str",
    "as_of_session": "datetime64[s]",
    "predicted_return": "float64",
    "horizon": "int64",
    "validation_rmse": "float64",
    "model": "str",
    "imported": "bool",
    "cutoff": "datetime64[s]",
    "knows_later_prices": "bool",
    "note": "str",
}


@dataclass(frozen=True, eq=False)
class OnDemandPrediction:
    """What one network says of one instrument.

    Attributes
    ----------
    instrument : str
    as_of_session : date
        The last session that the prediction saw.
    predicted_return : float
        Decimal total return over ``horizon`` sessions, from the first close after the day's decision time.
    horizon : int
        Sessions, as the network was trained; the universe's may be another.
    validation_rmse : float
        Root mean squared error of the network on its validation windows, decimal return over ``horizon``.
    model : str
        Model id of a registered network, SHA-256 of an imported one.
    imported : bool
        Whether the network was read from a file that was given.
    cutoff : date
        The network knows nothing that falls due from then on.
    knows_later_prices : bool
        Whether the cutoff is after the day: the network may have learned what it is to predict.
    note : str
        Sentences on what is particular about it; empty if nothing is.
    level : ndarray of float64, shape (n_sessions,)
        Total-return level of the last sessions, at most ``PAST_SESSIONS`` and the one of ``as_of_session``.
    """

    instrument: str
    as_of_session: date
    predicted_return: float
    horizon: int
    validation_rmse: float
    model: str
    imported: bool
    cutoff: date
    knows_later_prices: bool
    note: str
    level: np.ndarray


@dataclass(frozen=True, eq=False)
class OnDemandReport:
    """What was asked for, and why some of it was refused.

    Attributes
    ----------
    day : date
        The trading day.
    predictions : tuple of OnDemandPrediction
        In the order of the instruments that were asked for; at least one.
    refused : dict of str to str
        Why the other instruments have none, by id.
    """

    day: date
    predictions: tuple[OnDemandPrediction, ...]
    refused: dict[str, str]

    @property
    def frame(self) -> pd.DataFrame:
        """The predictions without their levels, an instrument a row; columns as ``OnDemandPrediction``."""
        rows = [tuple(getattr(one, name) for name in _DTYPES) for one in self.predictions]
        return pd.DataFrame(rows, columns=list(_DTYPES)).astype(_DTYPES)


def predict_on_demand(
    deployment: Deployment,
    engine: sa.Engine,
    *,
    day: date,
    now: datetime,
    instruments: Sequence[str] | None = None,
    model: str | None = None,
    artifact: Path | None = None,
    allow_later_model: bool = False,
) -> OnDemandReport:
    """Predict instruments on a trading day as the day could have, and store nothing.

    Parameters
    ----------
    day : date
        A trading day that is over, and whose prices are settled.
    now : datetime
        With a time zone.
    instruments : sequence of str, optional
        Ids. By default that of the given network, or else all instruments of the universe.
    model : str, optional
        Id of a registered network, for its instrument; the others are predicted by the networks that the
        day uses.
    artifact : Path, optional
        The same of a file with a stage1 artefact, which is read and neither registered nor copied.
    allow_later_model : bool
        Whether the given network may have a cutoff after the day. What it says then knows later prices.

    Raises
    ------
    NotPredictable
        If the day, the instruments or the given network cannot be used, or if no instrument can be predicted.
    ArtifactError
        If the given network's artefact is missing, damaged, or no stage1 network.
    """
    _require_trading_day(deployment, day, now)
    if model is not None and artifact is not None:
        raise NotPredictable(
            f"Both the model {model} and the artefact {artifact} were given; give one of them."
        )
    given = None if artifact is None else imported_network(artifact)
    with read_transaction(engine) as connection:
        if model is not None:
            given = registered_network(deployment, connection, model)
        names = _asked_for(deployment, instruments, given)
        _require_prices(connection, day)
        records = models_for(connection, "stage1", names, [day])
        view = market_view(deployment, connection, [day])
    if given is not None and not allow_later_model:
        require_earlier_cutoff(given, day)
    predictions: list[OnDemandPrediction] = []
    refused: dict[str, str] = {}
    for name in names:
        try:
            if given is not None and given.model.instrument == name:
                network = given
            else:
                network = network_of_day(deployment, name, day, records.get((name, day)))
            predictions.append(_predict(deployment, network, view, day))
        except (ArtifactError, ConfigurationError, NotPredictable) as error:
            refused[name] = str(error)
    if not predictions:
        reason = next(iter(refused.values()))
        raise NotPredictable(
            reason if len(names) == 1 else f"None of {len(names)} instruments can be predicted: {reason}"
        )
    return OnDemandReport(day, tuple(predictions), refused)


def newest_day(deployment: Deployment, engine: sa.Engine) -> date:
    """Return the newest trading day that can be asked about: the last one with settled prices.

    Raises
    ------
    NotPredictable
        If there is none.
    """
    with read_transaction(engine) as connection:
        states = rows_of(read_days(connection, deployment.partition_days.first, deployment.last_day))
    settled = [row["date"].date() for row in states if row["state"] in ("complete", "partial")]
    if not settled:
        raise NotPredictable(
            f"No trading day of {deployment.universe.name} has its prices yet; run `stock-assets run` first."
        )
    return settled[-1]


def _require_trading_day(deployment: Deployment, day: date, now: datetime) -> None:
    days = deployment.partition_days
    if day not in days:
        if days.first < day < days.last:
            near = f"the ones beside it are {days.previous(day)} and {days.next(day)}"
        else:
            near = f"they reach from {days.first} to {days.last}"
        raise NotPredictable(f"{day} is no trading day of {deployment.universe.name}; {near}.")
    if decision_time(day) > now:
        raise NotPredictable(
            f"{day} is not over before its decision time, {decision_time(day):%Y-%m-%d %H:%M} UTC; choose a "
            "day in the past."
        )


def _require_prices(connection: sa.Connection, day: date) -> None:
    problem = day_problems(connection, [day]).get(day)
    if problem is not None:
        yet = " yet" if problem.status == "waiting" else ""
        raise NotPredictable(f"{day} cannot be predicted{yet}: {problem.reason or problem.status}")


def _asked_for(
    deployment: Deployment, instruments: Sequence[str] | None, given: Network | None
) -> tuple[str, ...]:
    """Return the instruments that are asked for, each once."""
    known = deployment.universe.instrument_ids
    names = tuple(dict.fromkeys(instruments or ()))
    for name in names:
        if name not in known:
            raise NotPredictable(
                f"{deployment.universe.name} has no instrument {name!r}; allowed are {', '.join(known)}."
            )
    if given is None:
        return names or known
    own = given.model.instrument
    if own not in known:
        raise NotPredictable(
            f"The network {given.name} is of {own!r}, which is no instrument of {deployment.universe.name}; "
            f"allowed are {', '.join(known)}."
        )
    if names and own not in names:
        raise NotPredictable(
            f"The network {given.name} is of {own}, and {', '.join(names)} was asked for; ask for {own}."
        )
    return names or (own,)


def _predict(deployment: Deployment, network: Network, view: MarketView, day: date) -> OnDemandPrediction:
    model, limit = network.model, deployment.universe.max_staleness
    instrument, covariates = model.instrument, model.config.covariates
    if not view.has_bar[instrument][0]:
        raise NotPredictable(f"{instrument} has no bar until {day}; load its prices.")
    if gone := [name for name in covariates if name not in view.histories]:
        raise NotPredictable(
            f"The network {network.name} reads {', '.join(gone)}, which {deployment.universe.name} does not "
            "price; take another network."
        )
    problem = lag_problem(view, instrument, 0, limit)
    problem = problem or covariate_problem(view, instrument, covariates, [day], 0, limit)
    if problem:
        raise NotPredictable(problem)
    history = view.histories[instrument]
    with single_threaded():
        found = predict(model, history, view.histories, np.array([day], dtype="datetime64[D]"))
    value = float(found.predicted_return[0])
    if not np.isfinite(value):
        raise NotPredictable(short_history(instrument, day))
    remarks = [*network.remarks]
    knows_later = model.cutoff > day
    if knows_later:
        remarks.insert(0, f"The network knows later prices: its cutoff {model.cutoff} is after {day}.")
    if model.config.horizon != (usual := deployment.config.stage1.horizon):
        remarks.append(f"It is over {model.config.horizon} sessions, where stage1.yaml says {usual}.")
    remarks += [*lag_remarks(view, instrument, 0), *covariate_remarks(view, covariates, 0)]
    return OnDemandPrediction(
        instrument=instrument,
        as_of_session=found.as_of_session[0].item(),
        predicted_return=value,
        horizon=model.config.horizon,
        validation_rmse=model.metrics.residual_rmse,
        model=network.name,
        imported=network.imported,
        cutoff=model.cutoff,
        knows_later_prices=knows_later,
        note=" ".join(remarks),
        level=history.level[-PAST_SESSIONS - 1 :],
    )
