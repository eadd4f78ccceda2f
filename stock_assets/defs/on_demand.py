"""The job ``predict_on_demand``: what networks say of one trading day, shown and never published.

It has no schedule, reads the tables and writes none of them.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from stock_assets.defs.executors import own_process_executor
from stock_assets.defs.resources import DatabaseResource
from stock_assets.errors import StockAssetsError
from stock_assets.pipeline.deployment import Deployment, current_deployment

if TYPE_CHECKING:
    from stock_assets.pipeline.on_demand import OnDemandReport

ON_DEMAND_JOB = "predict_on_demand"

#: Where the answer goes. Nothing follows the op, and a file with it would lie about for ever.
_IN_MEMORY = "in_memory"


class Question(dg.Config):
    """What is asked; as it is, all instruments on the newest day."""

    date: str = Field(
        default="",
        description="A trading day that is over, as 2022-01-03. Left empty: the newest with settled prices.",
    )
    instruments: list[str] = Field(
        default=[],
        description="Ids of instruments. Left empty: that of the given network, or else all of the universe.",
    )
    model: str = Field(
        default="",
        description="Id of a registered network, as the metadata of stage1_model shows it, for its "
        "instrument. Left empty: the networks that the day uses.",
    )
    artifact: str = Field(
        default="",
        description="Instead of model: the path, on the machine that runs this, of a file with a network. It "
        "is read, and neither registered nor copied.",
    )
    allow_later_model: bool = Field(
        default=False,
        description="Whether the given network may have a cutoff after the day. What it says then knows "
        "later prices.",
    )


def on_demand_job(deployment: Deployment) -> dg.JobDefinition:
    """Return the job."""

    @dg.op(
        description="Run stage1 networks for one trading day, with the prices that the day may see. Returns "
        "a row an instrument; returns are decimal, over the network's own horizon.",
        out=dg.Out(io_manager_key=_IN_MEMORY),
    )
    def predict(
        context: dg.OpExecutionContext, config: Question, database: DatabaseResource
    ) -> list[dict[str, Any]]:
        from stock_assets.defs.on_demand_metadata import on_demand_metadata
        from stock_assets.pipeline.frames import rows_of

        report = _answer(deployment, database, config)
        for name, reason in report.refused.items():
            context.log.warning(f"{name}: {reason}")
        context.add_output_metadata(on_demand_metadata(report))
        return rows_of(report.frame)

    @dg.job(
        name=ON_DEMAND_JOB,
        executor_def=own_process_executor,
        description="Predict instruments on a trading day, with the networks that the day uses or with a "
        "given one, and publish nothing.",
    )
    def on_demand() -> None:
        predict()

    return on_demand


def _answer(deployment: Deployment, database: DatabaseResource, question: Question) -> "OnDemandReport":
    """Return the report; what is wrong with the question is one sentence, and asking again does not help."""
    from stock_assets.pipeline.on_demand import newest_day, predict_on_demand

    try:
        return predict_on_demand(
            deployment,
            database.engine,
            day=_day(question.date) if question.date else newest_day(deployment, database.engine),
            now=datetime.now(UTC),
            instruments=question.instruments,
            model=question.model or None,
            artifact=Path(question.artifact) if question.artifact else None,
            allow_later_model=question.allow_later_model,
        )
    except StockAssetsError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError as error:
        raise dg.Failure(
            description=f"{text!r} is no date; write it as 2022-01-03.", allow_retries=False
        ) from error


@dg.definitions
def defs() -> dg.Definitions:
    """Return the job, and where its answer goes."""
    return dg.Definitions(
        jobs=[on_demand_job(current_deployment())], resources={_IN_MEMORY: dg.mem_io_manager}
    )
