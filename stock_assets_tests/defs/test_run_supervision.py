"""What a run writes of itself outlasts a lost server, and nothing keeps it from being ended."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import dagster as dg
import mysql.connector
import pytest
import sqlalchemy as sa
from mysql.connector import errorcode
from sqlalchemy import exc

from stock_assets.defs import run_supervision
from stock_assets.defs.run_supervision import RunSupervision
from stock_assets.storage import run_workers
from stock_assets.storage.engine import create_engine
from stock_assets.storage.migrate import upgrade


def test_a_run_is_killed_even_if_dagster_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def get_run_by_id(self, run_id: str) -> dg.DagsterRun:
            raise ConnectionError(run_id)

    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, sign: killed.append((pid, sign)))
    supervision = RunSupervision(cast(dg.DagsterInstance, Away()), sa.create_engine("sqlite://"), "r1")
    supervision._steps["step"] = 12345
    supervision._end()
    assert killed == [(12345, signal.SIGKILL), (os.getpid(), signal.SIGKILL)]


def test_a_server_that_goes_away_at_the_begin_or_the_end_of_a_run_costs_a_repetition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    engine = create_engine(url)
    upgrade(engine, "sample")
    deployment = SimpleNamespace(settings=SimpleNamespace(database_url=url))
    monkeypatch.setattr(run_supervision, "current_deployment", lambda: deployment)
    lost: list[str] = []

    def lose_once(name: str) -> None:
        work: Callable[..., object] = getattr(run_workers, name)

        def losing(*arguments: object) -> object:
            if name not in lost:
                lost.append(name)
                raise exc.DBAPIError("", None, mysql.connector.Error(errno=errorcode.CR_SERVER_LOST))
            return work(*arguments)

        monkeypatch.setattr(run_workers, name, losing)

    lose_once("register_run")
    lose_once("end_run")
    with dg.DagsterInstance.ephemeral() as instance, run_supervision.RunSupervision.of(instance, "run"):
        pass
    with engine.connect() as connection:
        worker = run_workers.find_worker(connection, "run")
    assert lost == ["register_run", "end_run"]
    assert worker is not None
    assert worker.ended
    engine.dispose()
