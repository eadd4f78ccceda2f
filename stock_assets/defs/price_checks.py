"""The results of the checks of ``close_prices``, one a check over all days of a run."""

from typing import TYPE_CHECKING

import dagster as dg

from stock_assets.defs.price_tables import corrections_table, findings_table

# Definitions import every module of this folder, and must stay light.
if TYPE_CHECKING:
    from stock_assets.pipeline.prices import DaysReport

#: Findings by the check that they fail; a blocked or held one is an error, a warning a warning.
CHECKED_KINDS: dict[str, tuple[str, ...]] = {
    "sessions_are_complete": ("missing_session", "source_failed", "duplicate_session"),
    "values_are_valid": ("invalid_close", "invalid_action", "unit_mismatch", "broken_ohlc"),
    "closes_move": ("stale_repeat",),
    "moves_are_plausible": ("jump", "jump_denied_by_next_bar", "jump_denied_by_second_source"),
    "calendar_agrees": ("unexpected_session",),
    "sources_agree": ("source_disagreement",),
}


def price_checks(report: "DaysReport") -> list[dg.AssetCheckResult]:
    """Return one result a check, over all days of the run."""
    return [*_checks_of_findings(report), _sources_answered(report), _closes_unchanged(report)]


def _checks_of_findings(report: "DaysReport") -> list[dg.AssetCheckResult]:
    results = []
    for name, kinds in CHECKED_KINDS.items():
        failing = report.findings[report.findings["kind"].isin(kinds)]
        wrong = (failing["severity"] != "warning").any()
        results.append(
            dg.AssetCheckResult(
                check_name=name,
                passed=failing.empty,
                severity=dg.AssetCheckSeverity.ERROR if wrong else dg.AssetCheckSeverity.WARN,
                metadata={
                    "findings": len(failing),
                    "first day": str(report.states.days["date"].iloc[0].date()),
                    "last day": str(report.states.days["date"].iloc[-1].date()),
                    "what was found": findings_table(failing),
                },
            )
        )
    return results


def _sources_answered(report: "DaysReport") -> dg.AssetCheckResult:
    """Return which sources failed: an error if an instrument has no bars for it, else a warning."""
    rows = [(name, "none", sentence) for name, sentence in report.failures.items()]
    rows += [
        (name, report.sources[name], sentence)
        for name, sentences in report.silent.items()
        for sentence in sentences
    ]
    columns = ("instrument", "source used", "what the others said")
    return dg.AssetCheckResult(
        check_name="sources_answered",
        passed=not rows,
        severity=dg.AssetCheckSeverity.ERROR if report.failures else dg.AssetCheckSeverity.WARN,
        metadata={
            "instruments without an answer": len(report.failures),
            "instruments asked": len(report.failures) + len(report.sources),
            "failures": dg.MetadataValue.table(
                [dg.TableRecord(dict(zip(columns, row, strict=True))) for row in rows],
                schema=dg.TableSchema([dg.TableColumn(name, "string") for name in columns]),
            ),
        },
    )


def _closes_unchanged(report: "DaysReport") -> dg.AssetCheckResult:
    corrections = report.corrections
    return dg.AssetCheckResult(
        check_name="closes_unchanged",
        passed=not corrections,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "corrected bars": len(corrections),
            "corrections, and what had used the old bars": corrections_table(corrections),
        },
    )
