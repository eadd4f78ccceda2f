"""Dagster instances over the stock storage and over this package's, on SQLite and on MySQL."""

from pathlib import Path

import dagster as dg
import pytest
import yaml

from stock_assets.instance_storage.batches import BATCH_SIZE_VARIABLE
from stock_assets.settings import DATABASE_URL_VARIABLE

CUSTOM_STORAGE = {"custom": {"module": "stock_assets.instance_storage", "class": "InstanceStorage"}}


def write_settings(home: Path, storage: dict[str, object] | None) -> None:
    """Write ``dagster.yaml`` into a folder that is to be DAGSTER_HOME."""
    home.mkdir(parents=True, exist_ok=True)
    settings: dict[str, object] = {"telemetry": {"enabled": False}}
    if storage is not None:
        settings["storage"] = storage
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings))


def stock_instance(home: Path, mysql_url: str | None, patch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    """Open an instance on Dagster's own storage, with events written one at a time."""
    patch.delenv(BATCH_SIZE_VARIABLE, raising=False)
    patch.setenv("DAGSTER_HOME", str(home))
    write_settings(home, {"mysql": {"mysql_url": mysql_url}} if mysql_url else None)
    return dg.DagsterInstance.get()


def batched_instance(
    home: Path, mysql_url: str | None, patch: pytest.MonkeyPatch, batch_size: int | None = None
) -> dg.DagsterInstance:
    """Open an instance on this package's storage, as ``dagster.yaml`` and the environment choose it."""
    patch.setenv("DAGSTER_HOME", str(home))
    if mysql_url is None:
        patch.delenv(DATABASE_URL_VARIABLE, raising=False)
    else:
        patch.setenv(DATABASE_URL_VARIABLE, mysql_url)
    if batch_size is None:
        patch.delenv(BATCH_SIZE_VARIABLE, raising=False)
    else:
        patch.setenv(BATCH_SIZE_VARIABLE, str(batch_size))
    write_settings(home, CUSTOM_STORAGE)
    return dg.DagsterInstance.get()
