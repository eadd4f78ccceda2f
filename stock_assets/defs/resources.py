"""The project's database as a resource."""

from functools import cached_property
from typing import TYPE_CHECKING

import dagster as dg

from stock_assets.pipeline.deployment import current_deployment

if TYPE_CHECKING:
    from sqlalchemy import Engine


class DatabaseResource(dg.ConfigurableResource):
    """The tables of the project, in the database that the environment names.

    It has no settings of its own: a URL may hold a password, and what is configured on a resource is shown
    in the UI.
    """

    @cached_property
    def engine(self) -> "Engine":
        """The engine, checked once: the tables are there, current, and this universe's."""
        from stock_assets.storage.engine import create_engine
        from stock_assets.storage.migrate import require_current

        deployment = current_deployment()
        # Whoever has started the run has reached the server.
        engine = create_engine(deployment.settings.database_url, patient=True)
        require_current(engine, deployment.universe.name)
        return engine


@dg.definitions
def defs() -> dg.Definitions:
    """Return the resources of all assets."""
    return dg.Definitions(resources={"database": DatabaseResource()})
