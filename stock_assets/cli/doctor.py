"""What ``doctor`` finds, line by line."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from stock_assets.doctor.diagnosis import Diagnosis
from stock_assets.doctor.examination import examine
from stock_assets.settings import Settings

#: How a verdict is written, without characters that a terminal may lack.
_MARKS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "failed": ("FAILED", "red")}
_SKIPPED = ("skipped", "dim")


def print_examination(*, every_symbol: bool, console: Console | None = None) -> bool:
    """Look at everything that the universe needs, and print a line each as it is found.

    Parameters
    ----------
    every_symbol : bool
        Whether sources are asked for all of their symbols.
    console : Console, optional
        Where to; by default standard output.

    Returns
    -------
    bool
        Whether nothing failed.
    """
    out = console or Console(highlight=False)
    settings = Settings.from_environment()
    counts: Counter[str] = Counter()
    with _errors_alone_logged():
        for diagnosis in examine(settings, every_symbol=every_symbol):
            counts[diagnosis.verdict] += 1
            out.print(_line(diagnosis), soft_wrap=True)
    verdict = f"{counts['failed']} failed, {counts['warning']} warnings, {counts['ok']} in order"
    skipped = f", {counts['skipped']} not looked at" if counts["skipped"] else ""
    out.print(f"{settings.universe}: {verdict}{skipped}.", soft_wrap=True)
    return not counts["failed"]


@contextmanager
def _errors_alone_logged() -> Iterator[None]:
    """Log no warnings of the parts that are called: they are what the lines say."""
    logger = logging.getLogger("stock_assets")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _line(diagnosis: Diagnosis) -> Text:
    # Not a string: what was found may hold brackets, which would be markup.
    mark, style = _MARKS.get(diagnosis.verdict, _SKIPPED)
    line = Text.assemble((f"{mark:<8}", style), (f"{diagnosis.subject:<18}", "bold"), " ", diagnosis.found)
    if diagnosis.remedy is not None:
        line.append(f" {diagnosis.remedy}", style)
    return line
