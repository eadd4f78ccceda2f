"""The columns of all tables: their meaning, unit and kind, said once.

The tables are built from this list, and the lineage page shows it. It imports nothing heavy, so that
definitions load without SQLAlchemy.
"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["key", "required", "optional"]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    name : str
    kind : str
        date, timestamp (UTC, with microseconds), double, integer, small_integer, boolean, json, sentence
        (a text of any length), or text(N) of at most N characters.
    role : str
        key (part of the primary key), required, or optional (may be absent).
    meaning : str
        What it says, with its unit.
    allowed : tuple of str
        The values that a text may have; empty if any.
    """

    name: str
    kind: str
    role: Role
    meaning: str
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table: what a row is, and its columns."""

    meaning: str
    columns: tuple[Column, ...]


_WRITTEN = (
    Column("computed_at", "timestamp", "required", "When the row was computed, UTC."),
    Column("run_id", "text(64)", "required", "Dagster run that wrote the row."),
)

TABLES: dict[str, Table] = {
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
            *_WRITTEN,
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
    "stage1_predictions": Table(
        "What the stage1 networks predicted at the decision time of each trading day.",
        (
            Column("date", "date", "key", "Trading day of the prediction."),
            Column("instrument", "text(32)", "key", "Instrument."),
            Column(
                "predicted_return",
                "double",
                "required",
                "Total return over the horizon, decimal: 0.01 is one percent.",
            ),
            Column("as_of_session", "date", "required", "Last session that the network saw, exchange-local."),
            Column(
                "model_cutoff",
                "date",
                "required",
                "Cutoff of the network: it knows nothing due from then on.",
            ),
            Column("model_id", "text(128)", "required", "Network, a row of models."),
            Column("live", "boolean", "required", "Whether it was made before the next decision time."),
            *_WRITTEN,
        ),
    ),
    "portfolio_weights": Table(
        "Published portfolios: the weights of a date, model and profile sum to 1.",
        (
            Column("date", "date", "key", "Trading day of the portfolio."),
            Column("model", "text(32)", "key", "alpha, black_litterman or sharpe_net."),
            Column("profile", "text(16)", "key", "stable or aggressive."),
            Column("instrument", "text(32)", "key", "Instrument."),
            Column("weight", "double", "required", "Share of the portfolio, from 0 to 1."),
            Column(
                "basis",
                "text(16)",
                "required",
                "model, or the fallback that was used: min_variance or policy.",
                ("model", "min_variance", "policy"),
            ),
            Column(
                "model_cutoff",
                "date",
                "optional",
                "Cutoff of the newest trained model behind it; absent without one.",
            ),
            *_WRITTEN,
        ),
    ),
    "outcomes": Table(
        "What became of each daily asset on each trading day, and why it has no rows.",
        (
            Column("date", "date", "key", "Trading day."),
            Column("asset", "text(128)", "key", "Dagster asset key, its parts joined by /."),
            Column(
                "status",
                "text(16)",
                "required",
                "published, no_model, waiting, closed or refused.",
                ("published", "no_model", "waiting", "closed", "refused"),
            ),
            Column("reason", "sentence", "optional", "Why the asset has no rows, or fewer than it should."),
            Column("rows", "integer", "required", "Number of rows that the asset has for the day."),
            Column(
                "settings",
                "text(64)",
                "optional",
                "Name of the settings that it was made under; other settings, other name.",
            ),
            *_WRITTEN,
        ),
    ),
    "models": Table(
        "Trained models; the model of a cutoff is the one with the newest computed_at.",
        (
            Column("model_id", "text(128)", "key", "Model; the same result has the same id."),
            Column("kind", "text(16)", "required", "stage1 or sharpe_net.", ("stage1", "sharpe_net")),
            Column(
                "instrument",
                "text(32)",
                "optional",
                "Instrument of a stage1 network; of a Sharpe net, a name of its set of instruments.",
            ),
            Column(
                "cutoff", "date", "required", "Training cutoff: the model knows nothing due from then on."
            ),
            Column(
                "metrics", "json", "required", "Figures of the training, beside those of naive forecasts."
            ),
            Column(
                "artifact", "text(255)", "required", "File of the artefact, relative to the artefact folder."
            ),
            Column("sha256", "text(64)", "required", "SHA-256 of the artefact, hexadecimal."),
            Column("versions", "json", "required", "Versions of the libraries that trained it."),
            *_WRITTEN,
        ),
    ),
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
