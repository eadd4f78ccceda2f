"""Predictions on demand as a table on the terminal, and as a picture in a file."""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from stock_assets.cli.instance import open_prepared
from stock_assets.errors import NotPredictable
from stock_assets.pipeline.on_demand import OnDemandReport, newest_day, predict_on_demand

_COLUMNS = ("instrument", "predicted", "sessions", "± RMSE", "as of", "cutoff", "network")
#: Digits of its SHA-256 that a model id ends in.
_DIGITS = 12


def print_predictions(
    day: date | None,
    instruments: Sequence[str],
    *,
    model: str | None,
    artifact: Path | None,
    allow_later_model: bool,
    picture: Path | None,
    console: Console | None = None,
) -> None:
    """Print what networks say of a trading day; nothing is stored but the picture, if one is wanted.

    Parameters
    ----------
    day : date or None
        None is the newest trading day with settled prices.
    instruments, model, artifact, allow_later_model
        As in ``predict_on_demand``.
    picture : Path or None
        The PNG to write, in place of what is there.

    Raises
    ------
    NotPredictable, ArtifactError
        As ``predict_on_demand``; the former too if the picture cannot be written.
    """
    deployment, engine = open_prepared()
    report = predict_on_demand(
        deployment,
        engine,
        day=newest_day(deployment, engine) if day is None else day,
        now=datetime.now(UTC),
        instruments=instruments,
        model=model,
        artifact=artifact,
        allow_later_model=allow_later_model,
    )
    out = console or Console()
    out.print(predictions_table(report, deployment.universe.name))
    notes: dict[str, list[str]] = {}
    for prediction in report.predictions:
        if prediction.note:
            notes.setdefault(prediction.note, []).append(prediction.instrument)
    remarks = [f"{', '.join(names)}: {note}" for note, names in notes.items()]
    remarks += [f"{name} has no prediction: {reason}" for name, reason in report.refused.items()]
    if picture is not None:
        _write_picture(report, picture)
        remarks.append(f"The picture is {picture}.")
    for remark in [*remarks, "Nothing was published."]:
        # A path or an error may hold what rich would take for its own markup.
        out.print(remark, markup=False, highlight=False, soft_wrap=True)


def predictions_table(report: OnDemandReport, universe: str) -> Table:
    """Return a table with an instrument a row; returns in percent over each network's horizon."""
    table = Table(
        title=f"{universe}: predictions of {report.day}, on demand",
        caption="predicted: total return over that many sessions, in %; RMSE: the network's error in "
        "validation; network: the digits that its model id ends in; * knows later prices",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for name in _COLUMNS:
        right = name in ("predicted", "sessions", "± RMSE")
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for one in report.predictions:
        error = f"{100 * one.validation_rmse:.2f}" if math.isfinite(one.validation_rmse) else "–"
        table.add_row(
            one.instrument,
            f"{100 * one.predicted_return:+.2f}{'*' if one.knows_later_prices else ''}",
            str(one.horizon),
            error,
            str(one.as_of_session),
            str(one.cutoff),
            one.model[:_DIGITS] if one.imported else one.model[-_DIGITS:],
        )
    return table


def _write_picture(report: OnDemandReport, path: Path) -> None:
    from stock_assets.pictures.predictions import predicted_levels

    image = predicted_levels(report.predictions, title=f"Predictions of {report.day}, on demand")
    try:
        path.write_bytes(image)
    except OSError as error:
        raise NotPredictable(
            f"The picture {path} cannot be written: {error.strerror or error}; choose another path."
        ) from error
