"""What the tables hold: how far bars and models go, and which days still wait for bars."""

from collections.abc import Iterator
from datetime import date

import sqlalchemy as sa

from stock_assets.doctor.diagnosis import Diagnosis
from stock_assets.storage.changes import trained_cutoffs
from stock_assets.storage.days import read_days
from stock_assets.storage.engine import read_transaction
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
        oldest, newest = min(sessions.values()), max(sessions.values())
        behind = ", ".join(name for name, session in sessions.items() if session == oldest)
        until = str(newest) if oldest == newest else f"{oldest} ({behind}) to {newest}"
        waiting = int((states == "waiting").sum())
        found = f"The last bars of {len(sessions)} instruments are of {until}; {waiting} days wait for bars."
        yield Diagnosis("prices", "ok", found)
    if not cutoffs:
        yield Diagnosis("models", "ok", "No network has been trained yet.", "Run `make run` to train them.")
    else:
        newest = max(cutoffs)
        yield Diagnosis(
            "models",
            "ok",
            f"The newest cutoff is {newest}, with networks of {cutoffs.count(newest)} instruments.",
        )
