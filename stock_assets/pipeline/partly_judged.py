"""Trading days of a run for which a bar came of an instrument that was not judged on them."""

from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd
import sqlalchemy as sa

from stock_assets.storage.findings import read_findings


def partly_judged_days(
    connection: sa.Connection,
    days: Sequence[date],
    asked: Mapping[str, Sequence[date]],
    bars: pd.DataFrame,
    previous: pd.DataFrame,
    revised: pd.DataFrame,
) -> set[date]:
    """Return which days of a run are to be judged anew although the run has just loaded them.

    An instrument that needs only the last of them reads the sessions before again. What comes or is corrected
    there belongs to earlier days of the run, of which it was not asked: what was found on them is outdated,
    and what was found on the day of the bar that follows, which is judged by it.

    Parameters
    ----------
    days : sequence of date
        The run's trading days in ascending order.
    asked : mapping of str to sequence of date
        The days that each instrument was judged on.
    bars, previous : DataFrame
        What was to be stored, and what was stored before.
    revised : DataFrame
        The bars that were corrected, as ``AppendedBars`` has them.
    """
    key = ["instrument", "session"]
    known = pd.MultiIndex.from_frame(previous[key])
    added = bars[~pd.MultiIndex.from_frame(bars[key]).isin(known)]
    changed = pd.concat([frame[[*key, "trading_day"]] for frame in (added, revised)])
    either = pd.concat([frame[[*key, "trading_day"]] for frame in (previous, bars)])
    either = either.drop_duplicates(key).sort_values(key)
    before = either.assign(session=either.groupby("instrument")["session"].shift())
    following = before[pd.MultiIndex.from_frame(before[key]).isin(pd.MultiIndex.from_frame(changed[key]))]
    found = read_findings(connection, days[0], days[-1])[[*key, "trading_day"]]
    # A bar that is held is so on the day that knew it for a spike, too.
    held = found[pd.MultiIndex.from_frame(found[key]).isin(pd.MultiIndex.from_frame(changed[key]))]
    outdated = pd.concat([changed, following, held])[["instrument", "trading_day"]]
    concerned = {(instrument, stamp.date()) for instrument, stamp in outdated.itertuples(index=False)}
    return {day for instrument, day in concerned if day in days and day not in asked.get(instrument, ())}
