"""Crons in configuration files: what every program that reads crons takes alike."""

from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from stock_assets.cutoffs import is_plain, restricts_both


def require_cron(cron: str, allowed: str) -> None:
    """Refuse what is no cron of five fields, or what programs read differently.

    Parameters
    ----------
    cron : str
        Five fields of numbers, names, lists, ranges and steps.
    allowed : str
        The end of the sentence, such as "allowed are ...".

    Raises
    ------
    ValueError
        If it is no such cron, or never comes.
    """
    fields = cron.split()
    if len(fields) != 5 or not all(is_plain(field) for field in fields):
        raise ValueError(f"{cron!r} is no schedule; {allowed}")
    if restricts_both(fields):
        raise ValueError(
            f"{cron!r} restricts the day of the month and the weekday both; allowed is one of them"
        )
    try:
        next(CronSim(cron, datetime(2020, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        # Its message begins with a capital: "Bad minute".
        reason = str(error).lower() or "it never comes"
        raise ValueError(f"{cron!r} is no schedule: {reason}; {allowed}") from error
