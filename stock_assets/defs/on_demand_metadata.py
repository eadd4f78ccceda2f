"""What the UI shows of predictions on demand: a table, a picture, and what was refused."""

import math
from typing import TYPE_CHECKING, Any

import dagster as dg

# Definitions import every module of this folder, and must stay light.
if TYPE_CHECKING:
    from stock_assets.pipeline.on_demand import OnDemandPrediction, OnDemandReport

_COLUMNS = {
    "instrument": ("string", "Id."),
    "predicted return (%)": ("float", "Total return over the horizon, in the instrument's own currency."),
    "horizon (sessions)": ("int", "Sessions from the first close after the day's decision time."),
    "validation RMSE (%)": ("float", "Error of the network in validation, over the horizon."),
    "as of session": ("string", "The last session that the prediction saw."),
    "model cutoff": ("string", "The network knows nothing that falls due from then on."),
    "knows later prices": ("bool", "Whether the cutoff is after the day."),
    "model": ("string", "Model id, or the SHA-256 of an imported network."),
    "note": ("string", "What is particular about it."),
}


def on_demand_metadata(report: "OnDemandReport") -> dict[str, Any]:
    """Return the metadata of an answer."""
    from stock_assets.pictures.figures import as_markdown
    from stock_assets.pictures.predictions import predicted_levels

    title = f"Predictions of {report.day}, on demand"
    metadata: dict[str, Any] = {
        "trading day": str(report.day),
        "predictions": dg.MetadataValue.table(
            [dg.TableRecord(_record(prediction)) for prediction in report.predictions],
            schema=dg.TableSchema(
                [
                    dg.TableColumn(name, kind, description=meaning)
                    for name, (kind, meaning) in _COLUMNS.items()
                ]
            ),
        ),
        "predictions (picture)": dg.MetadataValue.md(
            as_markdown(predicted_levels(report.predictions, title=title), title)
        ),
        "units": "% of total return over the horizon, in each instrument's own currency; the op's output is "
        "decimal",
        "published": False,
    }
    if any(prediction.knows_later_prices for prediction in report.predictions):
        metadata["knows later prices"] = True
    if report.refused:
        metadata["refused"] = dg.MetadataValue.table(
            [dg.TableRecord({"instrument": name, "reason": why}) for name, why in report.refused.items()],
            schema=dg.TableSchema([dg.TableColumn("instrument"), dg.TableColumn("reason")]),
        )
    return metadata


def _record(prediction: "OnDemandPrediction") -> dict[str, Any]:
    error = prediction.validation_rmse
    values = (
        prediction.instrument,
        round(100 * prediction.predicted_return, 4),
        prediction.horizon,
        round(100 * error, 4) if math.isfinite(error) else None,
        str(prediction.as_of_session),
        str(prediction.cutoff),
        prediction.knows_later_prices,
        prediction.model,
        prediction.note,
    )
    return dict(zip(_COLUMNS, values, strict=True))
