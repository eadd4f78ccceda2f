"""How long one evaluation of the sensor ``daily`` takes: it happens every minute, in the code server."""

import re
import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure
from benchmarks.workplaces import Workplace

MOST_MILLISECONDS = 200.0
_LOOKS = 30


def evaluation(backfilled: Workplace, folder: Path, day: date) -> Figure:
    """Measure the evaluation early on the morning after a day, of a universe that is live then.

    Parameters
    ----------
    backfilled : Workplace
        With all days before it done; nothing is written there.
    """
    configs = folder / "live-configs"
    shutil.copytree(backfilled.config_dir, configs)
    path = configs / backfilled.universe / "universe.yaml"
    path.write_text(without_end(path.read_text(encoding="utf-8")), encoding="utf-8")
    place = replace(backfilled.copy(folder / "live"), config_dir=configs)
    seconds: list[float] = place.task("evaluations", f"{day + timedelta(days=1)}T06:00", str(_LOOKS))
    milliseconds = 1000 * median(seconds)
    return Figure(
        "an evaluation of the sensor daily",
        milliseconds,
        "ms",
        bound=f"under {MOST_MILLISECONDS:.0f} ms",
        met=milliseconds < MOST_MILLISECONDS,
    )


def without_end(text: str) -> str:
    """Return a universe's configuration without its last day.

    Raises
    ------
    ValueError
        If it has none.
    """
    live, found = re.subn(r"^end:.*\n", "", text, flags=re.MULTILINE)
    if found != 1:
        raise ValueError(f"universe.yaml has {found} lines with `end:`; one is needed")
    return live
