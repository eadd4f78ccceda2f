"""The tables of prices: bars, the state of every trading day, and what the quality checks found."""

from stock_assets.storage.columns import WRITTEN, Column, Table

PRICE_TABLES: dict[str, Table] = {
    "deployment": Table(
        "One row: whose database this is.",
        (
            Column("id", "small_integer", "key", "Always 1."),
            Column("universe", "text(64)", "required", "Name of the universe that the database serves."),
            Column("created_at", "timestamp", "required", "When the tables were made, UTC."),
        ),
    ),
    "price_bars": Table(
        "Bars of all instruments. Rows are only ever added: a corrected close is a new revision.",
        (
            Column("instrument", "text(32)", "key", "Instrument."),
            Column("session", "date", "key", "Exchange-local date of the session."),
            Column("revision", "integer", "key", "0 as first stored, one more with each corrected close."),
            Column(
                "trading_day",
                "date",
                "required",
                "Trading day that the bar belongs to: that day or a later one uses it.",
            ),
            Column("open", "double", "optional", "First price of the session, in currency and unit."),
            Column("high", "double", "optional", "Highest price of the session, in currency and unit."),
            Column("low", "double", "optional", "Lowest price of the session, in currency and unit."),
            Column(
                "close",
                "double",
                "required",
                "Closing price, adjusted for splits, and for dividends if return_kind is total; or percent.",
            ),
            Column("volume", "double", "optional", "Number of units traded."),
            Column(
                "adj_close",
                "double",
                "optional",
                "Close adjusted by the source for splits and dividends, as of known_at.",
            ),
            Column(
                "dividend",
                "double",
                "optional",
                "Dividend whose ex-date is the session, in currency per unit.",
            ),
            Column(
                "split",
                "double",
                "optional",
                "New units per old unit from the session on; 0 or absent without a split.",
            ),
            Column("currency", "text(3)", "required", "ISO 4217 code of the prices."),
            Column("unit", "text(16)", "required", "price, or percent for a yield.", ("price", "percent")),
            Column("source", "text(32)", "required", "Price source that gave the bar."),
            Column("closed_at", "timestamp", "required", "Close of the session, UTC."),
            Column(
                "available_at",
                "timestamp",
                "required",
                "When the bar fell due: the close and the publication lag, UTC.",
            ),
            Column("known_at", "timestamp", "required", "When the row was stored, UTC; as_of filters on it."),
            Column("run_id", "text(64)", "required", "Dagster run that wrote the row."),
        ),
    ),
    "days": Table(
        "The state of every trading day.",
        (
            Column("date", "date", "key", "Trading day."),
            Column(
                "state",
                "text(16)",
                "required",
                "waiting, complete, partial or closed.",
                ("waiting", "complete", "partial", "closed"),
            ),
            Column("reason", "sentence", "optional", "Why the day is not complete."),
            Column(
                "completed_at",
                "timestamp",
                "optional",
                "When the day reached its state, UTC; absent while it waits.",
            ),
            *WRITTEN,
        ),
    ),
    "findings": Table(
        "What the quality checks found, a row a bar and kind.",
        (
            Column("instrument", "text(32)", "key", "Instrument."),
            Column("session", "date", "key", "Exchange-local date of the session."),
            Column("kind", "text(32)", "key", "What was found, such as jump or missing_session."),
            Column("trading_day", "date", "required", "Trading day that the session's bar belongs to."),
            Column(
                "severity",
                "text(16)",
                "required",
                "warning: the bar is used; blocked or held: it is not.",
                ("warning", "blocked", "held"),
            ),
            Column("detail", "sentence", "required", "The finding as a sentence."),
            Column("value", "double", "optional", "The offending number, in the unit that detail names."),
            Column("found_at", "timestamp", "required", "When it was found first, UTC."),
            Column("run_id", "text(64)", "required", "Dagster run that found it last."),
            Column("released_by", "text(128)", "optional", "Who released the bar."),
            Column(
                "released_at",
                "timestamp",
                "optional",
                "When the bar was released, UTC; such a row is never deleted.",
            ),
            Column("release_reason", "sentence", "optional", "Why the bar was released."),
        ),
    ),
}
