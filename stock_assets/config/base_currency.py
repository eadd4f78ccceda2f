"""In which currency portfolios take returns, and with which exchange rates."""

from stock_assets.config.universe import LOCAL, Universe


def rates_of(universe: Universe) -> dict[str, str]:
    """Return the exchange rate that turns each instrument's levels into the base currency, as ids.

    Parameters
    ----------
    universe : Universe
        Checked: every currency that needs a rate has one.

    Returns
    -------
    dict of str to str
        By instrument; those in the base currency are not in it, and with ``local`` none is.
    """
    if universe.base_currency == LOCAL:
        return {}
    by_currency = {rate.unit_currency: rate.id for rate in universe.exchange_rates}
    return {
        instrument.id: by_currency[instrument.currency]
        for instrument in universe.instruments
        if instrument.currency != universe.base_currency
    }


def currency_of_returns(universe: Universe) -> str:
    """Say in which currency portfolios take returns, in the words that follow "returns"."""
    if universe.base_currency == LOCAL:
        return "in each instrument's own currency, as if hedged"
    return f"in {universe.base_currency}, unhedged"


def currency_sentence(universe: Universe) -> str:
    """Say in which currency portfolios take returns, and what that makes of predictions, in one sentence."""
    taken = f"Returns are taken {currency_of_returns(universe)}"
    if universe.base_currency == LOCAL:
        return f"{taken}, carry ignored."
    return f"{taken}; predictions are in each instrument's own currency, taken with unchanged exchange rates."
