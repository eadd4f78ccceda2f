"""Dagster's own storage: SQLite in the state folder or MySQL, chosen by one URL, events written in batches.

``dagster.yaml`` names it; webserver, daemon, code server, run workers and step processes then all use it::

    storage:
      custom:
        module: stock_assets.instance_storage
        class: InstanceStorage

Beside it stands the launcher of runs that knows whether they still live, `RunLauncher`.

`initialize` creates or migrates the tables in one step before any of those processes starts.
"""

from stock_assets.instance_storage.initialization import check_server, initialize
from stock_assets.instance_storage.inspection import inspect_tables
from stock_assets.instance_storage.run_launcher import RunLauncher
from stock_assets.instance_storage.storage import InstanceStorage

__all__ = ["InstanceStorage", "RunLauncher", "check_server", "initialize", "inspect_tables"]
