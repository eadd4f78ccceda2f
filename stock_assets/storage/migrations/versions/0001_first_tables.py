"""The first tables.

Types are spelled out, and nothing is imported from the package: what this step makes must stay the same
when the package changes.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
_JSON = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql")


def upgrade() -> None:
    """Create the tables that are not there: on MySQL a kill may have left a part of them."""
    _create_deployment()
    _create_price_bars()
    _create_days()
    _create_findings()
    _create_stage1_predictions()
    _create_portfolio_weights()
    _create_outcomes()
    _create_models()


def _create(name: str, comment: str, key: tuple[str, ...], *columns: sa.Column) -> None:
    op.create_table(
        name,
        *columns,
        sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"),
        comment=comment,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        if_not_exists=True,
    )


def _index(table: str, *columns: str) -> None:
    name = f"ix_{table}_{'_'.join(columns)}"
    # MySQL knows no CREATE INDEX IF NOT EXISTS.
    if not sa.inspect(op.get_bind()).has_index(table, name):
        op.create_index(name, table, list(columns))


def _column(name: str, type_: sa.types.TypeEngine, comment: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, type_, nullable=nullable, autoincrement=False, comment=comment)


def _written() -> tuple[sa.Column, sa.Column]:
    return (
        _column("computed_at", _INSTANT, "When the row was computed, UTC."),
        _column("run_id", sa.String(64), "Dagster run that wrote the row."),
    )


def _create_deployment() -> None:
    _create(
        "deployment",
        "One row: whose database this is.",
        ("id",),
        _column("id", sa.SmallInteger(), "Always 1."),
        _column("universe", sa.String(64), "Name of the universe that the database serves."),
        _column("created_at", _INSTANT, "When the tables were made, UTC."),
    )


def _create_price_bars() -> None:
    _create(
        "price_bars",
        "Bars of all instruments. Rows are only ever added: a corrected close is a new revision.",
        ("instrument", "session", "revision"),
        _column("instrument", sa.String(32), "Instrument."),
        _column("session", sa.Date(), "Exchange-local date of the session."),
        _column("revision", sa.Integer(), "0 as first stored, one more with each corrected close."),
        _column(
            "trading_day", sa.Date(), "Trading day that the bar belongs to: that day or a later one uses it."
        ),
        _column("open", sa.Double(), "First price of the session, in currency and unit.", nullable=True),
        _column("high", sa.Double(), "Highest price of the session, in currency and unit.", nullable=True),
        _column("low", sa.Double(), "Lowest price of the session, in currency and unit.", nullable=True),
        _column(
            "close",
            sa.Double(),
            "Closing price, adjusted for splits, and for dividends if return_kind is total; or percent.",
        ),
        _column("volume", sa.Double(), "Number of units traded.", nullable=True),
        _column(
            "adj_close",
            sa.Double(),
            "Close adjusted by the source for splits and dividends, as of known_at.",
            nullable=True,
        ),
        _column(
            "dividend",
            sa.Double(),
            "Dividend whose ex-date is the session, in currency per unit.",
            nullable=True,
        ),
        _column(
            "split",
            sa.Double(),
            "New units per old unit from the session on; 0 or absent without a split.",
            nullable=True,
        ),
        _column("currency", sa.String(3), "ISO 4217 code of the prices."),
        _column("unit", sa.String(16), "price, or percent for a yield."),
        _column("source", sa.String(32), "Price source that gave the bar."),
        _column("closed_at", _INSTANT, "Close of the session, UTC."),
        _column("available_at", _INSTANT, "When the bar fell due: the close and the publication lag, UTC."),
        _column("known_at", _INSTANT, "When the row was stored, UTC; as_of filters on it."),
        _column("run_id", sa.String(64), "Dagster run that wrote the row."),
    )
    _index("price_bars", "trading_day")


def _create_days() -> None:
    _create(
        "days",
        "The state of every trading day.",
        ("date",),
        _column("date", sa.Date(), "Trading day."),
        _column("state", sa.String(16), "waiting, complete, partial or closed."),
        _column("reason", sa.Text(), "Why the day is not complete.", nullable=True),
        _column(
            "completed_at",
            _INSTANT,
            "When the day reached its state, UTC; absent while it waits.",
            nullable=True,
        ),
        *_written(),
    )


def _create_findings() -> None:
    _create(
        "findings",
        "What the quality checks found, a row a bar and kind.",
        ("instrument", "session", "kind"),
        _column("instrument", sa.String(32), "Instrument."),
        _column("session", sa.Date(), "Exchange-local date of the session."),
        _column("kind", sa.String(32), "What was found, such as jump or missing_session."),
        _column("trading_day", sa.Date(), "Trading day that the session's bar belongs to."),
        _column("severity", sa.String(16), "warning: the bar is used; blocked or held: it is not."),
        _column("detail", sa.Text(), "The finding as a sentence."),
        _column("value", sa.Double(), "The offending number, in the unit that detail names.", nullable=True),
        _column("found_at", _INSTANT, "When it was found first, UTC."),
        _column("run_id", sa.String(64), "Dagster run that found it last."),
        _column("released_by", sa.String(128), "Who released the bar.", nullable=True),
        _column(
            "released_at",
            _INSTANT,
            "When the bar was released, UTC; such a row is never deleted.",
            nullable=True,
        ),
        _column("release_reason", sa.Text(), "Why the bar was released.", nullable=True),
    )
    _index("findings", "trading_day")


def _create_stage1_predictions() -> None:
    _create(
        "stage1_predictions",
        "What the stage1 networks predicted at the decision time of each trading day.",
        ("date", "instrument"),
        _column("date", sa.Date(), "Trading day of the prediction."),
        _column("instrument", sa.String(32), "Instrument."),
        _column(
            "predicted_return", sa.Double(), "Total return over the horizon, decimal: 0.01 is one percent."
        ),
        _column("as_of_session", sa.Date(), "Last session that the network saw, exchange-local."),
        _column("model_cutoff", sa.Date(), "Cutoff of the network: it knows nothing due from then on."),
        _column("model_id", sa.String(128), "Network, a row of models."),
        _column("live", sa.Boolean(), "Whether it was made before the next decision time."),
        *_written(),
    )


def _create_portfolio_weights() -> None:
    _create(
        "portfolio_weights",
        "Published portfolios: the weights of a date, model and profile sum to 1.",
        ("date", "model", "profile", "instrument"),
        _column("date", sa.Date(), "Trading day of the portfolio."),
        _column("model", sa.String(32), "alpha, black_litterman or sharpe_net."),
        _column("profile", sa.String(16), "stable or aggressive."),
        _column("instrument", sa.String(32), "Instrument."),
        _column("weight", sa.Double(), "Share of the portfolio, from 0 to 1."),
        _column("basis", sa.String(16), "model, or the fallback that was used: min_variance or policy."),
        _column(
            "model_cutoff",
            sa.Date(),
            "Cutoff of the newest trained model behind it; absent without one.",
            nullable=True,
        ),
        *_written(),
    )


def _create_outcomes() -> None:
    _create(
        "outcomes",
        "What became of each daily asset on each trading day, and why it has no rows.",
        ("date", "asset"),
        _column("date", sa.Date(), "Trading day."),
        _column("asset", sa.String(128), "Dagster asset key, its parts joined by /."),
        _column("status", sa.String(16), "published, no_model, waiting, closed or refused."),
        _column("reason", sa.Text(), "Why the asset has no rows, or fewer than it should.", nullable=True),
        _column("rows", sa.Integer(), "Number of rows that the asset has for the day."),
        _column(
            "settings",
            sa.String(64),
            "Name of the settings that it was made under; other settings, other name.",
            nullable=True,
        ),
        *_written(),
    )


def _create_models() -> None:
    _create(
        "models",
        "Trained models; the model of a cutoff is the one with the newest computed_at.",
        ("model_id",),
        _column("model_id", sa.String(128), "Model; the same result has the same id."),
        _column("kind", sa.String(16), "stage1 or sharpe_net."),
        _column(
            "instrument",
            sa.String(32),
            "Instrument of a stage1 network; of a Sharpe net, a name of its set of instruments.",
            nullable=True,
        ),
        _column("cutoff", sa.Date(), "Training cutoff: the model knows nothing due from then on."),
        _column("metrics", _JSON, "Figures of the training, beside those of naive forecasts."),
        _column("artifact", sa.String(255), "File of the artefact, relative to the artefact folder."),
        _column("sha256", sa.String(64), "SHA-256 of the artefact, hexadecimal."),
        _column("versions", _JSON, "Versions of the libraries that trained it."),
        *_written(),
    )
    _index("models", "kind", "instrument", "cutoff")
