"""``stock-assets init``: once, again, and several at once."""

import pytest
import sqlalchemy as sa

from stock_assets.instance_storage.database import InstanceDatabase
from stock_assets.instance_storage.tables import missing_parts, table_sets
from stock_assets_tests import databases
from stock_assets_tests.commands import Workplace
from stock_assets_tests.servers import MariaDbServer

DATABASES = ("stock_assets.db", "history/runs.db", "history/runs/index.db", "schedules/schedules.db")
VERSION_TABLES = {"stock_assets.db": "stock_assets_alembic_version"}


def assert_sound(workplace: Workplace) -> None:
    """Nothing is missing, damaged or there twice."""
    url = databases.database_url(workplace.folder)
    for database in DATABASES:
        if url is None:
            assert workplace.query("PRAGMA integrity_check", database) == [("ok",)]
        versions = workplace.query(
            f"SELECT * FROM {VERSION_TABLES.get(database, 'alembic_version')}", database
        )
        assert len(versions) == 1
    parts = table_sets(InstanceDatabase.choose(workplace.state, url))
    assert [lack for tables in parts for lack in missing_parts(tables)] == []


def test_init_says_where_everything_is_and_changes_nothing_the_second_time(workplace: Workplace) -> None:
    first = workplace.run("init")
    made = workplace.query("SELECT * FROM deployment")
    second = workplace.run("init")
    assert (first.status, first.err) == (second.status, second.err) == (0, "")
    assert first.out == second.out == f"made_up is ready in {workplace.state}.\n"
    assert workplace.query("SELECT * FROM deployment") == made
    assert_sound(workplace)


def test_several_at_once_prepare_one_sound_state(workplace: Workplace) -> None:
    ended = [command.end() for command in [workplace.start("init") for _ in range(3)]]
    assert [(end.status, end.err) for end in ended] == [(0, "")] * 3
    assert len(workplace.query("SELECT * FROM deployment")) == 1
    assert_sound(workplace)


@pytest.mark.needs_binary
@pytest.mark.parametrize(
    ("statement", "account", "says"),
    [
        ("ALTER DATABASE refusing CHARACTER SET latin1", "", "'latin1'"),
        (
            "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, REFERENCES ON refusing.* "
            "TO 'poor'@'127.0.0.1'",
            "poor:poor",
            "lacks the privilege INDEX",
        ),
    ],
)
def test_a_server_that_does_not_do_is_one_sentence_and_gets_no_table(
    workplace: Workplace, mariadb: MariaDbServer, statement: str, account: str, says: str
) -> None:
    url = mariadb.create_database("refusing")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE OR REPLACE USER 'poor'@'127.0.0.1' IDENTIFIED BY 'poor'")
        connection.exec_driver_sql(statement)
    if account:
        url = f"mysql+mysqlconnector://{account}@127.0.0.1:{mariadb.port}/refusing"
    ended = workplace.with_variables(STOCK_ASSETS_DATABASE_URL=url).run("init")
    assert says in ended.fails_with_one_sentence()
    assert sa.inspect(engine).get_table_names() == []
