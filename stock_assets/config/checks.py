"""What has to hold between the files of a universe, and between them and the installed packages."""

from collections.abc import Collection
from datetime import date, timedelta
from functools import cache

from stock_assets.config.instruments import Instrument
from stock_assets.config.portfolios import Bounds, PortfoliosConfig
from stock_assets.config.sources import SOURCE_PRICES
from stock_assets.config.stage1 import FEATURE_KINDS, Stage1Config, parse_feature
from stock_assets.config.universe import LOCAL, Universe
from stock_assets.session_tables import weekdays

# Sums of weights such as 0.1 + 0.2 are not exact.
_ROUNDING = 1e-12


def universe_mistakes(folder: str, universe: Universe, exchanges: Collection[str]) -> list[str]:
    """Return what is wrong in ``universe.yaml`` of the folder of that name, a sentence a mistake."""
    name = f"{folder}/universe.yaml"
    mistakes = []
    if universe.name != folder:
        mistakes.append(
            f"{name}: name: {universe.name!r} is not allowed; allowed is the folder's name, {folder!r}."
        )
    mistakes += [
        f"{name}: {_list_of(universe, instrument)}.{instrument.id}.exchange: {instrument.exchange!r} is no "
        f"exchange with a calendar; allowed are {', '.join(exchanges)}."
        for instrument in universe.priced
        if instrument.exchange not in exchanges
    ]
    mistakes += [
        f"{name}: {_list_of(universe, instrument)}.{instrument.id}.safe: true is not allowed, since it is "
        "never held; allowed is false."
        for instrument in (*universe.covariates, *universe.exchange_rates)
        if instrument.safe
    ]
    mistakes += _exchange_rate_mistakes(f"{name}: exchange_rates", universe)
    return mistakes + _headline_mistakes(f"{name}: headlines", universe)


def _headline_mistakes(path: str, universe: Universe) -> list[str]:
    feeds = universe.headlines.feeds if universe.headlines is not None else ()
    return [
        f"{path}.feeds[{place}].instruments: {key!r} is no instrument; allowed are "
        f"{', '.join(universe.instrument_ids)}."
        for place, feed in enumerate(feeds)
        for key in feed.instruments
        if key not in universe.instrument_ids
    ]


def _exchange_rate_mistakes(path: str, universe: Universe) -> list[str]:
    """Return which exchange rates are missing, are too many, or might be dropped."""
    base, rates = universe.base_currency, universe.exchange_rates
    if base == LOCAL:
        if not rates:
            return []
        return [
            f"{path}: base_currency local makes no use of {', '.join(rate.id for rate in rates)}; allowed "
            f"are none, or a base_currency such as {rates[0].currency}."
        ]
    held_in: dict[str, list[str]] = {}
    for instrument in universe.instruments:
        if instrument.currency != base:
            held_in.setdefault(instrument.currency, []).append(instrument.id)
    needed = f"the prices in {base} of {', '.join(held_in)}" if held_in else "none"
    mistakes = []
    chosen: dict[str, str] = {}
    for rate in rates:
        pair = f"the price of {rate.unit_currency} in {rate.currency}"
        if rate.currency != base or rate.unit_currency not in held_in:
            mistakes.append(
                f"{path}.{rate.id}: base_currency {base} needs {pair} for no instrument; allowed are "
                f"{needed}."
            )
        elif rate.unit_currency in chosen:
            mistakes.append(
                f"{path}.{rate.id}: is {pair} as {chosen[rate.unit_currency]} is; allowed is one rate a pair."
            )
        else:
            chosen[rate.unit_currency] = rate.id
        if rate.optional:
            mistakes.append(
                f"{path}.{rate.id}.optional: true is not allowed, since no portfolio can be valued without "
                "it; allowed is false."
            )
    return mistakes + [
        f"{path}: base_currency {base} needs the price of {currency} in {base} for {', '.join(instruments)}; "
        f"allowed are {needed}, one rate each."
        for currency, instruments in held_in.items()
        if currency not in chosen
    ]


def _list_of(universe: Universe, instrument: Instrument) -> str:
    """Return the key of ``universe.yaml`` below which the instrument stands."""
    if instrument in universe.covariates:
        return "covariates"
    return "exchange_rates" if instrument in universe.exchange_rates else "instruments"


def stage1_mistakes(folder: str, universe: Universe, stage1: Stage1Config) -> list[str]:
    """Return what in ``stage1.yaml`` does not fit ``universe.yaml``, a sentence a mistake."""
    name = f"{folder}/stage1.yaml"
    mistakes = [
        f"{name}: instruments.{key}: {_no_instrument(key, universe)}."
        for key in stage1.instruments
        if key not in universe.instrument_ids
    ]
    for instrument in universe.instruments:
        mistakes += _covariate_mistakes(name, universe, stage1, instrument)
        mistakes += _feature_mistakes(name, universe, stage1, instrument)
    # What is wrong for all instruments is said once.
    return list(dict.fromkeys(mistakes))


def _no_instrument(key: str, universe: Universe) -> str:
    return f"{key!r} is no instrument of universe.yaml; allowed are {', '.join(universe.instrument_ids)}"


def _path(stage1: Stage1Config, instrument: Instrument, key: str) -> str:
    """Return where an instrument has a setting from: its own section or the top of the file."""
    own = key in stage1.instruments.get(instrument.id, {})
    return f"instruments.{instrument.id}.{key}" if own else key


def _covariate_mistakes(
    name: str, universe: Universe, stage1: Stage1Config, instrument: Instrument
) -> list[str]:
    return [
        f"{name}: {_path(stage1, instrument, 'covariates')}: {covariate!r} is neither instrument, "
        f"covariate nor exchange rate of universe.yaml; allowed are {', '.join(universe.priced_ids)}."
        for covariate in stage1.for_instrument(instrument.id).covariates
        if covariate not in universe.priced_ids
    ]


def _feature_mistakes(
    name: str, universe: Universe, stage1: Stage1Config, instrument: Instrument
) -> list[str]:
    settings = stage1.for_instrument(instrument.id)
    given = _columns_of(universe, instrument)
    mistakes = []
    for feature in settings.features:
        needs = FEATURE_KINDS[parse_feature(feature)[0]].needs
        lacking = ", ".join(column for column in needs if column not in given)
        if lacking:
            mistakes.append(
                f"{name}: {_path(stage1, instrument, 'features')}: {feature!r} needs {lacking}, which no "
                f"source of {instrument.id} gives; allowed are features of {', '.join(sorted(given))}."
            )
    longest = max(parse_feature(feature)[1] or 1 for feature in settings.features)
    available = _weekdays_of_history(universe)
    greatest = available - settings.horizon - longest
    if settings.lookback > greatest:
        mistakes.append(
            f"{name}: lookback: {settings.lookback} sessions, with a horizon of {settings.horizon} and a "
            f"feature over {longest}, are longer than {_history(universe)}; allowed is a lookback of at most "
            f"{max(greatest, 0)}."
        )
    return mistakes


def _columns_of(universe: Universe, instrument: Instrument) -> set[str]:
    """Return which of a bar's prices every source of the instrument gives."""
    csv = universe.source_settings.csv
    by_source = {**SOURCE_PRICES, "csv": frozenset() if csv is None else frozenset(csv.columns)}
    prices = {"open", "high", "low", "close", "volume"}
    return prices.intersection(*(by_source[choice.source] for choice in instrument.sources))


def portfolio_mistakes(folder: str, universe: Universe, portfolios: PortfoliosConfig) -> list[str]:
    """Return what in ``portfolios.yaml`` does not fit ``universe.yaml``, a sentence a mistake."""
    name = f"{folder}/portfolios.yaml"
    safe = sum(instrument.safe for instrument in universe.instruments)
    if safe == 0:
        return [
            f"{folder}/universe.yaml: instruments: none is safe, and the profiles of {name} are bounded by "
            "safe instruments; allowed is at least one with safe: true."
        ]
    mistakes = [
        f"{name}: profiles.{profile}.bounds: {problem}."
        for profile, settings in portfolios.profiles.items()
        if (problem := bounds_problem(settings.bounds, safe, len(universe.instruments) - safe))
    ]
    available = _weekdays_of_history(universe)
    covariance, net = portfolios.covariance, portfolios.sharpe_net
    if covariance.window + covariance.overlap > available:
        mistakes.append(
            f"{name}: covariance.window: {covariance.window} days, with an overlap of {covariance.overlap}, "
            f"are longer than {_history(universe)}; allowed is a window of at most "
            f"{max(available - covariance.overlap, 0)}."
        )
    if net.lookback + net.horizon > available:
        mistakes.append(
            f"{name}: sharpe_net.lookback: {net.lookback} days, with a horizon of {net.horizon}, are longer "
            f"than {_history(universe)}; allowed is a lookback of at most {max(available - net.horizon, 0)}."
        )
    return mistakes


def bounds_problem(bounds: Bounds, safe: int, others: int) -> str | None:
    """Say why no weights can meet the bounds with that many instruments, or ``None``.

    Parameters
    ----------
    bounds : Bounds
        Of one profile.
    safe, others : int
        Number of safe instruments and of the others.
    """
    greatest_safe = min(bounds.max_safe, safe * bounds.max_weight)
    greatest_others = others * bounds.max_weight
    if greatest_safe < bounds.min_safe - _ROUNDING:
        return (
            f"min_safe {bounds.min_safe} cannot be met by {safe} safe instruments of at most "
            f"{bounds.max_weight} each; allowed is a max_weight of at least {bounds.min_safe / safe:.4g}"
        )
    if greatest_safe + greatest_others < 1 - _ROUNDING:
        return (
            f"no weights can meet them: {safe} safe instruments may hold at most {greatest_safe:.4g} and "
            f"{others} others at most {greatest_others:.4g}, which is less than 1 together; allowed is a "
            "greater max_weight or max_safe"
        )
    return None


def _weekdays_of_history(universe: Universe) -> int:
    """Return the weekdays before ``start``: they bound the sessions from above, without a calendar."""
    return _weekdays_between(universe.history_start, universe.start - timedelta(days=1))


@cache
def _weekdays_between(first: date, last: date) -> int:
    """Count them once: every instrument's features ask."""
    return sum(1 for _ in weekdays(first, last))


def _history(universe: Universe) -> str:
    return (
        f"the history of {_weekdays_of_history(universe)} weekdays from history_start "
        f"{universe.history_start} to start {universe.start}"
    )
