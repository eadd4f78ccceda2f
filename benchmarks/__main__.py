"""All measurements side by side in one run: ``python -m benchmarks``, or ``make bench``."""

import logging
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import count
from pathlib import Path

import click
import dagster
from rich.console import Console

from benchmarks import daily, definitions, event_log, sensor
from benchmarks.daily import Range
from benchmarks.figures import Figure, table_of
from benchmarks.workplaces import Workplace
from stock_assets.settings import DATABASE_URL_VARIABLE, DEFAULT_UNIVERSE, PROJECT_ROOT
from stock_assets_tests.servers import MariaDbServer, mariadb_server, why_no_mariadb

CUTOFF = date(2022, 1, 1)
#: The new day is the last that the shipped universe has; the range ends with the one before it.
FIRST_DAY, FIRST_DAY_IF_QUICK, LAST_DAY, NEW_DAY = (
    date(2022, 1, 3),
    date(2022, 10, 3),
    date(2022, 12, 27),
    date(2022, 12, 28),
)
MANY_INSTRUMENTS = 500
_WIDTH_OF_FILES = 160


class Report:
    """The figures as they come; each part says what it measures while it does."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.figures: list[Figure] = []

    @contextmanager
    def part(self, what: str, database: str = "") -> Iterator[list[Figure]]:
        """Collect the figures of the block, which adds them to the list that it is given."""
        found: list[Figure] = []
        self.console.print(f"  {f'{database}: ' if database else ''}{what} ...")
        yield found
        self.figures += [
            replace(figure, what=f"{database}: {figure.what}" if database else figure.what)
            for figure in found
        ]


@click.command()
@click.option("--quick", is_flag=True, help="A quarter on SQLite, everything once: less to wait for.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the databases lie; the disk counts.")
def main(quick: bool, folder: Path | None) -> None:
    """Measure, and print the table of what takes how long."""
    logging.disable(logging.ERROR)
    os.environ.pop(DATABASE_URL_VARIABLE, None)
    console = Console()
    load = os.getloadavg()[0]
    report = Report(console)
    console.print("Measuring; whatever else this machine does now is measured too.")
    with ExitStack() as stack:
        # Not below a long path: that of a server's socket must be short.
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=folder)))
        server, reason = None, "left out of a quick run" if quick else why_no_mariadb()
        if reason is None:
            (root / "mariadb").mkdir()
            server = stack.enter_context(mariadb_server(root / "mariadb", *event_log.DURABLE))
        _measure(root, report, server, quick)
    title = (
        f"{os.cpu_count()} cores, load {load:.1f} at the start, Python {platform.python_version()}, "
        f"Dagster {dagster.__version__}{', quick' if quick else ''}"
    )
    if not console.is_terminal:
        console.width = _WIDTH_OF_FILES
    console.print(table_of(title, report.figures))
    if reason is not None:
        console.print(f"MariaDB was not measured: {reason}")


def _measure(root: Path, report: Report, server: MariaDbServer | None, quick: bool) -> None:
    times = 1 if quick else 3
    sample = Workplace(root / "prepared", DEFAULT_UNIVERSE, PROJECT_ROOT / "configs")
    with report.part("definitions") as figures:
        figures.extend(definitions.loading(sample, 13, times, bounded=False))
        many = definitions.many_instruments(root / "many", sample, MANY_INSTRUMENTS)
        figures.extend(definitions.loading(many, MANY_INSTRUMENTS, times, bounded=True))
    known = sample.task("days", str(FIRST_DAY_IF_QUICK if quick else FIRST_DAY), str(LAST_DAY))
    days = Range(CUTOFF, tuple(date.fromisoformat(day) for day in known), NEW_DAY)
    with report.part("prices and a training, what the rest begins with") as figures:
        figures.extend(daily.prepare(sample, days))
    databases = {"SQLite": None, **({"MariaDB": server} if server is not None else {})}
    names = (f"bench_{number}" for number in count())
    for database, used in databases.items():
        folder = root / f"on-{database.lower()}"
        folder.mkdir()
        with report.part("backfill of a range", database) as figures:
            singles = 0 if used is not None else 2 if quick else 5
            move = partial(_move, used, names)
            backfilled, found = daily.year(sample, folder, days, singles, move)
            figures.extend(found)
        if used is None:
            with report.part("the sensor's evaluation", database) as figures:
                figures.append(sensor.evaluation(backfilled, folder, NEW_DAY))
        with report.part("a new day", database) as figures:
            # On a server's database there is no second copy to repeat it on.
            figures.extend(daily.day(backfilled, folder, days, times if used is None else 1))
            if used is None:
                figures.extend(daily.day_by_daemon(backfilled, folder, days))
    for database, used in databases.items():
        with report.part("event log", database) as figures:
            figures.extend(
                event_log.figures(
                    root / f"events-{database.lower()}",
                    database,
                    used,
                    (20, 20) if quick else (50, 20),
                    (200, 20) if quick else (1000, 20),
                )
            )


def _move(server: MariaDbServer | None, names: Iterator[str], place: Workplace) -> Workplace:
    """Move a universe to a new database of the server, if there is one."""
    if server is None:
        return place
    moved = replace(place, database_url=server.create_database(next(names)))
    moved.stock_assets("copy")
    return moved


if __name__ == "__main__":
    main()
