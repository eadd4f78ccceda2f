"""``models``: the trained models, and which of them a day uses."""

import bisect
import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Literal

import pandas as pd
import sqlalchemy as sa

from stock_assets.storage.column_types import Json
from stock_assets.storage.partitions import insert_rows, plain_dates
from stock_assets.storage.rows import to_records
from stock_assets.storage.run_workers import fence_run
from stock_assets.storage.schema import models as models_table

ModelKind = Literal["stage1", "sharpe_net"]


@dataclasses.dataclass(frozen=True)
class ModelRecord:
    """One trained model.

    Attributes
    ----------
    model_id : str
        The same for the same result.
    kind : str
        ``stage1`` or ``sharpe_net``.
    instrument : str or None
        Instrument of a stage1 network; of a Sharpe net, a name of its set of instruments.
    cutoff : date
        The model knows nothing that falls due from then on.
    metrics : mapping
        Figures of the training; NaN is stored as null and read as None.
    artifact : str
        File of the artefact, relative to the artefact folder.
    sha256 : str
        SHA-256 of the artefact, hexadecimal.
    versions : mapping of str to str
        Versions of the libraries that trained it.
    computed_at : datetime
        When it was trained, with a time zone.
    run_id : str
        Dagster run that trained it.
    """

    model_id: str
    kind: ModelKind
    instrument: str | None
    cutoff: dt.date
    metrics: Mapping[str, Json]
    artifact: str
    sha256: str
    versions: Mapping[str, str]
    computed_at: dt.datetime
    run_id: str


def register_model(connection: sa.Connection, model: ModelRecord) -> None:
    """Store a model, in place of the row with the same ``model_id`` if there is one.

    Raises
    ------
    InvalidRow
        For an infinite metric, or a value that the table cannot hold in another way.
    OutdatedRun
        If the run was ended. A model is named by what is in it, so that no run overwrites another one's.
    """
    fields = {field.name: getattr(model, field.name) for field in dataclasses.fields(model)}
    records = to_records(pd.DataFrame([fields]).astype("object"), models_table)
    fence_run(connection, model.run_id)
    connection.execute(sa.delete(models_table).where(models_table.c.model_id == model.model_id))
    insert_rows(connection, models_table, records)


def model_for(
    connection: sa.Connection, kind: ModelKind, instrument: str | None, day: dt.date
) -> ModelRecord | None:
    """Return the model that ``day`` uses: of the newest cutoff on or before it, the last one trained.

    None if no model of that kind and instrument has such a cutoff.
    """
    return models_for(connection, kind, [instrument], [day]).get((instrument, plain_dates([day])[0]))


def models_for(
    connection: sa.Connection,
    kind: ModelKind,
    instruments: Iterable[str | None],
    days: Iterable[dt.date],
) -> dict[tuple[str | None, dt.date], ModelRecord]:
    """Return the model that each day uses for each instrument, by one query.

    Returns
    -------
    dict
        By instrument and day, as `model_for` would choose it; a pair without a model is not in it.
    """
    wanted = plain_dates(days)
    if not wanted:
        return {}
    chosen: dict[tuple[str | None, dt.date], ModelRecord] = {}
    cutoffs = _newest_of_each_cutoff(connection, kind, wanted[-1])
    for instrument in instruments:
        models = cutoffs.get(instrument, [])
        dates = [model.cutoff for model in models]
        for day in wanted:
            position = bisect.bisect_right(dates, day)
            if position:
                chosen[instrument, day] = models[position - 1]
    return chosen


def read_models(connection: sa.Connection, model_ids: Iterable[str]) -> dict[str, ModelRecord]:
    """Return the models with these ids, by id; one that does not exist is not in it."""
    table = models_table
    wanted = sorted(set(model_ids))
    rows = connection.execute(sa.select(table).where(table.c.model_id.in_(wanted))).mappings()
    return {row["model_id"]: ModelRecord(**row) for row in rows}


def models_of_run(connection: sa.Connection, run_id: str) -> tuple[ModelRecord, ...]:
    """Return the models that a run has trained last, stage1's first, in the order of their instruments."""
    table = models_table
    statement = (
        sa.select(table)
        .where(table.c.run_id == run_id)
        .order_by(table.c.kind.desc(), table.c.instrument, table.c.cutoff)
    )
    return tuple(ModelRecord(**row) for row in connection.execute(statement).mappings())


def _newest_of_each_cutoff(
    connection: sa.Connection, kind: ModelKind, last: dt.date
) -> dict[str | None, list[ModelRecord]]:
    """Return each instrument's models in the order of their cutoffs, the last trained one of each."""
    table = models_table
    statement = (
        sa.select(table)
        .where(table.c.kind == kind, table.c.cutoff <= last)
        .order_by(table.c.instrument, table.c.cutoff, table.c.computed_at, table.c.model_id)
    )
    found: dict[str | None, dict[dt.date, ModelRecord]] = {}
    for row in connection.execute(statement).mappings():
        found.setdefault(row["instrument"], {})[row["cutoff"]] = ModelRecord(**row)
    return {instrument: list(models.values()) for instrument, models in found.items()}
