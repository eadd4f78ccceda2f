"""What the UI shows of loaded prices."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from stock_assets.defs.price_tables import closes_table, corrections_table, findings_table
from stock_assets.pipeline.deployment import Deployment

# Definitions import every module of this folder, and must stay light.
if TYPE_CHECKING:
    from stock_assets.pipeline.prices import DaysReport, HistoryReport


def history_metadata(deployment: Deployment, reports: "Mapping[str, HistoryReport]") -> dict[str, Any]:
    """Return the metadata of loading the history."""
    import pandas as pd

    findings = [report.findings for report in reports.values()]
    rows = [
        dg.TableRecord(
            {
                "instrument": name,
                "source": report.source,
                "bars added": report.stored.added,
                "bars corrected": len(report.stored.revised),
                "findings": len(report.findings),
                "what other sources said": " ".join(report.silent),
            }
        )
        for name, report in reports.items()
    ]
    columns = [
        dg.TableColumn("instrument", "string"),
        dg.TableColumn("source", "string"),
        dg.TableColumn("bars added", "int"),
        dg.TableColumn("bars corrected", "int"),
        dg.TableColumn("findings", "int"),
        dg.TableColumn("what other sources said", "string"),
    ]
    metadata: dict[str, Any] = {
        "from": str(deployment.universe.history_start),
        "up to": str(deployment.partition_days.first),
        "bars added": sum(report.stored.added for report in reports.values()),
        "instruments loaded": len(reports),
    }
    if reports:
        metadata["loaded"] = dg.MetadataValue.table(rows, schema=dg.TableSchema(columns))
        metadata["findings"] = findings_table(pd.concat(findings, ignore_index=True))
    corrections = [correction for report in reports.values() for correction in report.corrections]
    if corrections:
        metadata["corrections"] = corrections_table(corrections)
    return metadata


def add_days_metadata(context: dg.AssetExecutionContext, report: "DaysReport") -> None:
    """Attach to each day its state, its bars and its findings."""
    bars = dict(list(report.bars.groupby("trading_day")))
    findings = dict(list(report.findings.groupby("trading_day")))
    revised = dict(list(report.stored.revised.groupby("trading_day")))
    for day in report.states.days.to_dict("records"):
        own = bars.get(day["date"], report.bars.iloc[:0])
        metadata: dict[str, Any] = {
            "state": day["state"],
            "dagster/partition_row_count": len(own),
            "closes": closes_table(own),
            "corrected bars": len(revised.get(day["date"], ())),
        }
        if isinstance(day["reason"], str):
            metadata["reason"] = day["reason"]
        if day["date"] in findings:
            metadata["findings"] = findings_table(findings[day["date"]])
        context.add_asset_metadata(metadata, partition_key=str(day["date"].date()))
