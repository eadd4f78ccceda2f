"""Which markets are closed on a day, and why, as the calendars have it."""

from datetime import date

from stock_assets.pipeline.deployment import Deployment


def closed_markets(deployment: Deployment, day: date) -> list[str]:
    """Return the markets of what is predicted and held that are closed on a day.

    Returns
    -------
    list of str
        Such as "XNYS closed, Thanksgiving", in the order of the exchanges' codes; "holiday" where the
        calendar has no name.
    """
    return [
        f"{market.exchange} closed, {market.why_closed(day)}"
        for market in deployment.markets
        if market.first <= day <= market.last and not market.is_session(day)
    ]


def why_no_trading_day(deployment: Deployment, day: date) -> str | None:
    """Return why a day is no trading day, such as "XNYS closed, Thanksgiving" or "weekend".

    None if it is one.
    """
    if day.weekday() >= 5:
        return "weekend"
    if day in deployment.partition_days:
        return None
    if not deployment.partition_days.first <= day <= deployment.partition_days.last:
        return "no day of the universe"
    return "; ".join(closed_markets(deployment, day))
