"""What the UI shows of prices: counts, states and findings, and the results of the quality checks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from stock_assets.pipeline.deployment import Deployment

# Definitions import every module of this folder, and must stay light.
if TYPE_CHECKING:
    import pandas as pd

    from stock_assets.pipeline.prices import DaysReport, HistoryReport

#: Findings by the check that they fail; one that keeps a bar from use is an error, a warning a warning.
CHECKED_KINDS: dict[str, tuple[str, ...]] = {
    "sessions_are_complete": ("missing_session", "duplicate_session"),
    "values_are_valid": ("invalid_close", "invalid_action", "unit_mismatch", "broken_ohlc"),
    "closes_move": ("stale_repeat",),
    "moves_are_plausible": ("jump", "jump_denied_by_next_bar", "jump_denied_by_second_source"),
    "sources_agree": ("source_disagreement",),
    "calendar_agrees": ("unexpected_session",),
}

#: Findings that a table in the UI shows; the table ``findings`` has them all.
_SHOWN_FINDINGS = 50


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
                "findings": len(report.findings),
            }
        )
        for name, report in reports.items()
    ]
    columns = [
        dg.TableColumn("instrument", "string"),
        dg.TableColumn("source", "string"),
        dg.TableColumn("bars added", "int"),
        dg.TableColumn("findings", "int"),
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
            "closes": _closes_table(own),
            "corrected closes": len(revised.get(day["date"], ())),
        }
        if isinstance(day["reason"], str):
            metadata["reason"] = day["reason"]
        if day["date"] in findings:
            metadata["findings"] = findings_table(findings[day["date"]])
        context.add_asset_metadata(metadata, partition_key=str(day["date"].date()))


def price_checks(report: "DaysReport") -> list[dg.AssetCheckResult]:
    """Return one result a check, over all days of the run."""
    results = []
    for name, kinds in CHECKED_KINDS.items():
        failing = report.findings[report.findings["kind"].isin(kinds)]
        unused = (failing["severity"] != "warning").any()
        results.append(
            dg.AssetCheckResult(
                check_name=name,
                passed=failing.empty,
                severity=dg.AssetCheckSeverity.ERROR if unused else dg.AssetCheckSeverity.WARN,
                metadata={
                    "findings": len(failing),
                    "first day": str(report.states.days["date"].iloc[0].date()),
                    "last day": str(report.states.days["date"].iloc[-1].date()),
                    "what was found": findings_table(failing),
                },
            )
        )
    return results


def findings_table(findings: "pd.DataFrame") -> dg.MetadataValue:
    """Return findings as a table, the first of them if there are many."""
    names = ("instrument", "session", "kind", "severity", "detail")
    records = [
        dg.TableRecord({name: str(row[name].date() if name == "session" else row[name]) for name in names})
        for row in findings.head(_SHOWN_FINDINGS).to_dict("records")
    ]
    return dg.MetadataValue.table(
        records, schema=dg.TableSchema([dg.TableColumn(name, "string") for name in names])
    )


def _closes_table(bars: "pd.DataFrame") -> dg.MetadataValue:
    records = [
        dg.TableRecord(
            {
                "instrument": str(row["instrument"]),
                "session": str(row["session"].date()),
                "close": float(row["close"]),
                "unit": "% a year" if row["unit"] == "percent" else str(row["currency"]),
                "source": str(row["source"]),
            }
        )
        for row in bars.to_dict("records")
    ]
    columns = [
        dg.TableColumn("instrument", "string"),
        dg.TableColumn("session", "string"),
        dg.TableColumn("close", "float"),
        dg.TableColumn("unit", "string"),
        dg.TableColumn("source", "string"),
    ]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns))
