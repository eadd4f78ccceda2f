import pandas as pd
import sqlalchemy as sa

from stock_assets.storage.outcomes import write_outcomes
from stock_assets.storage.schema import outcomes, portfolio_weights
from stock_assets.storage.weights import replace_weights
from stock_assets_tests.storage.builders import NOON, rows_of, weekdays, weights
from stock_assets_tests.storage.processes import PythonProcess

WRITE = """
import sys
from stock_assets.storage.engine import create_engine
from stock_assets_tests.storage.test_transactions import write
with create_engine(sys.argv[1]).begin() as connection:
    write(connection, [0.1, 0.9], "killed")
    print("ready", flush=True)
    sys.stdin.readline()
"""
DAYS = weekdays(20)


def write(connection: sa.Connection, shares: list[float], run_id: str) -> None:
    done = pd.DataFrame({"date": DAYS, "asset": "portfolio_weights/alpha", "status": "published", "rows": 2})
    replace_weights(connection, "alpha", DAYS, weights(DAYS, shares), computed_at=NOON, run_id=run_id)
    write_outcomes(connection, done, computed_at=NOON, run_id=run_id)


def contents(engine: sa.Engine) -> list[list[tuple[object, ...]]]:
    return [rows_of(engine, table) for table in (portfolio_weights, outcomes)]


def test_a_kill_in_the_middle_of_a_write_loses_nothing(database: sa.Engine, database_url: str) -> None:
    with database.begin() as connection:
        write(connection, [0.5, 0.5], "old")
    before = contents(database)
    process = PythonProcess(WRITE, database_url)
    process.wait_until_ready()
    assert contents(database) == before
    process.kill()
    assert contents(database) == before
    with database.begin() as connection:
        write(connection, [0.2, 0.8], "new")
    assert {row[-1] for rows in contents(database) for row in rows} == {"new"}


def test_a_write_that_is_committed_replaces_all_of_it(database: sa.Engine, database_url: str) -> None:
    with database.begin() as connection:
        write(connection, [0.5, 0.5], "old")
    process = PythonProcess(WRITE, database_url)
    process.wait_until_ready()
    process.go_on()
    assert process.finish() == (0, "")
    assert {row[-1] for rows in contents(database) for row in rows} == {"killed"}
