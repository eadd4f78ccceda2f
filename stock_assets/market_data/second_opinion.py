"""What a second source says of an instrument's closes, to compare them with the first one's."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class SecondOpinion:
    """The closes of the source that was not used.

    Attributes
    ----------
    source : str
        Name of the source.
    closes : DataFrame
        Columns ``session`` (``datetime64[s]``) and ``close`` (float64, in the unit of the instrument's bars),
        with finite closes only, each session once, in ascending order. Sessions that either source lacks are
        no disagreement.
    """

    source: str
    closes: pd.DataFrame
