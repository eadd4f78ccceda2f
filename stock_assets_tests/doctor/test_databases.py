"""The database and Dagster's storage: before they are made, when all is well, and when it is not."""

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from stock_assets.doctor.databases import database_diagnoses
from stock_assets.doctor.diagnosis import Diagnosis
from stock_assets.instance_storage import initialize
from stock_assets.market_data.bars import BAR_COLUMNS
from stock_assets.settings import Settings
from stock_assets.storage.days import write_days
from stock_assets.storage.engine import create_engine
from stock_assets.storage.migrate import upgrade
from stock_assets.storage.models import ModelRecord, register_model
from stock_assets.storage.prices import append_bars
from stock_assets_tests.doctor.live_universe import environment
from stock_assets_tests.servers import PASSWORD, MariaDbServer

SECRET = "hunter2-of-nobody"
NOW = datetime(2024, 2, 1, 6, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment(environment(tmp_path))


def verdicts(settings: Settings) -> dict[str, str]:
    return {diagnosis.subject: diagnosis.verdict for diagnosis in database_diagnoses(settings)}


def first(settings: Settings) -> Diagnosis:
    return next(iter(database_diagnoses(settings)))


def test_before_anything_is_prepared_it_says_so_and_makes_nothing(settings: Settings, tmp_path: Path) -> None:
    own, dagster = database_diagnoses(settings)
    assert (own.verdict, dagster.verdict) == ("warning", "warning")
    assert f"{settings.state_dir / 'stock_assets.db'} has not been made yet" in own.found
    for diagnosis in (own, dagster):
        assert diagnosis.remedy is not None and "Run `stock-assets init`" in diagnosis.remedy
    assert list(tmp_path.iterdir()) == []


def test_what_is_prepared_is_named(prepared: Settings) -> None:
    own, prices, models, dagster = database_diagnoses(prepared)
    assert {diagnosis.verdict for diagnosis in (own, prices, models, dagster)} == {"ok"}
    where = f"sqlite:///{prepared.state_dir / 'stock_assets.db'}"
    said = f"SQLite {sqlite3.sqlite_version} ({where}) has the tables of this version, and serves live."
    assert own.found == said
    assert prices.found == "There are no bars yet." and models.found == "No network has been trained yet."


def test_a_file_without_tables_is_not_prepared(settings: Settings) -> None:
    settings.state_dir.mkdir(parents=True)
    (settings.state_dir / "stock_assets.db").touch()
    diagnosis = first(settings)
    assert diagnosis.verdict == "warning" and diagnosis.found.endswith(" has no tables yet.")


def test_the_database_of_another_universe_fails(settings: Settings) -> None:
    upgrade(create_engine(settings.database_url), "another")
    diagnosis = first(settings)
    assert diagnosis.verdict == "failed" and "serves the universe 'another', not 'live'" in diagnosis.found


@pytest.mark.parametrize(
    ("version", "said"), [("0001", "run `stock-assets init`"), ("9999", "newer package")]
)
def test_tables_of_another_version_fail(prepared: Settings, version: str, said: str) -> None:
    with create_engine(prepared.database_url).begin() as connection:
        connection.execute(sa.text(f"UPDATE stock_assets_alembic_version SET version_num = '{version}'"))
    diagnosis = first(prepared)
    assert diagnosis.verdict == "failed" and version in diagnosis.found and said in diagnosis.found


def test_a_file_that_is_no_database_fails_and_dagsters_storage_is_looked_at(settings: Settings) -> None:
    settings.state_dir.mkdir(parents=True)
    (settings.state_dir / "stock_assets.db").write_text("no database at all " * 100, encoding="utf-8")
    assert verdicts(settings) == {"database": "failed", "Dagster's storage": "warning"}
    assert "file is not a database" in first(settings).found


def test_dagsters_storage_that_is_half_made_or_damaged_fails(prepared: Settings) -> None:
    schedules = prepared.state_dir / "schedules" / "schedules.db"
    with closing(sqlite3.connect(schedules)) as connection:
        connection.execute("DROP TABLE job_ticks")
        connection.commit()
    assert verdicts(prepared)["Dagster's storage"] == "failed"
    schedules.unlink()
    assert verdicts(prepared)["Dagster's storage"] == "failed"
    schedules.write_text("no database at all " * 100, encoding="utf-8")
    *_, dagster = database_diagnoses(prepared)
    assert dagster.verdict == "failed" and "file is not a database" in dagster.found
    assert "Traceback" not in dagster.found


@pytest.mark.parametrize(
    "url",
    [
        SECRET,
        f"postgresql://somebody:{SECRET}@127.0.0.1/stock_assets",
        f"mysql+mysqlconnector://somebody:{SECRET}@127.0.0.1:1/stock_assets",
    ],
)
def test_a_database_that_cannot_be_opened_fails_without_its_password(tmp_path: Path, url: str) -> None:
    settings = Settings.from_environment(environment(tmp_path, STOCK_ASSETS_DATABASE_URL=url))
    own, dagster = database_diagnoses(settings)
    assert (own.verdict, dagster.verdict) == ("failed", "skipped")
    assert own.found.endswith(".") and "\n" not in own.found and SECRET not in f"{own}{dagster}"


@pytest.mark.needs_binary
def test_a_server_is_named_and_must_allow_what_is_needed(mariadb: MariaDbServer, tmp_path: Path) -> None:
    url = mariadb.create_database("doctor")
    settings = Settings.from_environment(environment(tmp_path, STOCK_ASSETS_DATABASE_URL=url))
    assert verdicts(settings) == {"database": "warning", "Dagster's storage": "warning"}
    with sa.create_engine(url).begin() as connection:
        assert sa.inspect(connection).get_table_names() == []
    upgrade(create_engine(url), "live")
    initialize(settings)
    diagnoses = list(database_diagnoses(settings))
    assert {diagnosis.verdict for diagnosis in diagnoses} == {"ok"}
    assert diagnoses[0].found.startswith("MariaDB ")
    assert f"stock_assets:***@127.0.0.1:{mariadb.port}/doctor" in diagnoses[0].found
    assert PASSWORD not in str(diagnoses)

    with sa.create_engine(url).begin() as connection:
        connection.execute(sa.text("ALTER DATABASE doctor CHARACTER SET latin1"))
    *_, dagster = database_diagnoses(settings)
    assert dagster.verdict == "failed" and "ALTER DATABASE `doctor` CHARACTER SET utf8mb4" in dagster.found


def test_bars_models_and_waiting_days_are_told(prepared: Settings) -> None:
    add_bars(prepared, {"kospi": date(2024, 1, 31), "fund": date(2024, 1, 31)})
    _, prices, models, _ = database_diagnoses(prepared)
    assert prices.found == "The last bars of 2 instruments are of 2024-01-31; 0 days wait for bars."
    assert models.found == "No network has been trained yet."

    add_bars(prepared, {"gold": date(2024, 1, 24), "us10y": date(2024, 1, 24)})
    for instrument, cutoff in [("kospi", 1), ("kospi", 15), ("fund", 1), ("gold", 15), ("sharpe", 20)]:
        add_model(prepared, instrument, date(2024, 1, cutoff))
    states = [(date(2024, 1, 29), "waiting"), (date(2024, 1, 30), "complete"), (date(2024, 1, 31), "waiting")]
    with create_engine(prepared.database_url).begin() as connection:
        frame = pd.DataFrame(states, columns=["date", "state"])
        write_days(connection, frame, computed_at=NOW, run_id="run")
    _, prices, models, _ = database_diagnoses(prepared)
    assert prices.found == (
        "The last bars of 4 instruments are of 2024-01-24 (gold, us10y) to 2024-01-31; 2 days wait for bars."
    )
    assert models.found == "The newest cutoff is 2024-01-15, with networks of 2 instruments."


def add_bars(settings: Settings, last: dict[str, date]) -> None:
    """Store two bars of each instrument, up to its last session."""
    sessions = [(name, day) for name, end in last.items() for day in (end - timedelta(days=1), end)]
    bars = pd.DataFrame(sessions, columns=["instrument", "session"]).assign(
        trading_day=lambda rows: rows["session"],
        closed_at=NOW,
        available_at=NOW,
        **{"close": 1.0, "currency": "USD", "unit": "price", "source": "csv"},
    )
    with create_engine(settings.database_url).begin() as connection:
        append_bars(connection, bars.reindex(columns=list(BAR_COLUMNS)), run_id="run", known_at=NOW)


def add_model(settings: Settings, instrument: str, cutoff: date) -> None:
    kind = "sharpe_net" if instrument == "sharpe" else "stage1"
    name = f"{instrument}-{cutoff}"
    model = ModelRecord(name, kind, instrument, cutoff, {}, name, "0" * 64, {}, NOW, "run")
    with create_engine(settings.database_url).begin() as connection:
        register_model(connection, model)
