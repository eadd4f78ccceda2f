"""The stage1 networks of a cutoff against what came, as a table on the terminal."""

from collections.abc import Sequence
from datetime import date

from rich import box
from rich.console import Console
from rich.table import Table

from stock_assets.cli.instance import open_prepared
from stock_assets.errors import ConfigurationError
from stock_assets.pipeline.validation import InstrumentValidation, pooled, validate_networks

_COLUMNS = ("instrument", "days", "MAE", "zero\nforecast", "mean\nforecast", "ratio to\nzero", "sign\nright")


def print_validation(cutoff: date, first: date, last: date, console: Console | None = None) -> None:
    """Print each network's mean absolute error beside those of naive forecasts.

    Raises
    ------
    ConfigurationError
        If the range holds no trading day.
    StorageError
        If a network of the cutoff is missing.
    """
    deployment, engine = open_prepared()
    if not deployment.history_days.between(first, last):
        raise ConfigurationError(
            f"There is no trading day of {deployment.universe.name} from {first} to {last}; its trading days "
            f"reach from {deployment.history_days.first} to {deployment.history_days.last}."
        )
    out = console or Console()
    validations = validate_networks(deployment, engine, cutoff, first, last)
    out.print(validation_table(validations, cutoff, first, last))
    horizon = max(item.horizon for item in validations)
    out.print(f"MAE: mean absolute error of the return over {horizon} sessions, in %.")
    out.print(f"Days overlap: the returns of neighbouring days share {horizon - 1} of their sessions.")
    if first < cutoff:
        out.print(f"Days before {cutoff} are in sample: the networks were trained on them.")
    if any(not item.result.scored_days for item in validations):
        out.print("No figure: no return of the range is known yet.")


def validation_table(
    validations: Sequence[InstrumentValidation], cutoff: date, first: date, last: date
) -> Table:
    """Return a table with an instrument a row; errors in percent over the horizon."""
    table = Table(
        title=f"Cutoff {cutoff}, days {first} to {last}",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name == "instrument" else "right", no_wrap=True)
    for item in validations:
        result = item.result
        figures = _cells(result.scored_days, result.mae, result.zero_mae, result.mean_mae)
        table.add_row(item.instrument, *figures, _share(result.directional_accuracy, result.scored_days))
    table.add_section()
    table.add_row("all", *_cells(*pooled(validations)), "")
    return table


def _cells(days: int, mae: float, zero_mae: float, mean_mae: float) -> tuple[str, ...]:
    if not days:
        return ("0", "–", "–", "–", "–")
    ratio = f"{mae / zero_mae:.3f}" if zero_mae else "–"
    return (str(days), f"{100 * mae:.2f}", f"{100 * zero_mae:.2f}", f"{100 * mean_mae:.2f}", ratio)


def _share(value: float, days: int) -> str:
    return f"{100 * value:.0f} %" if days else "–"
