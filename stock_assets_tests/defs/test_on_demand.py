"""The job that predicts on demand: its config, its answer, what the UI shows, and that it stores nothing."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stock_assets.defs.on_demand import ON_DEMAND_JOB
from stock_assets_tests.defs.environments import definitions_of
from stock_assets_tests.defs.runs import records
from stock_assets_tests.worlds import CUTOFFS, World, environment

DAY = date(2021, 3, 10)
STEP = "predict"


@dataclass(frozen=True)
class Place:
    """A universe whose days are all published, its definitions, and an instance on the disk."""

    world: World
    defs: dg.Definitions
    instance: dg.DagsterInstance

    def ask(self, **question: object) -> dg.ExecuteInProcessResult:
        """Run the job as the launchpad does, with that config."""
        config = {"ops": {STEP: {"config": question}}} if question else {}
        job = self.defs.resolve_job_def(ON_DEMAND_JOB)
        return job.execute_in_process(config, instance=self.instance, raise_on_error=False)

    def published(self, day: date) -> dict[object, object]:
        rows = self.world.rows("stage1_predictions", day, day)
        return {row["instrument"]: row["predicted_return"] for row in rows}

    def model(self, instrument: str, cutoff: date) -> Mapping[str, object]:
        (row,) = self.world.rows("models", cutoff, cutoff, instrument=instrument)
        return row


@pytest.fixture(scope="module")
def place(finished_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("on_demand")
    world = finished_world.copy(folder / "world")
    (folder / "instance").mkdir()
    with (
        definitions_of(environment(world.folder)) as defs,
        dg.DagsterInstance.local_temp(str(folder / "instance")) as instance,
    ):
        yield Place(world, defs, instance)


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = [event for event in result.all_events if event.is_successful_output]
    return {name: value.value for name, value in event.step_output_data.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    """The one sentence of a run that failed."""
    assert not result.success
    (event,) = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data.user_failure_data
    assert data is not None
    return str(data.description)


def test_without_any_config_the_newest_day_is_predicted_as_it_was_published(place: Place) -> None:
    before = place.world.contents()
    result = place.ask()
    assert result.success
    answer = result.output_for_node(STEP)
    last = place.world.days[-1]
    assert {row["instrument"]: row["predicted_return"] for row in answer} == place.published(last)
    shown = metadata(result)
    assert shown["trading day"] == str(last) and shown["published"] is False
    assert "%" in shown["units"] and "own currency" in shown["units"]
    picture = shown["predictions (picture)"]
    assert picture.startswith(f"![Predictions of {last}, on demand](data:image/png;base64,")
    assert len(picture) < 54_000
    assert not {"refused", "knows later prices"} & shown.keys()
    assert place.world.contents() == before
    assert not result.get_asset_materialization_events()


def test_the_table_shows_percent_and_where_each_number_comes_from(place: Place) -> None:
    result = place.ask(date=str(DAY), instruments=["gold", "us_index"])
    (gold, index) = records(result_table := metadata(result)["predictions"])
    row, model = place.published(DAY), place.model("gold", CUTOFFS[1])
    assert gold == {
        "instrument": "gold",
        "predicted return (%)": round(100 * row["gold"], 4),
        "horizon (sessions)": 5,
        "validation RMSE (%)": round(100 * model["metrics"]["residual_rmse"], 4),
        "as of session": "2021-03-10",
        "model cutoff": "2021-03-01",
        "knows later prices": False,
        "model": model["model_id"],
        "note": gold["note"],
    }
    assert index["instrument"] == "us_index"
    assert all(column.description for column in result_table.schema.columns)


def test_a_registered_and_an_imported_network_say_the_same(place: Place, tmp_path: Path) -> None:
    model = place.model("gold", CUTOFFS[0])
    artifacts = place.world.deployment.settings.artifact_dir
    copy = shutil.copy(artifacts / str(model["artifact"]), tmp_path / "imported.pt")
    registered = place.ask(date=str(DAY), model=model["model_id"]).output_for_node(STEP)
    imported = place.ask(date=str(DAY), artifact=str(copy)).output_for_node(STEP)
    assert [row["instrument"] for row in imported] == ["gold"]
    assert imported[0]["predicted_return"] == registered[0]["predicted_return"]
    assert imported[0]["predicted_return"] != place.published(DAY)["gold"]
    assert (imported[0]["model"], registered[0]["model"]) == (model["sha256"], model["model_id"])


def test_a_later_network_is_shown_as_what_it_is(place: Place) -> None:
    model = place.model("gold", CUTOFFS[1])["model_id"]
    question = {"date": "2021-02-10", "model": model}
    assert "may know prices that fell due after 2021-02-10" in failure(place.ask(**question))
    shown = metadata(place.ask(**question, allow_later_model=True))
    (row,) = records(shown["predictions"])
    assert shown["knows later prices"] is True and row["knows later prices"] is True
    assert row["note"].startswith("The network knows later prices")


def test_what_was_refused_is_shown_beside_the_rest(place: Place) -> None:
    path = place.world.deployment.settings.artifact_dir / str(place.model("gold", CUTOFFS[1])["artifact"])
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    try:
        result = place.ask(date=str(DAY))
    finally:
        path.write_bytes(whole)
    (refused,) = records(metadata(result)["refused"])
    assert refused["instrument"] == "gold" and "is damaged" in refused["reason"]
    assert len(result.output_for_node(STEP)) == 5


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ({"date": "soon"}, "'soon' is no date; write it as 2022-01-03."),
        ({"date": "2021-3-1x"}, "'2021-3-1x' is no date; write it as 2022-01-03."),
        ({"date": "2021-02-06"}, "2021-02-06 is no trading day of made_up"),
        ({"instruments": ["silver"]}, "made_up has no instrument 'silver'"),
        ({"model": "no_such_model"}, "No model 'no_such_model' is registered"),
        ({"artifact": "/no/such/file.pt"}, "/no/such/file.pt is no file"),
        ({"model": "m", "artifact": "a.pt"}, "Both the model m and the artefact a.pt were given"),
    ],
)
def test_a_wrong_question_fails_with_one_sentence(
    place: Place, question: dict[str, object], sentence: str
) -> None:
    said = failure(place.ask(**question))
    assert said.startswith(sentence) and said.endswith(".") and "\n" not in said


def test_config_of_another_shape_never_starts(place: Place) -> None:
    for question in ({"dates": str(DAY)}, {"instruments": "gold"}, {"allow_later_model": "perhaps"}):
        with pytest.raises(dg.DagsterInvalidConfigError):
            place.ask(**question)


def test_every_key_of_the_config_is_described_and_nothing_runs_it_by_itself(place: Place) -> None:
    job = place.defs.resolve_job_def(ON_DEMAND_JOB)
    op = job.nodes[0].definition
    assert job.resource_defs[op.output_defs[0].io_manager_key] is dg.mem_io_manager, "a file is left"
    fields = op.config_schema.config_type.fields
    assert set(fields) == {"date", "instruments", "model", "artifact", "allow_later_model"}
    assert all(field.description and not field.is_required for field in fields.values())
    assert "publish nothing" in str(job.description)
    repository = place.defs.get_repository_def()
    assert ON_DEMAND_JOB not in {schedule.job_name for schedule in repository.schedule_defs}
