"""The command line with its tables, and Dagster's, on a server that restarts meanwhile."""

from dataclasses import replace

import pytest

from stock_assets.storage.engine import create_engine
from stock_assets_tests.commands import VOLATILE, Ended, Workplace
from stock_assets_tests.servers import MariaDbServer
from stock_assets_tests.worlds import World


@pytest.mark.needs_binary
def test_a_run_whose_server_restarts_leaves_the_tables_that_sqlite_has(
    workplace: Workplace, first_run: tuple[Workplace, Ended], mariadb: MariaDbServer
) -> None:
    url = mariadb.create_database("run")
    started = workplace.with_variables(STOCK_ASSETS_DATABASE_URL=url).start("run")
    for title in ("training 7 networks", "predictions and weights of 13 trading days"):
        started.wait_for_line(title)
        mariadb.stop()
        mariadb.start()
    ended = started.end()
    assert ended.status == 0, ended
    assert not (workplace.state / "stock_assets.db").exists()
    assert not (workplace.state / "history").exists()
    on_mysql = replace(World.open(workplace.folder), engine=create_engine(url))
    assert on_mysql.contents(without=VOLATILE) == first_run[0].contents()
