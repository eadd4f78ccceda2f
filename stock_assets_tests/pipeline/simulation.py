"""A live universe without prices, whose clock, runs and tables a test moves by hand."""

import shutil
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import sqlalchemy as sa
import yaml

from stock_assets.pipeline.deployment import Deployment, open_deployment
from stock_assets.pipeline.due_days import Decision, decide, record
from stock_assets.pipeline.due_trainings import TrainingDecision, decide_trainings, record_trainings
from stock_assets.pipeline.run_attempts import RunState
from stock_assets.pipeline.settled import daily_settings
from stock_assets.settings import (
    CONFIG_DIR_VARIABLE,
    PROJECT_ROOT,
    STATE_DIR_VARIABLE,
    UNIVERSE_VARIABLE,
    Settings,
)
from stock_assets.storage.engine import create_engine, read_transaction
from stock_assets.storage.migrate import upgrade
from stock_assets.storage.models import ModelRecord, register_model
from stock_assets.storage.prices import append_bars
from stock_assets.storage.schedules import RunAttempt
from stock_assets.storage.schema import alerts
from stock_assets.storage.schema import days as days_table
from stock_assets.storage.schema import outcomes as outcomes_table
from stock_assets_tests.storage.builders import bars

#: Told a run's kind and day, says how it ends: complete, partial, waiting, closed or failed.
Ending = Callable[[str, date], str]


def at(day: date, hour: float = 0) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(hours=hour)


@dataclass
class Simulation:
    """What the daemon does, without Dagster: it decides, and runs go one at a time.

    Attributes
    ----------
    variables : dict of str to str
        The environment of the universe.
    requested : list of RunAttempt
        All requests, in their order.
    ending : callable
        How runs end.
    """

    deployment: Deployment
    engine: sa.Engine
    variables: dict[str, str]
    requested: list[RunAttempt] = field(default_factory=list)
    ending: Ending = lambda kind, day: "complete"
    tries: int = 1
    queued: deque[RunAttempt] = field(default_factory=deque)
    states: dict[str, RunState] = field(default_factory=dict)

    @classmethod
    def install(
        cls, folder: Path, universe: str, now: datetime, tables: Path, **replaced: object
    ) -> "Simulation":
        """Open a universe of the project with an empty database, and its history loaded.

        Parameters
        ----------
        tables : Path
            Session tables that were built before; those that are built are added.
        replaced : object
            Values of keys of ``universe.yaml`` in place of its own.
        """
        shutil.copytree(PROJECT_ROOT / "configs", folder / "configs")
        path = folder / "configs" / universe / "universe.yaml"
        content = yaml.safe_load(path.read_text(encoding="utf-8")) | replaced
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        variables = {
            UNIVERSE_VARIABLE: universe,
            CONFIG_DIR_VARIABLE: str(folder / "configs"),
            STATE_DIR_VARIABLE: str(folder / "state"),
            "STOCK_ASSETS_ECOS_KEY": "x",
        }
        settings = Settings.from_environment(variables)
        shutil.copytree(tables, settings.calendar_dir)
        deployment = open_deployment(settings, now)
        for file in settings.calendar_dir.glob("[A-Z]*.json"):
            if not (tables / file.name).exists():
                shutil.copy(file, tables)
        engine = create_engine(settings.database_url)
        upgrade(engine, universe)
        return cls(deployment, engine, variables)

    def load_history(self) -> None:
        first = self.deployment.history_days.first
        with self.engine.begin() as connection:
            for name in self.deployment.universe.priced_ids:
                append_bars(connection, bars(name, [1.0], first), run_id="history", known_at=at(first))

    def finish_days(self, days: Sequence[date], now: datetime, state: str = "complete") -> None:
        """Write what the runs of days write; of a day that waits, that its assets wait."""
        written = {"computed_at": now, "run_id": "a run"}
        completed_at = None if state == "waiting" else now
        status = {"waiting": "waiting", "closed": "closed"}.get(state, "published")
        assets = daily_settings(self.deployment)
        with self.engine.begin() as connection:
            for table in (days_table, outcomes_table):
                connection.execute(sa.delete(table).where(table.c.date.in_(days)))
            connection.execute(
                sa.insert(days_table),
                [{"date": day, "state": state, "completed_at": completed_at, **written} for day in days],
            )
            connection.execute(
                sa.insert(outcomes_table),
                [
                    {"date": day, "asset": asset, "status": status, "rows": 1, "settings": name, **written}
                    for day in days
                    for asset, name in assets.items()
                ],
            )

    def train(self, cutoff: date, now: datetime, instruments: Sequence[str] | None = None) -> None:
        """Register networks of a cutoff; without a choice, all of them."""
        names: list[tuple[str, str | None]] = [
            ("stage1", name) for name in instruments or self.deployment.universe.instrument_ids
        ]
        if instruments is None and self.deployment.config.portfolios is not None:
            names.append(("sharpe_net", self.deployment.instrument_set))
        with self.engine.begin() as connection:
            for kind, name in names:
                model = ModelRecord(
                    f"{kind}-{name}-{cutoff}",
                    kind,
                    name,
                    cutoff,
                    {},
                    "a",
                    "b",
                    {},
                    now,
                    "a run",  # pyright: ignore[reportArgumentType]
                )
                register_model(connection, model)

    def look(self, now: datetime, running: Sequence[date] = ()) -> Decision:
        """Let the sensor of days look."""
        decision = decide(self.deployment, self.engine, now, self._asked, running)
        record(self.engine, decision, now)
        self._queue(decision.requests)
        return decision

    def look_at_trainings(self, now: datetime, running: Sequence[date] = ()) -> TrainingDecision:
        """Let the schedule, or the sensor behind it, look."""
        decision = decide_trainings(self.deployment, self.engine, now, self._asked, running)
        record_trainings(self.engine, decision, now)
        self._queue([request for request, _ in decision.requests])
        return decision

    def run(self, now: datetime, most: int = 1000) -> None:
        """Let queued runs run to their end, in their order."""
        for _ in range(min(most, len(self.queued))):
            one = self.queued.popleft()
            ending = self.ending(one.kind, one.day)
            if ending != "failed":
                if one.kind == "daily":
                    self.finish_days([one.day], now, ending)
                elif one.kind == "training":
                    self.train(one.day, now)
                else:
                    self.load_history()
            self.states[one.key] = RunState("id", False, ending != "failed", self.tries)

    def said(self, *kinds: str, target: str = "slack") -> list[str]:
        """The texts of the alerts of some kinds, in the order in which they were queued."""
        statement = (
            sa.select(alerts.c.text)
            .where(alerts.c.kind.in_(kinds), alerts.c.target == target)
            .order_by(alerts.c.created_at, alerts.c.position)
        )
        with read_transaction(self.engine) as connection:
            return list(connection.execute(statement).scalars())

    def _asked(self, attempts: Sequence[RunAttempt]) -> Mapping[str, RunState]:
        return {one.key: self.states[one.key] for one in attempts if one.key in self.states}

    def _queue(self, requests: Sequence[RunAttempt]) -> None:
        for one in requests:
            # A key that is known is not started a second time.
            if one.key not in self.states:
                self.states[one.key] = RunState("id", True, False)
                self.queued.append(one)
        self.requested += requests
