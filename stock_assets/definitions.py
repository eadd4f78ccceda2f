"""The entry point of the code location."""

from pathlib import Path

import dagster as dg

from stock_assets.processes import end_with_parent


@dg.definitions
def defs() -> dg.Definitions:
    """Everything below ``stock_assets/defs``, for the universe of this process's environment."""
    # The first thing of this package that the process of a run or of a step does.
    end_with_parent()
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
