"""The test that nothing of a day knows what comes after it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np

from stock_assets.market_data.bars import InstrumentHistory

Histories = Mapping[str, InstrumentHistory]

#: Computes everything at or before a trading day from histories that may go on after it.
Compute = Callable[[Histories, np.datetime64], bytes]

_PRICES = ("level", "open", "high", "low", "close", "volume")


class LookAhead(AssertionError):
    """Something at or before a day changed with what comes after it."""


def change_after(histories: Histories, day: np.datetime64, seed: int) -> dict[str, InstrumentHistory]:
    """Return the histories with all numbers of every bar after ``day`` replaced at random."""
    rng = np.random.default_rng(seed)
    changed = {}
    for name, history in histories.items():
        after = history.trading_days > day
        columns = {
            column: np.where(
                after,
                getattr(history, column) * rng.uniform(0.2, 5.0, len(history)),
                getattr(history, column),
            )
            for column in _PRICES
        }
        changed[name] = replace(history, **columns)
    return changed


def assert_no_lookahead(
    compute: Compute, histories: Histories, days: Iterable[np.datetime64], seeds: Iterable[int] = (1, 2)
) -> None:
    """Demand the same bytes for each day, with later bars changed at random and with none at all.

    Parameters
    ----------
    compute : callable
        ``(histories, day) -> bytes``: what is to know nothing after the day.
    histories : mapping of str to InstrumentHistory
        They should go on after the last of ``days``.
    days : iterable of datetime64[D]
    seeds : iterable of int
        Of the random changes, which are made once for each.

    Raises
    ------
    LookAhead
        With the day, and what was done to the bars after it.
    """
    for day in days:
        expected = compute(histories, day)
        variants = {f"changed with seed {seed}": change_after(histories, day, seed) for seed in seeds}
        variants["removed"] = {name: history.until(day) for name, history in histories.items()}
        for what, variant in variants.items():
            if compute(variant, day) != expected:
                raise LookAhead(f"the bytes for {day} change when the bars after it are {what}.")
