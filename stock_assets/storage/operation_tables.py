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
    "run_workers": Table(
        "A row a run that writes: the process that executes it, and which of two runs is newer.",
        (
            Column("run_id", "text(64)", "key", "Dagster run."),
            Column(
                "number",
                "integer",
                "required",
                "Its place in the order in which runs began; a newer one is higher.",
            ),
            Column("host", "text(255)", "optional", "Host of its process; absent if it has none of its own."),
            Column("boot", "text(64)", "optional", "Boot of the host that the process belongs to."),
            Column("pid", "integer", "optional", "Process id."),
            Column(
                "process_start",
                "text(64)",
                "optional",
                "What tells the process from a later one of its id.",
            ),
            Column("heartbeat_at", "timestamp", "optional", "When the process was last known to live, UTC."),
            Column(
                "ended_at",
                "timestamp",
                "optional",
                "When it ended, or was told to, UTC; it writes nothing since.",
            ),
        ),
    ),
    "alerts": Table(
        "The outbox of alerts: what is to be said, and whether it has been. Rows stay.",
        (
            Column("alert_key", "text(200)", "key", "What the alert is about: the same is said once."),
            Column("target", "text(16)", "key", "slack or heartbeat.", ("slack", "heartbeat")),
            Column("kind", "text(32)", "required", "Kind of the alert, such as failure or ready."),
            Column("day", "date", "optional", "Trading day whose thread it belongs to."),
            Column("text", "text(500)", "required", "The line."),
            Column("details", "sentence", "optional", "More, in Slack's mrkdwn."),
            Column("link", "sentence", "optional", "Where to look."),
            Column("picture", "bytes", "optional", "A PNG."),
            Column("picture_title", "text(500)", "optional", "What the picture shows."),
            Column(
                "alert_group",
                "text(200)",
                "optional",
                "What many alerts have in common: after the first ones, the others are sent as one.",
            ),
            Column("created_at", "timestamp", "required", "When it was queued, UTC."),
            Column("position", "integer", "required", "Place among those that were queued with it, from 0."),
            Column(
                "state",
                "text(16)",
                "required",
                "pending, sending, sent, logged (nobody to send it to), folded (sent within the message of "
                "another one) or abandoned (never taken).",
                ("pending", "sending", "sent", "logged", "folded", "abandoned"),
            ),
            Column("not_before", "timestamp", "required", "When it may be sent, or sent again, UTC."),
            Column("attempts", "integer", "required", "How many times it was tried to send it."),
            Column("claimed_at", "timestamp", "optional", "When it was tried to send it last, UTC."),
            Column(
                "may_repeat", "boolean", "required", "Whether it may have been taken before its last attempt."
            ),
            Column("folded_into", "text(200)", "optional", "The alert whose message stands for it."),
            Column("channel", "text(200)", "optional", "Slack channel as it was configured."),
            Column("channel_id", "text(64)", "optional", "Slack's id of the channel."),
            Column("slack_ts", "text(64)", "optional", "Slack's name of the message in its channel."),
            Column("thread_ts", "text(64)", "optional", "The message whose thread it is in, if in one."),
            Column("last_error", "sentence", "optional", "Why it was not sent, or not as a whole."),
            Column("sent_at", "timestamp", "optional", "When it had been sent, UTC."),
        ),
    ),
}
