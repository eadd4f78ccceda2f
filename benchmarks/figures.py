"""One row of the table of measurements, and the table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measurement beside what it is compared with.

    Attributes
    ----------
    what : str
        What was measured.
    value : float
        How much, in ``unit``.
    unit : str
        Such as ``"s"``.
    other : str
        What it is compared with; empty if with nothing.
    other_value : float or None
        How much that is, in the same unit.
    bound : str
        What has to hold, in words; empty if nothing has to.
    met : bool or None
        Whether it holds; None without a bound.
    """

    what: str
    value: float
    unit: str
    other: str = ""
    other_value: float | None = None
    bound: str = ""
    met: bool | None = None

    @property
    def ratio(self) -> float | None:
        """The value in terms of the other one."""
        return self.value / self.other_value if self.other_value else None


def table_of(title: str, figures: Sequence[Figure]) -> Table:
    """Return the table, a row a figure."""
    table = Table(title=title, title_justify="left")
    for heading in ("what", "value", "compared to", "ratio", "bound", ""):
        table.add_column(heading, justify="right" if heading in ("value", "ratio") else "left")
    for figure in figures:
        other = figure.other
        if figure.other_value is not None:
            other = f"{other}: {_number(figure.other_value)} {figure.unit}"
        table.add_row(
            figure.what,
            f"{_number(figure.value)} {figure.unit}",
            other,
            "" if figure.ratio is None else f"{figure.ratio:.3g}",
            figure.bound,
            {None: "", True: "met", False: "[red]missed[/]"}[figure.met],
        )
    return table


def median_of(measure: Callable[[int], float], times: int) -> float:
    """Return the median of several measurements; each is told its number."""
    return median(measure(number) for number in range(times))


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
