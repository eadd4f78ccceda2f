"""The closes of an instrument as the checks compare them: judged ones behind their context, and moves."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from stock_assets.config.instruments import Instrument
from stock_assets.config.universe import QualityLimits
from stock_assets.market_data.bars import dates_of
from stock_assets.market_data.findings import BarArrays

BASIS_POINTS = 100.0  # in one percent
#: Digits of a change in basis points: the difference of 4.28 and 4.23 is not exactly 0.05.
_DIGITS = 6


@dataclass(frozen=True, eq=False)
class Closes:
    """The closes that are judged behind those that are their context, and the sessions of both.

    Attributes
    ----------
    values : ndarray of float64, shape (n_closes,)
        In the unit of the bars.
    sessions : ndarray of datetime64[D], shape (n_closes,)
        Exchange-local dates in ascending order.
    dividends : ndarray of float64, shape (n_closes,)
        Dividends with these ex-dates, 0 where nothing is said of one.
    context : int
        How many of them come before the first that is judged.
    """

    values: np.ndarray
    sessions: np.ndarray
    dividends: np.ndarray
    context: int

    @classmethod
    def of(cls, bars: BarArrays, previous: pd.DataFrame, context: int) -> "Closes":
        """Put the last ``context`` of the closes before the first bar in front of the bars' closes."""
        sessions = dates_of(previous["session"])
        order = np.argsort(sessions, kind="stable")
        if len(bars["session"]):
            order = order[sessions[order] < bars["session"][0]]
        order = order[-context:]
        values = previous["close"].to_numpy(dtype=np.float64)[order]
        paid = previous.reindex(columns=["dividend"])["dividend"].to_numpy(dtype=np.float64)[order]
        return cls(
            values=np.concatenate([values, bars["close"]]),
            sessions=np.concatenate([sessions[order], bars["session"]]),
            dividends=np.nan_to_num(np.concatenate([paid, bars["dividend"]])),
            context=len(order),
        )


@dataclass(frozen=True)
class MoveLimits:
    """How moves of an instrument are measured, and which are too large.

    Attributes
    ----------
    measure : str
        ``relative``: decimal; ``basis_points``: the change of a yield.
    jump, disagreement : float
        In that measure.
    """

    measure: Literal["relative", "basis_points"]
    jump: float
    disagreement: float

    @classmethod
    def of(cls, instrument: Instrument, limits: QualityLimits) -> "MoveLimits":
        """Return the limits that an instrument's closes are held against."""
        if instrument.return_kind == "yield":
            return cls("basis_points", limits.jump_basis_points, limits.disagreement_basis_points)
        return cls("relative", limits.jump, limits.disagreement)

    def move(self, start: float, end: float) -> float:
        """Return the move from one close to another; of prices, both above 0."""
        if self.measure == "basis_points":
            return round((end - start) * BASIS_POINTS, _DIGITS)
        return end / start - 1

    def describe(self, move: float) -> str:
        """Return a move as text, with its sign."""
        return f"{move:+.1f} basis points" if self.measure == "basis_points" else f"{move:+.1%}"

    def describe_limit(self, limit: float) -> str:
        """Return a limit as text."""
        return f"{limit:.10g} basis points" if self.measure == "basis_points" else f"{limit:.1%}"
