"""What was found, how bad it is, and what to do."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was looked at.

    Attributes
    ----------
    subject : str
        What was looked at, in one or two words.
    verdict : Verdict
        ``failed`` if something of the universe cannot work as it is, ``warning`` if it works with less,
        ``skipped`` if it was not looked at.
    found : str
        One sentence, without secrets.
    remedy : str or None
        What to do, another sentence; None if there is nothing to do or ``found`` says it.
    """

    subject: str
    verdict: Verdict
    found: str
    remedy: str | None = None
