"""What the commands look up in the tables outlasts a server that goes away."""

from pathlib import Path
from typing import Any

import mysql.connector
import pytest
from mysql.connector import errorcode
from sqlalchemy import exc

from stock_assets.cli import up_to_date
from stock_assets.storage.engine import create_engine


def test_a_connection_that_is_lost_while_it_plans_costs_another_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def lose_once(*_: object) -> str:
        looks.append(1)
        if len(looks) == 1:
            raise exc.DBAPIError("", None, mysql.connector.Error(errno=errorcode.CR_SERVER_LOST))
        return "plan"

    monkeypatch.setattr(up_to_date, "make_plan", lose_once)
    deployment: Any = None
    assert up_to_date._plan(deployment, create_engine(f"sqlite:///{tmp_path / 'a.db'}")) == "plan"
    assert len(looks) == 2
