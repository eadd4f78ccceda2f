"""Rows of frames as plain dictionaries."""

from typing import Any, cast

import pandas as pd


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the frame's rows by column name: dates as Timestamp, missing texts as NaN."""
    return cast(list[dict[str, Any]], frame.to_dict("records"))
