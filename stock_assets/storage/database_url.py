"""Read the URL of a database so that no part of its password is ever taken for anything else."""

import sqlalchemy as sa
from sqlalchemy import exc

#: Parameters by which the driver takes an account too; whoever shows a URL hides its own password only.
_ACCOUNT_PARAMETERS = frozenset(
    {"user", "username", "password", "passwd", "password1", "password2", "password3"}
)


def read_url(text: str) -> sa.URL | None:
    """Return the URL, or None if it cannot be read, or not in one way only.

    SQLAlchemy ends a password at its first ``@``: of one that is not percent-encoded, the rest would become
    the host or the database, which messages show.
    """
    try:
        url = sa.make_url(text)
    except (exc.ArgumentError, ValueError):
        return None
    is_file = url.drivername.partition("+")[0] == "sqlite"
    if not is_file and (text.count("@") > 1 or _ACCOUNT_PARAMETERS & url.query.keys()):
        return None
    return url
