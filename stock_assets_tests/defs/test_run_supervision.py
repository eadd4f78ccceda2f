"""The thread that ends a run: nothing that goes wrong on the way keeps it from that."""

import os
import signal
from typing import cast

import dagster as dg
import pytest
import sqlalchemy as sa

from stock_assets.defs.run_supervision import RunSupervision


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
