"""What the tables hold: how far bars and models go, and which days still wait for bars."""

from collections.abc import Iterator
from datetime import date

import sqlalchemy as sa

from stock_assets.doctor.diagnosis import Diagnosis
from stock_assets.storage.days import read_days
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.models import trained_cutoffs
from stock_assets.storage.prices import last_sessions

_FIRST, _LAST = date(1900, 1, 1), date(9999, 12, 31)


def content_diagnoses(engine: sa.Engine) -> Iterator[Diagnosis]:
    """Say how far bars and models go; nothing of that is wrong by itself.

    Parameters
    ----------
    engine : Engine
        A database with the tables of this version.
    """
    with read_transaction(engine) as connection:
        sessions = last_sessions(connection)
        cutoffs = [days[-1] for days in trained_cutoffs(connection, "stage1").values()]
        states = read_days(connection, _FIRST, _LAST)["state"]
    if not sessions:
        yield Diagnosis("prices", "ok", "There are no bars yet.", "Run `make run` to load them.")
    else:
        # Of several that end on one day, always the same one.
        behind, first = min(sessions.items(), key=lambda item: (item[1], item[0]))
        lag = f", those of {behind} on {first}" if first != max(sessions.values()) else ""
        waiting = int((states == "waiting").sum())
        yield Diagnosis(
            "prices",
            "ok",
            f"Bars of {len(sessions)} instruments end on {max(sessions.values())}{lag}; "
            f"{waiting} days wait for bars.",
        )
    if not cutoffs:
        yield Diagnosis("models", "ok", "No network has been trained yet.", "Run `make run` to train them.")
    else:
        newest = max(cutoffs)
        yield Diagnosis(
            "models",
            "ok",
            f"The newest cutoff is {newest}, with networks of {cutoffs.count(newest)} instruments.",
        )
