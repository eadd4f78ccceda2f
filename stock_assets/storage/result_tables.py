"""The tables of results: models, predictions, weights, and what became of each of them."""

from stock_assets.storage.columns import WRITTEN, Column, Table

RESULT_TABLES: dict[str, Table] = {
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
            *WRITTEN,
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
            *WRITTEN,
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
            *WRITTEN,
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
            *WRITTEN,
        ),
    ),
}
