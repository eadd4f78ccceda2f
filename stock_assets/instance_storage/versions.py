"""The versions of Dagster whose event log tables this package is known to write as Dagster does."""

import re

OLDEST_TESTED_DAGSTER = (1, 13, 27)
NEWEST_TESTED_DAGSTER = (1, 13, 27)
"""Last version for which the tests compared every table and answer with the stock storage's."""


def is_tested(version: str) -> bool:
    """Tell whether batches may be written with this version of Dagster.

    Parameters
    ----------
    version : str
        Such as ``1.13.27``. A pre-release is not tested.
    """
    release = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", version)
    return (
        release is not None
        and OLDEST_TESTED_DAGSTER <= tuple(int(part) for part in release.groups()) <= NEWEST_TESTED_DAGSTER
    )


def tested_range() -> str:
    """Return the tested range for people: ``1.13.27`` or ``1.13.27 to 1.13.30``."""
    oldest, newest = (".".join(map(str, v)) for v in (OLDEST_TESTED_DAGSTER, NEWEST_TESTED_DAGSTER))
    return oldest if oldest == newest else f"{oldest} to {newest}"
