"""The tables of what the daemon has requested and said by itself."""

from stock_assets.storage.columns import Column, Table

SCHEDULE_TABLES: dict[str, Table] = {
    "run_attempts": Table(
        "Every run that the daemon has requested by itself, so that none is requested twice or without end.",
        (
            Column(
                "kind",
                "text(16)",
                "key",
                "What it does: history, daily or training.",
                ("history", "daily", "training"),
            ),
            Column(
                "date", "date", "key", "Trading day, cutoff, or for the history the universe's first day."
            ),
            Column("attempt", "integer", "key", "Number of the request, from 1; part of the run's key."),
            Column("requested_at", "timestamp", "required", "When it was requested, UTC."),
            Column("finished_at", "timestamp", "optional", "When its end was seen, UTC; absent before."),
            Column(
                "result",
                "text(16)",
                "optional",
                "succeeded, failed, or waiting if the day still waits for bars; absent before its end.",
                ("succeeded", "failed", "waiting"),
            ),
            Column(
                "tries",
                "integer",
                "required",
                "Runs and repeated steps that it took; 0 if it counts as none.",
            ),
            Column("run_id", "text(64)", "optional", "The last Dagster run of it; absent before its end."),
        ),
    ),
    "day_notices": Table(
        "What has been said once of a day.",
        (
            Column("date", "date", "key", "The day, in UTC."),
            Column(
                "kind",
                "text(16)",
                "key",
                "watched (the first day that was looked at), closed, late, recovered or complete.",
                ("watched", "closed", "late", "recovered", "complete"),
            ),
            Column("noticed_at", "timestamp", "required", "When it was said, UTC."),
        ),
    ),
}
