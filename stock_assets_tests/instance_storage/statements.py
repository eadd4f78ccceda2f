"""What goes over a database connection, to be counted or disturbed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa


@contextmanager
def before_each_statement(act: Callable[[sa.Connection, str], None]) -> Iterator[None]:
    """Call ``act`` with the connection and the SQL before any statement of any engine."""

    def listener(connection: sa.Connection, _cursor: object, statement: str, *_: object) -> None:
        act(connection, statement)

    with _listening("before_cursor_execute", listener):
        yield


@contextmanager
def before_each_commit(act: Callable[[sa.Connection], None]) -> Iterator[None]:
    """Call ``act`` with the connection before any commit of any engine."""
    with _listening("commit", act):
        yield


@contextmanager
def _listening(name: str, listener: Callable[..., None]) -> Iterator[None]:
    sa.event.listen(sa.Engine, name, listener)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, name, listener)
