"""What the UI shows of a trading day: a prediction, or weights with their picture and turnover."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from stock_assets.config.base_currency import currency_of_returns
from stock_assets.config.portfolios import PortfolioModel
from stock_assets.pipeline.deployment import Deployment

# Definitions import every module of this folder, and must stay light.
if TYPE_CHECKING:
    import numpy as np

    from stock_assets.pipeline.outcomes import Outcome
    from stock_assets.pipeline.portfolios import WeightsReport
    from stock_assets.pipeline.stage1 import PredictionReport

#: A range shows the picture of its last days only: a year of pictures would be megabytes of event log.
PICTURED_DAYS = 10


def add_prediction_metadata(context: dg.AssetExecutionContext, report: "PredictionReport") -> None:
    """Attach to each instrument and day what was predicted, or why nothing was."""
    from stock_assets.pipeline.frames import rows_of

    rows = {(row["date"].date(), row["instrument"]): row for row in rows_of(report.predictions)}
    for outcome in report.outcomes:
        instrument = outcome.asset.rpartition("/")[2]
        metadata = _outcome_metadata(outcome)
        row = rows.get((outcome.day, instrument))
        if row is not None:
            metadata |= {
                "predicted return (%)": round(100 * row["predicted_return"], 4),
                "as of session": str(row["as_of_session"].date()),
                "model cutoff": str(row["model_cutoff"].date()),
                "model": row["model_id"],
            }
        context.add_asset_metadata(
            metadata,
            asset_key=["stage1_prediction", instrument],
            partition_key=str(outcome.day),
        )


def add_weights_metadata(
    context: dg.AssetExecutionContext, deployment: Deployment, model: PortfolioModel, report: "WeightsReport"
) -> None:
    """Attach to each day its weights, basis and turnover, or why nothing was published."""
    from stock_assets.pictures.figures import as_markdown
    from stock_assets.pictures.weights import weight_bars

    safe = [deployment.universe.instrument(name).safe for name in report.instruments]
    pictured = set(sorted(report.portfolios)[-PICTURED_DAYS:])
    for outcome in report.outcomes:
        day = outcome.day
        metadata: dict[str, Any] = {}
        results = report.portfolios.get(day, {})
        weights = {profile: result.weights for profile, result in results.items()}
        if day in pictured:
            image = weight_bars(report.instruments, safe, weights, title=f"{model}, {day}")
            metadata["weights (picture)"] = dg.MetadataValue.md(
                as_markdown(image, f"weights of {model} on {day}")
            )
        if weights:
            metadata["weights (%)"] = _weight_table(report.instruments, weights)
            metadata["returns"] = currency_of_returns(deployment.universe)
        for profile, result in results.items():
            if (day, profile) in report.turnover:
                metadata[f"turnover, {profile} (%, one-way)"] = round(100 * report.turnover[day, profile], 2)
            metadata[f"share in safe instruments, {profile} (%)"] = round(
                100 * float(result.weights[safe].sum()), 2
            )
            metadata[f"basis, {profile}"] = result.basis
        metadata |= _outcome_metadata(outcome)
        context.add_asset_metadata(metadata, partition_key=str(day))


def _outcome_metadata(outcome: "Outcome") -> dict[str, Any]:
    metadata: dict[str, Any] = {"status": outcome.status, "dagster/partition_row_count": outcome.rows}
    if outcome.reason is not None:
        metadata["reason"] = outcome.reason
    return metadata


def _weight_table(instruments: Sequence[str], weights: "Mapping[str, np.ndarray]") -> dg.MetadataValue:
    records = [
        dg.TableRecord(
            {
                "instrument": name,
                **{profile: round(100 * float(values[place]), 2) for profile, values in weights.items()},
            }
        )
        for place, name in enumerate(instruments)
    ]
    columns = [dg.TableColumn("instrument", "string"), *(dg.TableColumn(name, "float") for name in weights)]
    return dg.MetadataValue.table(records=records, schema=dg.TableSchema(columns))
