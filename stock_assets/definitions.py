"""The entry point of the code location."""

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """Everything below ``stock_assets/defs``, for the universe of this process's environment."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
