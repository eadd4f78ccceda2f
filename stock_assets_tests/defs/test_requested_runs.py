"""Sensors and schedules with a real instance: what they request, how they know the ends, what runs again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from stock_assets.defs import requested_runs
from stock_assets.defs.daily_sensor import DAILY_SENSOR, evaluate
from stock_assets.defs.freshness_check import DAYS_ARE_FRESH, FRESHNESS_JOB, freshness_result
from stock_assets.defs.requested_runs import CLOSED_TAG, REQUEST_TAG, days_running, run_states
from stock_assets.defs.training_schedule import MISSED_TRAINING_SENSOR, TRAINING_SCHEDULE
from stock_assets.pipeline.freshness import days_looked_at
from stock_assets.storage.schedules import RunAttempt
from stock_assets_tests.defs.environments import definitions_of, sample_environment
from stock_assets_tests.pipeline.simulation import Simulation, at
from stock_assets_tests.pipeline.test_due_days import NEW_YORK

#: The daemon judges keys by its own clock, so that these days are near it.
NOW = datetime.now(UTC)
START = NOW.date() - timedelta(days=9)
TOKYO = {**NEW_YORK, "id": "jp", "name": "Tokyo", "exchange": "XTKS"}


@dataclass(frozen=True)
class Place:
    simulation: Simulation
    defs: dg.Definitions
    instance: dg.DagsterInstance

    @property
    def days(self) -> tuple[date, ...]:
        return days_looked_at(self.simulation.deployment, NOW)

    def tick(self, sensor: str = DAILY_SENSOR) -> dg.SensorResult:
        """Evaluate a sensor as the daemon does."""
        repository = self.defs.get_repository_def()
        context = dg.build_sensor_context(instance=self.instance, repository_def=repository)
        return repository.get_sensor_def(sensor).evaluate_tick(context)  # pyright: ignore[reportReturnType]

    def start_run(self, key: str | None, status: dg.DagsterRunStatus, **tags: str) -> dg.DagsterRun:
        job = self.defs.resolve_job_def("daily")
        own = {} if key is None else {REQUEST_TAG: key}
        return self.instance.create_run_for_job(job, status=status, tags={**own, **tags})


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@pytest.fixture
def place(tables: Path, tmp_path: Path) -> Iterator[Place]:
    """New York and Tokyo, live since a week, with the history loaded."""
    simulation = Simulation.install(
        tmp_path, "kospi", NOW, tables, start=START, instruments=[NEW_YORK, TOKYO], headlines=None
    )
    simulation.load_history()
    requested_runs._checked_engine.cache_clear()
    home = tmp_path / "home"
    home.mkdir()
    with definitions_of(simulation.variables) as defs, dg.DagsterInstance.local_temp(str(home)) as instance:
        yield Place(simulation, defs, instance)


def test_the_sensor_requests_a_run_a_day(place: Place) -> None:
    requests = place.tick().run_requests or []
    assert [request.partition_key for request in requests] == [str(day) for day in place.days]
    assert [request.run_key for request in requests] == [f"daily/{day}/1" for day in place.days]
    assert {request.job_name for request in requests} == {"daily"}
    for request, day in zip(requests, place.days, strict=True):
        assert request.tags[REQUEST_TAG] == request.run_key
        assert (CLOSED_TAG in request.tags) == any(
            not calendar.is_session(day) for calendar in place.simulation.deployment.markets
        )
        assert request.tags["dagster/partition"] == str(day)


def test_what_is_said_of_days_is_in_the_log_of_the_sensor(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.simulation.finish_days(place.days, NOW)
    context = dg.build_sensor_context(instance=place.instance)
    evaluate(place.simulation.deployment, context, at(place.days[-1], 25), "daily", "history")
    (said,) = place.simulation.said("all_complete")
    assert said in capfd.readouterr().err


def test_the_sensor_requests_the_history_first(place: Place) -> None:
    with place.simulation.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM price_bars")
    (request,) = place.tick().run_requests or []
    assert (request.run_key, request.job_name) == (f"history/{START}/1", "history")


def test_the_sensor_knows_the_ends_of_its_runs(place: Place) -> None:
    first, second, third, *_ = place.days
    place.tick()
    place.start_run(f"daily/{first}/1", dg.DagsterRunStatus.SUCCESS)
    place.simulation.finish_days([first], NOW)
    place.start_run(f"daily/{second}/1", dg.DagsterRunStatus.FAILURE)
    place.start_run(f"daily/{third}/1", dg.DagsterRunStatus.STARTED)
    reason = place.tick().skip_message
    assert f"{first}" not in str(reason)
    assert f"{second} is missing and is tried again later; {third} is being run" in str(reason)


def test_a_run_that_dagster_tries_again_has_not_ended(place: Place) -> None:
    attempt = RunAttempt("daily", place.days[0], 1, NOW)
    ask = run_states(place.instance, NOW)
    assert ask([attempt]) == {}
    failed = place.start_run(attempt.key, dg.DagsterRunStatus.FAILURE, **{"dagster/will_retry": "true"})
    assert ask([attempt])[attempt.key].unfinished
    # What Dagster has said and does not do is not waited for.
    (later,) = run_states(place.instance, NOW + timedelta(hours=1))([attempt]).values()
    assert later.unfinished == (place.instance.get_run_records()[0].end_time is None)
    place.instance.add_run_tags(failed.run_id, {"dagster/auto_retry_run_id": "x"})
    retry = place.start_run(attempt.key, dg.DagsterRunStatus.STARTED)
    assert ask([attempt])[attempt.key].unfinished
    place.instance.delete_run(retry.run_id)
    last = place.start_run(attempt.key, dg.DagsterRunStatus.SUCCESS)
    state = ask([attempt])[attempt.key]
    assert (state.unfinished, state.succeeded, state.tries, state.run_id) == (False, True, 2, last.run_id)


def test_runs_that_were_started_by_hand_are_seen(place: Place) -> None:
    days = place.days
    place.start_run(None, dg.DagsterRunStatus.NOT_STARTED, **{"dagster/partition": str(days[0])})
    place.start_run(
        None,
        dg.DagsterRunStatus.STARTED,
        **{
            "dagster/asset_partition_range_start": str(days[2]),
            "dagster/asset_partition_range_end": str(days[3]),
        },
    )
    place.start_run(None, dg.DagsterRunStatus.SUCCESS, **{"dagster/partition": str(days[1])})
    assert days_running(place.instance, days) == {days[0], days[2], days[3]}
    requested = [request.partition_key for request in place.tick().run_requests or []]
    assert requested == [str(day) for day in days if day not in (days[0], days[2], days[3])]


def test_a_run_that_the_ui_starts_in_place_of_a_failed_one_is_seen(place: Place) -> None:
    day = place.days[0]
    place.tick()
    place.start_run(f"daily/{day}/1", dg.DagsterRunStatus.FAILURE)
    place.tick()
    # Its tags are those of the failed one, whose end was seen.
    place.start_run(f"daily/{day}/1", dg.DagsterRunStatus.STARTED, **{"dagster/partition": str(day)})
    context = dg.build_sensor_context(instance=place.instance)
    soon = datetime.now(UTC) + timedelta(minutes=11)
    answer = evaluate(place.simulation.deployment, context, soon, "daily", "history")
    assert str(day) not in [request.partition_key for request in answer.run_requests or []]


def test_what_runs_by_itself(place: Place) -> None:
    repository = place.defs.get_repository_def()
    running = dg.DefaultSensorStatus.RUNNING
    assert repository.get_sensor_def(DAILY_SENSOR).default_status == running
    assert repository.get_sensor_def(MISSED_TRAINING_SENSOR).default_status == running
    for name in (TRAINING_SCHEDULE, FRESHNESS_JOB):
        assert repository.get_schedule_def(name).default_status == dg.DefaultScheduleStatus.RUNNING
    schedule = repository.get_schedule_def(TRAINING_SCHEDULE)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 0 1,15 * *", "UTC")


def test_the_sample_runs_nothing_by_itself_and_says_why(tmp_path: Path) -> None:
    from stock_assets.pipeline.deployment import current_deployment
    from stock_assets.storage.engine import create_engine
    from stock_assets.storage.migrate import upgrade

    requested_runs._checked_engine.cache_clear()
    with definitions_of(sample_environment(tmp_path)) as defs, dg.DagsterInstance.ephemeral() as instance:
        upgrade(create_engine(current_deployment().settings.database_url), "sample")
        repository = defs.get_repository_def()
        sensor = repository.get_sensor_def(DAILY_SENSOR)
        tick = sensor.evaluate_tick(dg.build_sensor_context(instance=instance, repository_def=repository))
        assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
        assert not tick.run_requests
        assert str(tick.skip_message).startswith("The data of sample ended on 2022-12-28: ")
        for name in (TRAINING_SCHEDULE, FRESHNESS_JOB):
            assert repository.get_schedule_def(name).default_status == dg.DefaultScheduleStatus.STOPPED


def test_the_training_is_requested_once_by_schedule_and_sensor_together(place: Place) -> None:
    simulation = place.simulation
    days = simulation.deployment.partition_days
    simulation.finish_days(days.between(days.first, NOW.date()), NOW)
    repository = place.defs.get_repository_def()
    schedule = repository.get_schedule_def(TRAINING_SCHEDULE)
    context = dg.build_schedule_context(instance=place.instance, repository_def=repository)
    (request,) = schedule.evaluate_tick(context).run_requests or []
    assert request.run_key == f"training/{request.partition_key}/1"
    assert {key.to_user_string() for key in request.asset_selection or ()} == {
        "stage1_model/us",
        "stage1_model/jp",
    }
    tick = place.tick(MISSED_TRAINING_SENSOR)
    assert not tick.run_requests and "is being trained" in str(tick.skip_message)


def test_the_check_says_of_each_day_how_far_it_is(place: Place) -> None:
    simulation, days = place.simulation, place.days
    simulation.finish_days(days[:-2], NOW)
    simulation.finish_days([days[-2]], NOW, "waiting")
    result = freshness_result(simulation.deployment, simulation.engine, at(days[-1] + timedelta(days=1)))
    table = result.metadata["days"]
    assert isinstance(table, dg.TableMetadataValue)
    said = {record.data["day"]: record.data["state"] for record in table.records}
    assert said[str(days[0])] == "complete" and said[str(days[-1])] == "missing"
    assert said[str(days[-2])] in ("waiting", "late, waiting")
    assert set(said) == {
        str(days[0] + timedelta(days=number)) for number in range((days[-1] - days[0]).days + 1)
    }
    assert all(state == "closed" for day, state in said.items() if date.fromisoformat(day) not in days)
    late = freshness_result(simulation.deployment, simulation.engine, at(days[-1], 24 + 25))
    assert (late.passed, late.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert late.metadata["late"].value == f"{days[-2]}, {days[-1]}"
    simulation.finish_days(days[-2:], NOW, "partial")
    partial = freshness_result(simulation.deployment, simulation.engine, at(days[-1], 24 + 25))
    assert (partial.passed, partial.severity) == (False, dg.AssetCheckSeverity.WARN)
    simulation.finish_days(days, NOW)
    run = place.defs.resolve_job_def(FRESHNESS_JOB).execute_in_process(instance=place.instance)
    (evaluation,) = run.get_asset_check_evaluations()
    assert run.success and evaluation.passed and evaluation.check_name == DAYS_ARE_FRESH


def test_the_job_of_a_day_does_not_judge_its_own_freshness(place: Place) -> None:
    keys = place.defs.resolve_job_def("daily").asset_layer.asset_graph.asset_check_keys
    names = {key.name for key in keys}
    assert "closes_move" in names and DAYS_ARE_FRESH not in names
