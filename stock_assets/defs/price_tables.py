"""Bars, findings and corrections as tables of the UI."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

# Definitions import every module of this folder, and must stay light.
if TYPE_CHECKING:
    import pandas as pd

    from stock_assets.pipeline.corrections import Correction

#: Findings or corrections that a table in the UI shows; ``findings`` and ``price_bars`` have them all.
_SHOWN_ROWS = 50


def findings_table(findings: "pd.DataFrame") -> dg.MetadataValue:
    """Return findings as a table, the first of them if there are many."""
    names = ("instrument", "session", "kind", "severity", "detail")
    records = [
        dg.TableRecord({name: str(row[name].date() if name == "session" else row[name]) for name in names})
        for row in findings.head(_SHOWN_ROWS).to_dict("records")
    ]
    return dg.MetadataValue.table(
        records, schema=dg.TableSchema([dg.TableColumn(name, "string") for name in names])
    )


def corrections_table(corrections: "Sequence[Correction]") -> dg.MetadataValue:
    """Return corrections as a table with what had used the old bars, the first of them if there are many."""
    records = [
        dg.TableRecord(
            {
                "instrument": one.instrument,
                "session": str(one.session),
                "old close": one.old_close,
                "new close": one.new_close,
                "payments": _payments(one),
                "days that had used it": f"{one.days}, {one.first_day} to {one.last_day}"
                if one.days
                else "0",
                "networks that had used it": ", ".join(one.models),
            }
        )
        for one in corrections[:_SHOWN_ROWS]
    ]
    numbers = ("old close", "new close")
    names = (
        "instrument",
        "session",
        *numbers,
        "payments",
        "days that had used it",
        "networks that had used it",
    )
    columns = [dg.TableColumn(name, "float" if name in numbers else "string") for name in names]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns))


def _payments(correction: "Correction") -> str:
    """Say how dividend and split were corrected."""
    changes = {
        "dividend": (correction.old_dividend, correction.new_dividend),
        "split": (correction.old_split, correction.new_split),
    }
    return ", ".join(f"{name} {old:.10g} → {new:.10g}" for name, (old, new) in changes.items() if old != new)


def closes_table(bars: "pd.DataFrame") -> dg.MetadataValue:
    """Return bars as a table of their closes with unit and source."""
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
