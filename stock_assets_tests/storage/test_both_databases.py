"""The same calls leave the same tables on SQLite and on MariaDB."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from stock_assets.alerts.alert import Alert
from stock_assets.storage.alerts import queue_alerts
from stock_assets.storage.days import write_days
from stock_assets.storage.engine import create_engine, read_transaction
from stock_assets.storage.findings import replace_findings
from stock_assets.storage.headlines import add_collections, add_headlines
from stock_assets.storage.migrate import upgrade
from stock_assets.storage.models import ModelRecord, register_model
from stock_assets.storage.outcomes import write_outcomes
from stock_assets.storage.predictions import replace_predictions
from stock_assets.storage.prices import append_bars, read_bars
from stock_assets.storage.schedules import RunAttempt, write_attempts, write_notices
from stock_assets.storage.schema import metadata
from stock_assets.storage.weights import last_weights_before, replace_weights
from stock_assets_tests.servers import MariaDbServer
from stock_assets_tests.storage.builders import LATER, NOON, bars, finding, predictions, weekdays, weights

DAYS = weekdays(60)
INSTRUMENTS = ("kor", "us", "jp", "kor10y")


@pytest.fixture
def both(mariadb: MariaDbServer, tmp_path: Path) -> Iterator[tuple[sa.Engine, sa.Engine]]:
    urls = (f"sqlite:///{tmp_path / 'a.db'}", mariadb.create_database("both"))
    engines = create_engine(urls[0]), create_engine(urls[1])
    for engine in engines:
        upgrade(engine, "sample")
    yield engines
    for engine in engines:
        engine.dispose()


def write_everything(engine: sa.Engine) -> None:
    random = np.random.default_rng(11)
    for now, run_id in ((NOON, "first"), (LATER, "second")):
        closes = {name: random.lognormal(size=len(DAYS)) * 1000 for name in INSTRUMENTS}
        written = {"computed_at": now, "run_id": run_id}
        with engine.begin() as connection:
            for name in INSTRUMENTS:
                volume = np.where(np.arange(len(DAYS)) % 3 == 0, np.nan, closes[name] * 1e6)
                append_bars(
                    connection, bars(name, list(closes[name]), volume=volume), run_id=run_id, known_at=now
                )
            values = list(random.normal(size=4))
            rows = predictions(DAYS, values, live=now == NOON)
            names = sorted(set(rows["instrument"]))
            replace_predictions(connection, DAYS, rows, instruments=names, **written)
            for model in ("alpha", "black_litterman", "sharpe_net"):
                shares = list(random.dirichlet(np.ones(4)))
                replace_weights(connection, model, DAYS, weights(DAYS, shares), **written)
            found = pd.DataFrame([finding("kor", day, detail="급등 100 %") for day in DAYS[::7]])
            replace_findings(connection, DAYS, found, instruments=INSTRUMENTS, run_id=run_id, found_at=now)
            states = pd.DataFrame({"date": DAYS, "state": "partial", "reason": "us의 종가가 없음"})
            write_days(connection, states, **written)
            done = pd.DataFrame(
                {"date": DAYS, "asset": "stage1_prediction", "status": "published", "rows": 4}
            )
            write_outcomes(connection, done, **written)
            metrics = {"mae": float(random.normal()), "정확도": float("nan"), "curve": list(values)}
            model = ModelRecord(
                f"m-{run_id}",
                "stage1",
                "kor",
                dt.date(2022, 10, 1),
                metrics,
                "a.pt",
                "0" * 64,
                {},
                now,
                run_id,
            )
            register_model(connection, model)
            items = pd.DataFrame(
                {
                    "hash": [f"{number:064x}" for number in range(120)],
                    "instrument": ["kor", None] * 60,
                    "feed": run_id,
                    "title": "코스피 📈 사상 최고",
                    "link": "https://news.example/코스피",
                    "published_at": [now, None] * 60,
                }
            )
            new = add_headlines(connection, items, first_seen_at=now)
            said = Alert("k", "failure", f"실패 {run_id}", day=DAYS[0], picture=bytes(range(256)) * 300)
            queue_alerts(connection, [said, Alert(run_id, "ready", "📈", group="g")], now)
            attempt = {"collected_at": now, "feed": "뉴스", "instrument": "", "items": 120, "new_items": new}
            add_collections(connection, pd.DataFrame([attempt]))
            requested = RunAttempt("daily", DAYS[0], 1, NOON)
            ended = replace(requested, finished_at=now, result="failed", tries=2, run_id=run_id)
            write_attempts(connection, [requested, ended, replace(requested, kind="training")])
            write_notices(connection, [(DAYS[0], "late"), (DAYS[1], "complete")], now)


@pytest.mark.needs_binary
def test_the_tables_are_identical(both: tuple[sa.Engine, sa.Engine]) -> None:
    tables: list[dict[str, list[tuple[object, ...]]]] = []
    for engine in both:
        write_everything(engine)
        with read_transaction(engine) as connection:
            tables.append(
                {
                    name: [
                        tuple(row) for row in connection.execute(table.select().order_by(*table.primary_key))
                    ]
                    for name, table in metadata.tables.items()
                    if name != "deployment"  # holds the time at which each database was made
                }
            )
    sqlite, mariadb = tables
    assert {name: len(rows) for name, rows in sqlite.items()} == {
        "price_bars": 2 * 4 * 60,
        "days": 60,
        "findings": 9,
        "stage1_predictions": 4 * 60,
        "portfolio_weights": 3 * 4 * 60,
        "outcomes": 60,
        "models": 2,
        "headlines": 120,
        "headline_collections": 2,
        "run_workers": 2,
        "alerts": 3,
        "run_attempts": 2,
        "day_notices": 2,
    }
    assert sqlite == mariadb


@pytest.mark.needs_binary
def test_the_frames_are_identical(both: tuple[sa.Engine, sa.Engine]) -> None:
    frames: list[list[pd.DataFrame]] = []
    for engine in both:
        write_everything(engine)
        with read_transaction(engine) as connection:
            frames.append(
                [
                    read_bars(connection),
                    read_bars(connection, until=DAYS[30], as_of=NOON),
                    last_weights_before(connection, "alpha", DAYS[10]),
                ]
            )
    for sqlite, mariadb in zip(*frames, strict=True):
        assert len(sqlite) > 0
        pd.testing.assert_frame_equal(sqlite, mariadb, check_exact=True)
