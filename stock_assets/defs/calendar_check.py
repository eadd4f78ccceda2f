"""``calendars_reach``: a check of ``close_prices`` that says in time which calendar ends."""

from datetime import date

import dagster as dg

from stock_assets.pipeline.deployment import Deployment

CALENDARS_REACH = "calendars_reach"
#: The check with its description, beside ``PRICE_CHECKS``.
CALENDAR_CHECKS = {CALENDARS_REACH: "The sessions of the next 60 days are known of every exchange."}


def calendar_check(deployment: Deployment, today: date) -> dg.AssetCheckResult:
    """Return the result of the check, a warning if a calendar ends soon."""
    ends = deployment.calendar_ends(today)
    columns = [dg.TableColumn("exchange", "string"), dg.TableColumn("known until", "string")]
    records = [
        dg.TableRecord({"exchange": end.exchange, "known until": str(end.known_until)}) for end in ends
    ]
    metadata: dict[str, dg.MetadataValue] = {
        "calendars that end": dg.MetadataValue.table(records, schema=dg.TableSchema(columns)),
    }
    if ends:
        metadata["what to do"] = dg.MetadataValue.md("\n".join(f"- {end.sentence}" for end in ends))
    return dg.AssetCheckResult(
        check_name=CALENDARS_REACH,
        passed=not ends,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )
