"""``stock-assets init``: once, again, and several at once."""

from stock_assets.instance_storage.database import InstanceDatabase
from stock_assets.instance_storage.tables import missing_parts, table_sets
from stock_assets_tests import databases
from stock_assets_tests.commands import Workplace

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
