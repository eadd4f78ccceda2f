"""Whether the covariates of an instrument's network are recent enough to predict with."""

from collections.abc import Sequence
from datetime import date

from stock_assets.errors import InsufficientHistory
from stock_assets.market_data.bars import InstrumentHistory
from stock_assets.pipeline.histories import MarketView


def covariate_problem(
    view: MarketView,
    instrument: str,
    covariates: Sequence[str],
    days: Sequence[date],
    position: int,
    limit: int,
) -> str | None:
    """Say why an instrument cannot be predicted on a day for want of a covariate, or ``None``.

    Parameters
    ----------
    view : MarketView
        On ``days``.
    covariates : sequence of str
        Ids of what the network reads beside the instrument, as it was trained.
    position : int
        Of the day among ``days``.
    limit : int
        Number of its own sessions by which a covariate's last bar may lag.
    """
    for name in covariates:
        if not view.has_bar[name][position]:
            return f"{name}, a covariate of {instrument}, has no bar until {days[position]}; load its prices."
        if (lag := view.staleness[name][position]) > limit:
            return (
                f"The last bar of {name}, a covariate of {instrument}, lags {lag} of its sessions behind, "
                f"more than the {limit} that max_staleness allows."
            )
    return None


def covariate_remarks(view: MarketView, covariates: Sequence[str], position: int) -> list[str]:
    """Say which covariates' last bars lag behind on the day at that position, a sentence each."""
    return [
        f"The last bar of the covariate {name} lags {lag} of its sessions behind."
        for name in covariates
        if (lag := view.staleness[name][position])
    ]


def require_covariates(
    instrument: str, covariates: Sequence[str], histories: dict[str, InstrumentHistory], cutoff: date
) -> None:
    """Check that every covariate has bars to learn from.

    Raises
    ------
    InsufficientHistory
        If one has none before the cutoff: without this, the reason would blame the instrument's history.
    """
    for name in covariates:
        if len(histories[name]) < 2:
            raise InsufficientHistory(
                f"{name}, a covariate of {instrument}, has {len(histories[name])} bars before the cutoff "
                f"{cutoff}, which make no return; load its prices, or take it out of covariates in "
                "stage1.yaml."
            )
