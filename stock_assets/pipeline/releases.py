"""Releasing a held bar: somebody says that it is right."""

from datetime import date, datetime

import sqlalchemy as sa

from stock_assets.errors import ConfigurationError
from stock_assets.pipeline.deployment import Deployment
from stock_assets.storage.held_bars import Release, release_bar

#: Characters of a name that the table can hold.
_LONGEST_NAME = 128


def accept_bar(
    deployment: Deployment,
    engine: sa.Engine,
    instrument: str,
    session: date,
    *,
    by: str,
    why: str,
    now: datetime,
) -> Release:
    """Release a bar from everything that holds it, in one transaction.

    It is used from then on by whatever is computed, and never held again. What was published without it
    stands, as after any correction; a day that had too few bars is open again.

    Parameters
    ----------
    instrument : str
        Id of anything that the universe prices.
    session : date
        Exchange-local date of the bar.
    by, why : str
        Who releases it, and what shows that it is right; both are kept beside the findings.

    Raises
    ------
    ConfigurationError
        If the universe does not price the instrument, or if ``by`` or ``why`` say nothing, or too much.
    NothingToRelease
        If the bar is not held.
    """
    priced = deployment.universe.priced_ids
    if instrument not in priced:
        raise ConfigurationError(
            f"{deployment.universe.name} has no instrument {instrument!r}; allowed are {', '.join(priced)}."
        )
    by, why = by.strip(), why.strip()
    if not by or not why:
        raise ConfigurationError(
            f"The bar of {instrument} of {session} cannot be released without a word on "
            f"{'why it is right' if by else 'who releases it'}."
        )
    if len(by) > _LONGEST_NAME:
        raise ConfigurationError(
            f"Who releases the bar of {instrument} of {session} is said in {len(by)} characters; allowed are "
            f"{_LONGEST_NAME}."
        )
    with engine.begin() as connection:
        return release_bar(connection, instrument, session, by=by, reason=why, at=now)
