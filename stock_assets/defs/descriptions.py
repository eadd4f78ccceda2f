"""What each asset means, in the words of the lineage page."""

from stock_assets.config.portfolios import PortfolioModel

PRICE_HISTORY = """All bars from `history_start` up to the first trading day.

Each instrument is committed on its own, and only what is missing is loaded: one whose sources fail leaves the
others stored, and fails the run at its end. Rows of `price_bars`."""

CLOSE_PRICES = """The bars that belong to a trading day D, for every instrument that traded.

A bar belongs to the first trading day whose decision time (00:00 UTC of the day after) is not earlier than
the moment the bar falls due; before that moment it is not stored. The last sessions are read again to catch
corrections; a changed close, dividend or split becomes a new revision. An instrument whose sources fail costs
the others nothing: its bars are missing, and the day waits for them. Rows of `price_bars`, `days` and
`findings`."""

HEADLINES = """The items of all feeds that were first seen between two decision times.

Partition D begins at the decision time of the trading day before and ends at D's own (00:00 UTC of the day
after), so that a weekend's headlines belong to Monday. Feeds do not tell the past: a time in which the
collector did not run is not observable, whatever is materialized later. It writes nothing; the job
`collect_headlines` adds the rows of `headlines` and `headline_collections`."""

STAGE1_MODEL = """The recurrent network of {name}, trained on what falls due before the cutoff.

The metadata shows its validation error, which early stopping used, beside the zero and the mean forecast."""

STAGE1_PREDICTION = """The predicted total return of {name} over {horizon} sessions, in its own currency.

It starts at the first close after the decision time of D and is made from the last {lookback} sessions, by
the network of the newest cutoff on or before D. Rows of `stage1_predictions`."""

SHARPE_NET_MODEL = """The end-to-end portfolio network, trained on what falls due before the cutoff.

It maps windows of all instruments' returns to weights; its loss is minus the Sharpe ratio that follows.
Returns are taken {currency}."""

PORTFOLIO_WEIGHTS: dict[PortfolioModel, str] = {
    "alpha": """Mean-risk portfolios: maximise predicted return − λ·variance, per session.

Stable and aggressive profile, λ and bounds of each by configuration. Rows of `portfolio_weights`.""",
    "black_litterman": """Black-Litterman portfolios with the predictions as views.

The views' uncertainty is the networks' own validation error. The aggressive profile maximises the Sharpe
ratio, the stable one trades mean against variance. Rows of `portfolio_weights`.""",
    "sharpe_net": """Portfolios of the Sharpe net, scaled into each profile's bounds.

Rows of `portfolio_weights`.""",
}

#: The quality checks of ``close_prices``: one a group of findings.
PRICE_CHECKS: dict[str, str] = {
    "sessions_are_complete": "Every session that fell due has exactly one bar.",
    "values_are_valid": "Closes are finite and positive (a yield may be below 0), dividends and splits too.",
    "closes_move": "No close is repeated for as many sessions as quality.stale_repeats says.",
    "moves_are_plausible": "No close moved by more than quality.jump from one session to the next; one that "
    "the next bar or a second source denies is held, until `stock-assets accept-bar` releases it.",
    "sources_agree": "No close differs from a second source's by more than quality.disagreement.",
    "calendar_agrees": "No bar came for a day on which its exchange has no session.",
    "sources_answered": "Every source that was asked gave bars, so that no fallback was needed.",
    "closes_unchanged": "No stored close, dividend or split was corrected; else what had used the old one.",
}
