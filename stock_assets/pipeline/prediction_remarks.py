"""What is said of an instrument's prediction on a day: why there is none, or what is particular about it."""

from datetime import date

from stock_assets.cutoffs import cutoff_for
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.histories import MarketView


def lag_problem(view: MarketView, instrument: str, position: int, limit: int) -> str | None:
    """Say that an instrument's last bar is too old on the day at that position, or return ``None``.

    Parameters
    ----------
    limit : int
        Number of its own sessions by which the last bar may lag.
    """
    if (lag := view.staleness[instrument][position]) <= limit:
        return None
    return (
        f"The last bar of {instrument} lags {lag} of its sessions behind, more than the {limit} that "
        "max_staleness allows."
    )


def short_history(instrument: str, day: date) -> str:
    """Say that an instrument has no window yet that its network could read."""
    return f"{instrument} has too few sessions before {day} for a window of its network."


def cutoff_remarks(deployment: Deployment, day: date, cutoff: date) -> list[str]:
    """Say that the network which a day uses is not of the newest cutoff on or before it."""
    wanted = cutoff_for(deployment.universe.cutoffs, day)
    if cutoff == wanted:
        return []
    return [f"The cutoff {wanted} was never trained; the network of {cutoff} is used."]


def lag_remarks(view: MarketView, instrument: str, position: int) -> list[str]:
    """Say by how much the last bar of an instrument lags behind on the day at that position."""
    lag = view.staleness[instrument][position]
    return [f"The last bar lags {lag} of the instrument's sessions behind."] if lag else []
