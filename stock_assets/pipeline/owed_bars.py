"""Which instruments are owed bars by sources that failed."""

from collections.abc import Sequence
from datetime import date

import pandas as pd
import sqlalchemy as sa

from stock_assets.market_data.finding_kinds import SOURCE_FAILED
from stock_assets.pipeline.frames import rows_of
from stock_assets.storage.findings import read_findings


def owing_sources(connection: sa.Connection, days: Sequence[date]) -> dict[str, str]:
    """Return what the sources said last that failed on some trading days, a sentence by instrument.

    Parameters
    ----------
    days : sequence of date
        In ascending order.
    """
    found = read_findings(connection, days[0], days[-1])
    owed = found[(found["kind"] == SOURCE_FAILED) & found["trading_day"].isin(pd.to_datetime(list(days)))]
    return {row["instrument"]: row["detail"] for row in rows_of(owed)}
