"""The sensors of alerting on real runs: what they queue, and that it reaches a local Slack."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from stock_assets.defs import alerts as sensors
from stock_assets.defs.alerts import AlertSlackResource, delivery_sensor, run_alerts_sensor
from stock_assets.defs.requested_runs import REQUEST_TAG
from stock_assets.defs.resources import DatabaseResource
from stock_assets.pipeline.deployment import current_deployment
from stock_assets.settings import SLACK_CHANNEL_VARIABLE, SLACK_TOKEN_VARIABLE, SLACK_URL_VARIABLE
from stock_assets.storage.engine import read_transaction
from stock_assets.storage.schedules import RunAttempt, write_attempts
from stock_assets.storage.schema import alerts as table
from stock_assets_tests.defs.environments import definitions_of
from stock_assets_tests.defs.runs import BEFORE, FIRST, LAST, SINGLE, Runs, run_job
from stock_assets_tests.defs.test_graph import MADE_UP
from stock_assets_tests.fake_slack import CHANNEL, TOKEN, FakeSlack, fake_slack
from stock_assets_tests.worlds import CUTOFFS, World, environment

UI = "http://127.0.0.1:3000/runs"


@dataclass
class Ticks:
    """A sensor, tick by tick."""

    instance: dg.DagsterInstance
    cursor: str | None = None

    def tick(self) -> str:
        """Evaluate the sensor once, and return why it requests nothing."""
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"database": DatabaseResource()}
        )
        answer = run_alerts_sensor(current_deployment()).evaluate_tick(context)
        self.cursor = answer.cursor
        assert not answer.run_requests and answer.skip_message
        return answer.skip_message


def queued(world: World) -> list[dict[str, Any]]:
    """What is in the outbox, in the order of sending."""
    statement = sa.select(table).order_by(table.c.created_at, table.c.position)
    with read_transaction(world.engine) as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]


@pytest.fixture(scope="module")
def told(runs: Runs) -> Iterator[tuple[Runs, Ticks, list[dict[str, Any]]]]:
    """The outbox after the series of runs, and the sensor that has filled it."""
    with definitions_of(environment(runs.world.folder)):
        ticks = Ticks(runs.instance)
        ticks.tick()
        yield runs, ticks, queued(runs.world)
        with runs.world.engine.begin() as connection:
            connection.execute(sa.delete(table))


Told = tuple[Runs, Ticks, list[dict[str, Any]]]


def shares_of(world: World, day: date) -> dict[tuple[Any, ...], Any]:
    key = ("model", "profile", "instrument")
    rows = world.rows("portfolio_weights", day, day)
    return {tuple(row[name] for name in key): row["weight"] for row in rows}


def of(told: Told, result: dg.ExecuteInProcessResult) -> list[dict[str, Any]]:
    return [row for row in told[2] if str(row["alert_key"]).startswith(f"run/{result.run_id}/")]


def test_every_run_is_one_start_and_one_end(told: Told) -> None:
    runs = told[0]
    results = (runs.history, runs.prices, runs.training, runs.before, runs.range_of_days, runs.single_day)
    kinds = [[row["kind"] for row in of(told, result)] for result in results]
    assert kinds == [
        ["run_started", "ready"],
        ["run_started", "ready"],
        ["training_started", "training_finished"],
        ["run_started", "ready"],
        ["run_started", "ready"],
        ["run_started", "ready"],
    ]
    assert len(told[2]) == 12


def test_nothing_is_told_twice(told: Told) -> None:
    runs, ticks, rows = told
    assert ticks.tick() == "0 new alerts of runs."
    assert Ticks(runs.instance).tick() == "0 new alerts of runs.", "nor when the cursor is lost"
    assert queued(runs.world) == rows
    assert len(ticks.cursor or "") < 2000


def test_a_day_says_what_was_published(told: Told) -> None:
    runs = told[0]
    started, ready = of(told, runs.single_day)
    assert started["text"] == f"Daily {SINGLE} started."
    predictions = len(runs.world.rows("stage1_predictions", SINGLE, SINGLE))
    weights = runs.world.rows("portfolio_weights", SINGLE, SINGLE)
    portfolios = len({(row["model"], row["profile"]) for row in weights})
    assert predictions and portfolios
    assert ready["text"] == f"Daily {SINGLE} ready: {predictions} predictions, {portfolios} portfolios."
    assert (ready["day"], ready["link"]) == (SINGLE, f"{UI}/{runs.single_day.run_id}")


def test_the_largest_changes_of_weight_are_those_of_the_tables(told: Told) -> None:
    runs = told[0]
    details = str(of(told, runs.single_day)[1]["details"])
    lines = details.split("```")[1].strip().split("\n")
    own, before = (shares_of(runs.world, day) for day in (SINGLE, LAST))
    assert set(own) == set(before)
    changes = sorted(((abs(own[key] - before[key]), key) for key in own), reverse=True)
    assert len(lines) == 5
    for line, (_, (model, profile, instrument)) in zip(lines, changes, strict=False):
        shares = [100 * which[model, profile, instrument] for which in (before, own)]
        assert line == f"{model} {profile}: {instrument} {shares[0]:.1f} % → {shares[1]:.1f} %"


def test_a_range_is_one_alert_and_no_days(told: Told) -> None:
    runs = told[0]
    started, ready = of(told, runs.range_of_days)
    days = len(runs.world.between(FIRST, LAST))
    assert started["text"] == f"Daily {FIRST} to {LAST} started."
    assert str(ready["text"]).startswith(f"Daily {FIRST} to {LAST} ready: ")
    rows = len(runs.world.rows("stage1_predictions", FIRST, LAST))
    assert f" {rows} predictions" in str(ready["text"]) and days > 5
    assert started["day"] is ready["day"] is None
    assert "Largest changes" not in str(ready["details"])


def test_a_training_shows_errors_and_their_picture(told: Told) -> None:
    runs = told[0]
    finished = of(told, runs.training)[1]
    details = str(finished["details"])
    for name in MADE_UP:
        (model,) = runs.world.rows("models", cutoff=CUTOFFS[0], kind="stage1", instrument=name)
        metrics: Any = model["metrics"]
        figures = [100 * metrics[key] for key in ("validation_mae", "zero_mae", "mean_mae")]
        assert f"{name:<10}  {figures[0]:7.3f}  {figures[1]:7.3f}  {figures[2]:7.3f}" in details
    assert f"of {len(MADE_UP)} networks beat both naive forecasts" in str(finished["text"])
    assert "Sharpe net: " in details and "equal weight: " in details
    assert bytes(finished["picture"]).startswith(b"\x89PNG") and finished["day"] is None
    assert finished["picture_title"] == f"training {CUTOFFS[0]}: MAE against naive forecasts"


def test_prices_alone_are_finished_and_publish_nothing(told: Told) -> None:
    runs = told[0]
    assert str(of(told, runs.prices)[1]["text"]).endswith(" finished.")
    assert of(told, runs.history)[1]["text"] == "History finished."


def test_a_failed_training_names_step_and_root_error(priced_world: World, tmp_path: Path) -> None:
    world = priced_world.copy(tmp_path / "world")
    world.forget_prices(date(2021, 1, 12))
    with definitions_of(environment(world.folder)) as defs, dg.DagsterInstance.ephemeral() as instance:
        names = ("stage1_model/gold", "stage1_model/us10y")
        run = run_job(defs, instance, "training", CUTOFFS[0], assets=names, raise_on_error=False)
        Ticks(instance).tick()
    rows = [row for row in queued(world) if row["kind"] == "failure"]
    assert len(rows) == 1
    text, details = str(rows[0]["text"]), str(rows[0]["details"])
    assert text.startswith(f"Training {CUTOFFS[0]} failed in step stage1_model__")
    assert "close_prices of 2021-01-12 and of 2 more days before the cutoff 2021-01-15" in text
    assert "Dagster" not in text + details and "Failed too: stage1_model__" in details
    assert rows[0]["link"] == f"{UI}/{run.run_id}"
    assert str(rows[0]["alert_group"]).startswith("training/")


@dg.op(retry_policy=dg.RetryPolicy(max_retries=2))
def stubborn(context: dg.OpExecutionContext) -> None:
    """Fail until the third attempt, and for ever if the run says so."""
    if context.retry_number < 2 or "fails" in context.run.tags:
        try:
            raise KeyError("<price> & password=hunter2")
        except KeyError as error:
            raise ValueError(f"attempt {context.retry_number + 1} has no prices") from error


def daily_job() -> dg.JobDefinition:
    """A job of the daily job's name whose step is tried again."""

    @dg.job(name="daily")
    def daily() -> None:
        stubborn()

    return daily


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[World]:
    world = World.install(tmp_path / "world")
    with definitions_of(environment(world.folder)):
        yield world
    world.engine.dispose()


def test_a_step_that_is_tried_again_and_a_run_that_recovers(empty: World) -> None:
    day = date(2021, 2, 3)
    with dg.DagsterInstance.ephemeral() as instance:
        tags = {"dagster/partition": str(day), "fails": "yes"}
        failed = daily_job().execute_in_process(instance=instance, tags=tags, raise_on_error=False)
        retry = {
            "dagster/partition": str(day),
            "dagster/parent_run_id": failed.run_id,
            "dagster/root_run_id": failed.run_id,
            "dagster/retry_number": "1",
        }
        daily_job().execute_in_process(instance=instance, tags=retry)
        Ticks(instance).tick()
    rows = queued(empty)
    assert [(row["kind"], row["text"]) for row in rows] == [
        ("run_started", "Daily 2021-02-03 started."),
        (
            "retry",
            "Daily 2021-02-03: step stubborn is tried again (attempt 2) after: ValueError: attempt 1 has "
            "no prices",
        ),
        (
            "retry",
            "Daily 2021-02-03: step stubborn is tried again (attempt 3) after: ValueError: attempt 2 has "
            "no prices",
        ),
        (
            "failure",
            "Daily 2021-02-03 failed in step stubborn (attempt 3 of the step): ValueError: attempt 3 has "
            "no prices",
        ),
        ("retry", "Daily 2021-02-03 (attempt 2): a run that failed is tried again."),
        ("run_started", "Daily 2021-02-03 (attempt 2) started."),
        (
            "retry",
            "Daily 2021-02-03 (attempt 2): step stubborn is tried again (attempt 2) after: ValueError: "
            "attempt 1 has no prices",
        ),
        (
            "retry",
            "Daily 2021-02-03 (attempt 2): step stubborn is tried again (attempt 3) after: ValueError: "
            "attempt 2 has no prices",
        ),
        ("ready", "Daily 2021-02-03 (attempt 2) finished."),
        ("recovered", "Daily 2021-02-03 (attempt 2) recovered: the run before had failed."),
    ]
    assert all(row["day"] == day for row in rows)
    details = str(rows[3]["details"])
    assert (
        "Caused by:\n```\nKeyError: '&lt;price&gt; &amp; password=***" in details and "hunter2" not in details
    )


def test_what_is_requested_again_is_a_further_attempt_of_the_same(empty: World) -> None:
    """Dagster knows nothing of the runs of an earlier request, one of which it had tried again itself."""
    day = date(2021, 2, 3)
    now = datetime.now(UTC)
    failed = [RunAttempt("daily", day, 1, now, now, "failed"), RunAttempt("daily", day, 2, now)]
    with dg.DagsterInstance.ephemeral() as instance:
        for retry in ({}, {"dagster/retry_number": "1"}):
            tags = {"dagster/partition": str(day), REQUEST_TAG: failed[0].key, **retry}
            instance.report_run_failed(instance.create_run_for_job(daily_job(), tags=tags), "x")
        with empty.engine.begin() as connection:
            write_attempts(connection, failed)
        tags = {"dagster/partition": str(day), REQUEST_TAG: failed[1].key}
        daily_job().execute_in_process(instance=instance, tags=tags)
        Ticks(instance).tick()
    said = [row["text"] for row in queued(empty) if "attempt 3" in str(row["text"])]
    assert said[0] == "Daily 2021-02-03 (attempt 3): a run that failed is tried again."
    assert said[1] == "Daily 2021-02-03 (attempt 3) started."
    assert said[-1] == "Daily 2021-02-03 (attempt 3) recovered: the run before had failed."


def test_a_run_that_fails_outside_of_its_steps_gives_its_reason(empty: World) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(daily_job(), tags={"dagster/backfill": "abc"})
        instance.report_run_failed(run, "Run timed out due to exceeding its maximum runtime.")
        other = instance.create_run_for_job(daily_job())
        instance.report_run_canceled(other)
        Ticks(instance).tick()
    first, second = queued(empty)
    assert first["text"] == "Daily failed: Run timed out due to exceeding its maximum runtime."
    assert first["alert_group"] == "backfill/abc"
    assert (second["kind"], second["text"]) == ("warning", "Daily was canceled.")


def test_other_jobs_are_heard_of_when_they_fail(empty: World) -> None:
    @dg.op
    def broken(context: dg.OpExecutionContext) -> None:
        if "fails" in context.run.tags:
            raise dg.Failure("None of the 2 feeds could be read.", allow_retries=False)

    @dg.job
    def collect_headlines() -> None:
        broken()

    with dg.DagsterInstance.ephemeral() as instance:
        collect_headlines.execute_in_process(instance=instance)
        collect_headlines.execute_in_process(instance=instance, tags={"fails": "1"}, raise_on_error=False)
        Ticks(instance).tick()
    (row,) = queued(empty)
    assert row["text"] == "Collect_headlines failed in step broken: None of the 2 feeds could be read."


def test_a_running_steps_retry_is_told_before_its_run_ends(empty: World) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        ticks = Ticks(instance)

        @dg.op(retry_policy=dg.RetryPolicy(max_retries=1))
        def failing_once(context: dg.OpExecutionContext) -> None:
            said = [row["kind"] for row in queued(empty)]
            assert said == (["run_started"] if context.retry_number else [])
            ticks.tick()
            if not context.retry_number:
                raise ValueError("once")

        @dg.job(name="daily")
        def daily() -> None:
            failing_once()

        daily.execute_in_process(instance=instance)
        assert [row["kind"] for row in queued(empty)] == ["run_started", "retry"]
        ticks.tick()
        assert [row["kind"] for row in queued(empty)] == ["run_started", "retry", "ready"]


def test_500_runs_are_told_within_a_few_ticks(empty: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "BATCH", 20)
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(50):
            run = instance.create_run_for_job(daily_job(), tags={"dagster/backfill": "abc"})
            instance.report_run_failed(run, "x")
        ticks = Ticks(instance)
        said = [int(ticks.tick().split()[0]) for _ in range(4)]
    # The last one of a batch is in the next one again.
    assert said == [20, 19, 11, 0]


def test_a_run_that_cannot_be_read_holds_up_no_other(empty: World) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        broken = instance.create_run_for_job(daily_job(), tags={"dagster/partition": "no date"})
        for run in (broken, instance.create_run_for_job(daily_job())):
            instance.report_run_failed(run, "x")
        Ticks(instance).tick()
    warning, failure = queued(empty)
    assert str(warning["text"]).startswith(f"What became of the run {broken.run_id} (daily, FAILURE) cannot")
    assert failure["text"] == "Daily failed: x"


def test_an_error_that_is_no_text_holds_up_no_other(empty: World) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for error in ("no file \udcff", "x"):
            instance.report_run_failed(instance.create_run_for_job(daily_job()), error)
        Ticks(instance).tick()
    assert [row["text"] for row in queued(empty)] == ["Daily failed: no file ?", "Daily failed: x"]


def test_what_is_older_than_the_first_look_is_left_alone() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert sensors._position(None, now) == (now - timedelta(hours=1), frozenset())
    cursor = json.dumps({"after": (now + timedelta(hours=9)).isoformat(), "seen": []})
    assert sensors._position(cursor, now)[0] == now - timedelta(hours=1), "the clock was ahead"
    cursor = json.dumps({"after": now.isoformat(), "seen": ["1:FAILURE"]})
    assert sensors._position(cursor, now) == (now, frozenset({"1:FAILURE"}))


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as server:
        yield server


def test_the_delivery_sensor_sends_what_the_other_one_queues(tmp_path: Path, slack: FakeSlack) -> None:
    world = World.install(tmp_path / "world")
    variables = environment(world.folder) | {
        SLACK_TOKEN_VARIABLE: TOKEN,
        SLACK_CHANNEL_VARIABLE: CHANNEL,
        SLACK_URL_VARIABLE: slack.url,
    }
    with definitions_of(variables) as defs, dg.DagsterInstance.ephemeral() as instance:
        daily_job().execute_in_process(
            instance=instance, tags={"fails": "1", "dagster/partition": str(BEFORE)}, raise_on_error=False
        )
        Ticks(instance).tick()
        resources = {"database": DatabaseResource(), "slack": AlertSlackResource()}
        # Two messages: what the limit of one a second costs is tested elsewhere.
        with world.engine.begin() as connection:
            connection.execute(sa.delete(table).where(table.c.kind == "retry"))
        context = dg.build_sensor_context(instance=instance, resources=resources)
        answer = delivery_sensor(current_deployment()).evaluate_tick(context)
        assert answer.skip_message == "Alerts: 2 sent."
        (thread,) = slack.threads.values()
        assert [message.shown.split("\n")[0] for message in thread] == [
            ":arrow_forward: Daily 2021-02-01 started.",
            ":red_circle: Daily 2021-02-01 failed in step stubborn (attempt 3 of the step): ValueError: "
            "attempt 3 has no prices",
        ]
        resource = defs.resources["slack"] if defs.resources else None
        assert isinstance(resource, AlertSlackResource) and TOKEN not in repr(resource)


def test_sensors_run_by_themselves_where_they_should(empty: World) -> None:
    deployment = current_deployment()
    assert deployment.universe.end is not None
    assert run_alerts_sensor(deployment).default_status == dg.DefaultSensorStatus.STOPPED
    assert delivery_sensor(deployment).default_status == dg.DefaultSensorStatus.RUNNING
