"""What the messages say of runs, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

#: What the names of groups of a backfill's alerts begin with.
BACKFILL_GROUP = "backfill/"


@dataclass(frozen=True)
class RunFacts:
    """What the messages of a run say of it.

    Attributes
    ----------
    run_id : str
    subject : str
        What it computes, such as ``daily 2022-12-01``.
    link : str
        Its page in the UI.
    day : date or None
        The trading day, if it is of a single one.
    attempt : int
        1 for a run that is no retry of another.
    group : str or None
        What its failures are counted with: its backfill, or its job and hour.
    closed : str
        The markets that were closed on its day, such as ``XNYS closed, Thanksgiving``.
    """

    run_id: str
    subject: str
    link: str
    day: date | None = None
    attempt: int = 1
    group: str | None = None
    closed: str = ""

    @property
    def title(self) -> str:
        """The subject as the beginning of a line, with the attempt if it is not the first one."""
        attempt = f" (attempt {self.attempt})" if self.attempt > 1 else ""
        return f"{self.subject[:1].upper()}{self.subject[1:]}{attempt}"

    def group_of_backfill(self, what: str) -> str | None:
        """Return what the runs of one backfill have in common, of which hundreds would say the same."""
        if self.group is None or not self.group.startswith(BACKFILL_GROUP):
            return None
        return f"{self.group}/{what}"[-200:]


@dataclass(frozen=True)
class WeightChange:
    """How much an instrument's weight in one portfolio differs from the day before.

    Attributes
    ----------
    portfolio : str
        Model and profile.
    instrument : str
    before, after : float
        Shares of the portfolio, from 0 to 1.
    """

    portfolio: str
    instrument: str
    before: float
    after: float

    @property
    def size(self) -> float:
        """The absolute change, in share of the portfolio."""
        return abs(self.after - self.before)


@dataclass(frozen=True)
class ForecastErrors:
    """A network's validation error beside those of naive forecasts, decimal returns over the horizon.

    Attributes
    ----------
    instrument : str
    network, zero, mean : float or None
        Mean absolute errors of the network, of "nothing moves" and of the mean of the training labels;
        None where undefined.
    """

    instrument: str
    network: float | None
    zero: float | None
    mean: float | None

    @property
    def better(self) -> bool | None:
        """Whether the network beats both naive forecasts; None where that is undefined."""
        if self.network is None or self.zero is None or self.mean is None:
            return None
        return self.network < min(self.zero, self.mean)


def error_table(errors: Sequence[ForecastErrors]) -> list[str]:
    """Return the errors as lines of a table, in percent."""
    width = max(len("instrument"), *(len(one.instrument) for one in errors))
    head = f"{'instrument':<{width}}  {'network':>7}  {'zero':>7}  {'mean':>7}"
    return [
        head,
        *(
            f"{one.instrument:<{width}}  {_points(one.network)}  {_points(one.zero)}  {_points(one.mean)}"
            for one in errors
        ),
    ]


def _points(value: float | None) -> str:
    return f"{'-':>7}" if value is None else f"{100 * value:7.3f}"
