"""What a corrected bar had been used for: days, portfolios and networks that know its old value."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from stock_assets.config.base_currency import rates_of
from stock_assets.pipeline.deployment import Deployment
from stock_assets.pipeline.frames import rows_of
from stock_assets.storage.models import ModelKind
from stock_assets.storage.uses import predicted_days, trained_models, weighed_days

_VALUES = tuple(f"{age}_{name}" for name in ("close", "dividend", "split") for age in ("old", "new"))


@dataclass(frozen=True)
class Correction:
    """A bar whose close, dividend or split was corrected, and what had used the old one.

    Attributes
    ----------
    instrument : str
    session, trading_day : date
        The bar's session, and the trading day from which on it was used.
    revision : int
        Number of the new revision.
    old_close, new_close : float
        In the unit of the bar.
    old_dividend, new_dividend : float
        In the instrument's currency, 0 without one.
    old_split, new_split : float
        New units per old unit, 0 without one.
    days : int
        How many trading days have predictions or weights that were computed with the old bar.
    first_day, last_day : date or None
        The first and the last of these days.
    models : tuple of str
        Networks that were trained with it, an asset and its cutoff each, in the order of cutoffs.
    """

    instrument: str
    session: date
    trading_day: date
    revision: int
    old_close: float
    new_close: float
    old_dividend: float
    new_dividend: float
    old_split: float
    new_split: float
    days: int
    first_day: date | None
    last_day: date | None
    models: tuple[str, ...]


def corrections_of(
    deployment: Deployment, connection: sa.Connection, revised: pd.DataFrame, known_at: datetime
) -> tuple[Correction, ...]:
    """Return what was computed with bars before they were corrected.

    Parameters
    ----------
    revised : DataFrame
        As ``append_bars`` returns it.
    known_at : datetime
        When the revisions were stored, with a time zone: what was computed before is listed.
    """
    found: list[Correction] = []
    for name, own in revised.groupby("instrument", sort=True):
        readers = _readers(deployment, str(name))
        first = own["trading_day"].min().date()
        days = sorted(_days(deployment, connection, str(name), readers, first, known_at))
        # Several sets of instruments may have a Sharpe net of one cutoff.
        models = list(
            dict.fromkeys(
                (_asset(kind, instrument), cutoff)
                for kind, instrument, cutoff in trained_models(connection, first, known_at)
                if (instrument in readers if kind == "stage1" else _is_held(deployment, str(name)))
            )
        )
        found += [_correction(row, days, models) for row in rows_of(own)]
    return tuple(found)


def _readers(deployment: Deployment, name: str) -> frozenset[str]:
    """Return the instruments whose networks read the bars of ``name``, as their own or as a covariate's."""
    stage1 = deployment.config.stage1
    return frozenset(
        other
        for other in deployment.universe.instrument_ids
        if other == name or name in stage1.for_instrument(other).covariates
    )


def _is_held(deployment: Deployment, name: str) -> bool:
    """Return whether portfolios read the bars of ``name``, to hold it or to convert what they hold."""
    universe = deployment.universe
    return name in universe.instrument_ids or name in rates_of(universe).values()


def _days(
    deployment: Deployment,
    connection: sa.Connection,
    name: str,
    readers: frozenset[str],
    first: date,
    known_at: datetime,
) -> set[date]:
    days = predicted_days(connection, readers, first, known_at)
    # A portfolio holds what was predicted from a covariate, and so has used it too.
    if readers or _is_held(deployment, name):
        days |= weighed_days(connection, first, known_at)
    return days


def _asset(kind: ModelKind, instrument: str | None) -> str:
    return f"stage1_model/{instrument}" if kind == "stage1" else "sharpe_net_model"


def _correction(row: dict[str, Any], days: Sequence[date], models: Sequence[tuple[str, date]]) -> Correction:
    trading_day = row["trading_day"].date()
    later = days[bisect_left(days, trading_day) :]
    return Correction(
        instrument=row["instrument"],
        session=row["session"].date(),
        trading_day=trading_day,
        revision=row["revision"],
        **{name: row[name] for name in _VALUES},
        days=len(later),
        first_day=later[0] if later else None,
        last_day=later[-1] if later else None,
        models=tuple(f"{asset} of {cutoff}" for asset, cutoff in models if cutoff > trading_day),
    )
