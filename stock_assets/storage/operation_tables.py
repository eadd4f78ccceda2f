"""The tables of what happens around prices and results."""

from stock_assets.storage.columns import Column, Table

OPERATION_TABLES: dict[str, Table] = {
    "headlines": Table(
        "Items of feeds. Rows are only ever added, and stay as they were seen first.",
        (
            Column("hash", "text(64)", "key", "SHA-256 of instrument, link and title, hexadecimal."),
            Column(
                "first_seen_at",
                "timestamp",
                "required",
                "When the collector saw it first, UTC; what a day knows is decided by it.",
            ),
            Column("instrument", "text(32)", "optional", "Instrument; absent if the feed is of none."),
            Column("feed", "text(64)", "required", "Feed in which it was seen first."),
            Column("title", "text(500)", "required", "Title as plain text, cut where it is longer."),
            Column("link", "text(2000)", "required", "Where it leads: an http or https URL."),
            Column(
                "published_at",
                "timestamp",
                "optional",
                "When the feed says that it was published, UTC; nothing is decided by it.",
            ),
        ),
    ),
    "headline_collections": Table(
        "Every attempt to read a feed: without one, a day's headlines cannot be observed.",
        (
            Column("collected_at", "timestamp", "key", "When its items were stored, or it failed, UTC."),
            Column("feed", "text(64)", "key", "Feed that was read."),
            Column("instrument", "text(32)", "key", "Instrument that the feed is of; empty if of none."),
            Column("items", "integer", "required", "Items that the feed held."),
            Column("new_items", "integer", "required", "Items among them that had not been seen before."),
            Column("error", "sentence", "optional", "Why it gave no items, as a sentence; absent if it did."),
            Column(
                "run_id",
                "text(64)",
                "optional",
                "Dagster run that collected; absent if the command line did.",
            ),
        ),
    ),
}
