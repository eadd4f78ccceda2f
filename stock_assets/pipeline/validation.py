"""Hold the stage1 networks of a cutoff against what came: the mode that validates, over stored bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import sqlalchemy as sa

from stock_assets.errors import StorageError
from stock_assets.learning.randomness import single_threaded
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.histories import market_view
from stock_assets.stage1.artifacts import load_model
from stock_assets.stage1.inference import Validation, validate
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.models import model_for


@dataclass(frozen=True, eq=False)
class InstrumentValidation:
    """One instrument's network against what came.

    Attributes
    ----------
    instrument : str
    model_id : str
    cutoff : date
        Only days from it on are out of sample.
    horizon : int
        Sessions that the network predicts over.
    result : Validation
    """

    instrument: str
    model_id: str
    cutoff: date
    horizon: int
    result: Validation


def validate_networks(
    deployment: Deployment, engine: sa.Engine, cutoff: date, first: date, last: date
) -> tuple[InstrumentValidation, ...]:
    """Validate every instrument's network of a cutoff on a range of trading days.

    Nothing is stored. The returns that came are those of the bars stored so far, so that the last days of a
    range may have none yet. A bar that is held by now is left out altogether: on the few days between a bar
    and the one that denied it, the networks say something else here than was published.

    Parameters
    ----------
    cutoff : date
        The networks' cutoff.
    first, last : date
        Trading days, both included; days before the cutoff are in sample.

    Raises
    ------
    StorageError
        If an instrument has no network of that cutoff.
    """
    with read_transaction(engine) as connection:
        histories = market_view(deployment, connection, [deployment.history_days.last]).histories
        records = {
            name: model_for(connection, "stage1", name, cutoff) for name in deployment.universe.instrument_ids
        }
    found = []
    for name, record in records.items():
        if record is None or record.cutoff != cutoff:
            raise StorageError(
                f"{name} has no network of the cutoff {cutoff}; run `stock-assets train --cutoff {cutoff}` "
                "first."
            )
        model = load_model(deployment.settings.artifact_dir, record.sha256)
        with single_threaded():
            result = validate(model, histories[name], histories, first, last)
        found.append(InstrumentValidation(name, record.model_id, cutoff, model.config.horizon, result))
    return tuple(found)


def pooled(validations: Sequence[InstrumentValidation]) -> tuple[int, float, float, float]:
    """Return days, and mean absolute errors of networks, zero and mean forecast, over all instruments.

    Errors are decimal returns over the horizon, weighted by the instruments' scored days.
    """
    days = np.array([item.result.scored_days for item in validations])
    if not days.sum():
        return 0, float("nan"), float("nan"), float("nan")

    def mean(name: str) -> float:
        values = np.array([getattr(item.result, name) for item in validations])
        return float(np.average(values[days > 0], weights=days[days > 0]))

    return int(days.sum()), mean("mae"), mean("zero_mae"), mean("mean_mae")
