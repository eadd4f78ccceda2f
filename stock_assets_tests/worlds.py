"""A whole deployment of the made-up universe in a folder: its files, its database and what runs on them."""

import csv
import logging
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import sqlalchemy as sa

from stock_assets.config.portfolios import PORTFOLIO_MODELS, PortfolioModel
from stock_assets.market_data.source import PriceSource
from stock_assets.market_data.sources import build_sources
from stock_assets.pipeline import portfolios, prices, stage1
from stock_assets.pipeline.deployment import Deployment, open_deployment
from stock_assets.pipeline.plan import Plan, make_plan
from stock_assets.pipeline.price_gaps import history_gaps
from stock_assets.portfolio.sharpe_model import TrainedSharpeNet
from stock_assets.settings import (
    CONFIG_DIR_VARIABLE,
    DATABASE_URL_VARIABLE,
    STATE_DIR_VARIABLE,
    UNIVERSE_VARIABLE,
    Settings,
)
from stock_assets.stage1.model import TrainedStage1
from stock_assets.storage.engine import create_engine, read_transaction
from stock_assets.storage.migrate import upgrade
from stock_assets.storage.schema import metadata
from stock_assets_tests import databases, made_up

UNIVERSE = "made_up"

#: The last day that was loaded before the corrections of ``correct`` came.
FIRST_LOADED = date(2021, 2, 10)
#: When the days up to it were loaded, and when everything else was done: long after the universe's end.
FIRST_NOW = datetime(2021, 2, 11, 6, tzinfo=UTC)
NOW = datetime(2021, 4, 12, 6, tzinfo=UTC)

#: The cutoffs that are trained; 2021-02-01, 2021-02-15 and 2021-03-15 never are.
CUTOFFS = (date(2021, 1, 15), date(2021, 3, 1))

#: The cutoffs that a plan has trained, in a world that is configured to begin with the first of them.
FIRST_CUTOFF, LAST_CUTOFF = date(2021, 2, 15), date(2021, 3, 15)

#: The table's column that says which trading day, or which cutoff, a row is of.
DAY_COLUMNS = {
    "price_bars": "trading_day",
    "findings": "trading_day",
    "days": "date",
    "stage1_predictions": "date",
    "portfolio_weights": "date",
    "outcomes": "date",
    "models": "cutoff",
}

#: A row of a price file: session, open, high, low, close, volume, dividend, split.
PriceRow = list[str]
_SESSION, _HIGH, _CLOSE, _PRICES = 0, 2, 4, slice(1, 5)


@dataclass(frozen=True, eq=False)
class World:
    """The made-up universe, with what has been computed of it.

    Attributes
    ----------
    folder : Path
        Holds everything.
    deployment : Deployment
    engine : Engine
    """

    folder: Path
    deployment: Deployment
    engine: sa.Engine

    @classmethod
    def install(cls, folder: Path) -> "World":
        """Make configuration, prices and an empty database."""
        made_up.install(folder)
        calendars = Settings.from_environment(environment(folder)).calendar_dir
        shutil.copytree(folder / "calendars", calendars)  # those that the prices were made from
        databases.create_database(folder)
        world = cls.open(folder)
        upgrade(world.engine, UNIVERSE)
        return world

    @classmethod
    def open(cls, folder: Path) -> "World":
        """Open what is there."""
        settings = Settings.from_environment(environment(folder))
        return cls(folder, open_deployment(settings), create_engine(settings.database_url))

    def copy(self, folder: Path) -> "World":
        """Copy everything into a folder that does not exist yet."""
        self.engine.dispose()
        shutil.copytree(self.folder, folder)
        databases.copy_database(self.folder, folder)
        return World.open(folder)

    @property
    def instruments(self) -> tuple[str, ...]:
        return self.deployment.universe.instrument_ids

    @property
    def days(self) -> tuple[date, ...]:
        """All trading days of the daily partitions."""
        return self.deployment.partition_days.days

    def between(self, first: date, last: date) -> tuple[date, ...]:
        """The trading days from ``first`` to ``last``, both included."""
        return self.deployment.partition_days.between(first, last)

    def due_day(self, instrument: str, session: date) -> date:
        """The trading day that a session's bar belongs to, said once more in other words."""
        settings = self.deployment.universe.instrument(instrument)
        due = self.deployment.calendars[settings.exchange].close_of(session) + settings.publication_lag
        return next(
            day
            for day in self.deployment.history_days
            if datetime.combine(day + timedelta(days=1), time(), UTC) >= due
        )

    # What the assets do.

    def load_history(
        self,
        now: datetime = NOW,
        run_id: str = "a run",
        sources: Mapping[str, PriceSource] | None = None,
    ) -> dict[str, prices.HistoryReport]:
        with read_transaction(self.engine) as connection:
            gaps = history_gaps(self.deployment, connection)
        return {
            name: prices.load_history(
                self.deployment,
                self.engine,
                self.sources() if sources is None else sources,
                name,
                gap,
                run_id=run_id,
                now=now,
            )
            for name, gap in gaps.items()
        }

    def load_days(
        self,
        days: Sequence[date],
        now: datetime = NOW,
        run_id: str = "a run",
        sources: Mapping[str, PriceSource] | None = None,
        *,
        only_missing: bool = False,
    ) -> prices.DaysReport:
        return prices.load_days(
            self.deployment,
            self.engine,
            self.sources() if sources is None else sources,
            days,
            run_id=run_id,
            now=now,
            only_missing=only_missing,
        )

    def train(
        self,
        cutoff: date,
        instruments: Iterable[str] | None = None,
        *,
        sharpe_net: bool = True,
        now: datetime = NOW,
        run_id: str = "a run",
    ) -> dict[str, TrainedStage1 | TrainedSharpeNet]:
        """Train by instrument; the Sharpe net is ``sharpe_net``."""
        deployment, engine, log = self.deployment, self.engine, logging.getLogger("stock_assets_tests")
        trained: dict[str, TrainedStage1 | TrainedSharpeNet] = {}
        for name in self.instruments if instruments is None else instruments:
            _, trained[name] = stage1.train(
                deployment, engine, name, cutoff, run_id=run_id, now=now, logger=log
            )
        if sharpe_net:
            _, trained["sharpe_net"] = portfolios.train(
                deployment, engine, cutoff, run_id=run_id, now=now, logger=log
            )
        return trained

    def predict(
        self,
        days: Sequence[date],
        instruments: Sequence[str] | None = None,
        now: datetime = NOW,
        run_id: str = "a run",
    ) -> stage1.PredictionReport:
        names = self.instruments if instruments is None else instruments
        return stage1.predict_days(self.deployment, self.engine, names, days, run_id=run_id, now=now)

    def weigh(
        self,
        days: Sequence[date],
        models: Iterable[PortfolioModel] = PORTFOLIO_MODELS,
        now: datetime = NOW,
        run_id: str = "a run",
    ) -> dict[PortfolioModel, portfolios.WeightsReport]:
        return {
            model: portfolios.weigh_days(self.deployment, self.engine, model, days, run_id=run_id, now=now)
            for model in models
        }

    def plan(self, now: datetime = NOW) -> Plan:
        with read_transaction(self.engine) as connection:
            return make_plan(self.deployment, connection, now)

    def carry_out(self, plan: Plan) -> None:
        """Do what the command line does of a plan, without Dagster."""
        if plan.history:
            self.load_history()
        for run in plan.price_runs:
            self.load_days(run, only_missing=True)
        for training in plan.trainings:
            self.train(training.cutoff, training.instruments, sharpe_net=training.sharpe_net)
        for run in plan.daily_runs:
            self.predict(run)
            self.weigh(run)

    # What is in the tables.

    def rows(
        self, table: str, first: date | None = None, last: date | None = None, **equal: object
    ) -> list[dict[str, object]]:
        """The rows of a table in the order of its key, of some trading days if it is said which."""
        found = metadata.tables[table]
        statement = sa.select(found).order_by(*found.primary_key)
        if first is not None:
            statement = statement.where(found.c[DAY_COLUMNS[table]] >= first)
        if last is not None:
            statement = statement.where(found.c[DAY_COLUMNS[table]] <= last)
        for column, value in equal.items():
            statement = statement.where(found.c[column] == value)
        with read_transaction(self.engine) as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def contents(
        self, first: date | None = None, last: date | None = None, without: Iterable[str] = ()
    ) -> dict[str, list[str]]:
        """All tables, each row as a text that differs if one bit of it does."""
        left_out = set(without)
        return {
            table: [
                repr({name: value for name, value in row.items() if name not in left_out})
                for row in self.rows(table, first, last)
            ]
            for table in DAY_COLUMNS
        }

    def forget_prices(self, first: date) -> None:
        """Take back what was loaded of the trading days from ``first`` on."""
        with self.engine.begin() as connection:
            for name in ("price_bars", "findings", "days"):
                table = metadata.tables[name]
                connection.execute(sa.delete(table).where(table.c[DAY_COLUMNS[name]] >= first))

    # What the configuration and the sources say.

    def configured(self, file: str, old: str, new: str) -> "World":
        """Replace a text in a configuration file, and open the world again."""
        path = self.deployment.config.folder / file
        text = path.read_text(encoding="utf-8")
        if old not in text:
            raise ValueError(f"{path} does not hold {old!r}")
        path.write_text(text.replace(old, new), encoding="utf-8")
        self.engine.dispose()
        return World.open(self.folder)

    def edit_prices(self, instrument: str, edit: Callable[[list[PriceRow]], list[PriceRow]]) -> None:
        """Let the source of an instrument say something else from now on."""
        config = self.deployment.config
        path = made_up.price_file(config, config.universe.instrument(instrument))
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *edit(rows)])

    def scale_bar(self, instrument: str, session: date, factor: float) -> None:
        """Multiply all prices of one bar."""

        def edit(rows: list[PriceRow]) -> list[PriceRow]:
            for row in rows:
                if row[_SESSION] == session.isoformat():
                    row[_PRICES] = [f"{float(cell) * factor:.4f}" if cell else "" for cell in row[_PRICES]]
            return rows

        self.edit_prices(instrument, edit)

    def remove_bars(self, instrument: str, first: date, last: date | None = None) -> None:
        """Let the source have no bar from ``first`` to ``last``, or on ``first`` alone."""
        until = first if last is None else last
        self.edit_prices(
            instrument,
            lambda rows: [row for row in rows if not first <= date.fromisoformat(row[_SESSION]) <= until],
        )

    def sources(self) -> dict[str, PriceSource]:
        """The sources of the universe, as the assets build them."""
        return build_sources(
            self.deployment.universe, self.deployment.config.folder, self.deployment.settings
        )


def load_prices(world: World, spoil: Callable[[World, int], None] = lambda world, time: None) -> None:
    """Load all prices as a deployment does in the course of time.

    The history and the days until ``FIRST_LOADED`` come first. Then the sources correct what they said, and
    the other days are loaded, which read the last sessions again.

    Parameters
    ----------
    spoil : callable
        Told the world and the number of the loading, 0 and 1, to change its sources just before.
    """
    blemish(world)
    spoil(world, 0)
    world.load_history(FIRST_NOW)
    world.load_days(world.between(world.days[0], FIRST_LOADED), FIRST_NOW)
    correct(world)
    spoil(world, 1)
    world.load_days(world.between(FIRST_LOADED + timedelta(days=1), world.days[-1]))


def environment(folder: Path) -> dict[str, str]:
    """The variables of the deployment in a folder."""
    url = databases.database_url(folder)
    return {
        UNIVERSE_VARIABLE: UNIVERSE,
        CONFIG_DIR_VARIABLE: str(folder / "configs"),
        STATE_DIR_VARIABLE: str(folder / "state"),
        **({} if url is None else {DATABASE_URL_VARIABLE: url}),
    }


def blemish(world: World) -> None:
    """Give the sources what sources have: bars that are missing, wrong, repeated or surprising."""
    world.remove_bars("uk_fund", date(2020, 3, 3))
    world.remove_bars("uk_fund", date(2021, 2, 12))
    world.scale_bar("us_index", date(2021, 1, 27), 1.3)

    def high_below_the_close(rows: list[PriceRow]) -> list[PriceRow]:
        row = _row_of(rows, date(2021, 2, 2))
        row[_HIGH] = f"{float(row[_CLOSE]) * 0.5:.4f}"
        return rows

    def repeated_and_invalid(rows: list[PriceRow]) -> list[PriceRow]:
        for session in (date(2021, 2, 4), date(2021, 2, 5)):
            _row_of(rows, session)[_CLOSE] = _row_of(rows, date(2021, 2, 3))[_CLOSE]
        _row_of(rows, date(2021, 1, 22))[_CLOSE] = "0"
        return rows

    def on_a_holiday(rows: list[PriceRow]) -> list[PriceRow]:
        surprise = list(_row_of(rows, date(2021, 2, 10)))
        surprise[_SESSION] = "2021-02-11"
        return [*rows, surprise]

    world.edit_prices("us_index", high_below_the_close)
    world.edit_prices("gold", repeated_and_invalid)
    world.edit_prices("jp_stock", on_a_holiday)


def correct(world: World) -> None:
    """Let the sources correct closes of the sessions that ``FIRST_LOADED`` and the days before it had."""
    world.scale_bar("jp_index", date(2021, 2, 5), 1.01)
    world.scale_bar("us_index", date(2021, 2, 9), 0.98)


def _row_of(rows: list[PriceRow], session: date) -> PriceRow:
    return next(row for row in rows if row[_SESSION] == session.isoformat())
