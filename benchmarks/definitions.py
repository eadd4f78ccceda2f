"""How long a process takes to load the definitions: the shipped universe, and one of many instruments."""

from pathlib import Path

from benchmarks.figures import Figure, median_of
from benchmarks.workplaces import Workplace

MOST_SECONDS = 5.0


def many_instruments(folder: Path, like: Workplace, count: int) -> Workplace:
    """Make a universe of that many instruments, otherwise like another one; its prices are never read."""
    config = folder / "configs" / "many"
    config.mkdir(parents=True)
    theirs = like.config_dir / like.universe
    for path in theirs.glob("*.yaml"):
        config.joinpath(path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    settings, _, _ = (
        config.joinpath("universe.yaml").read_text(encoding="utf-8").partition("\ninstruments:\n")
    )
    settings = settings.replace(f"name: {like.universe}", "name: many", 1)
    source = '\nsource_settings:\n  csv: {file: "{symbol}.csv", columns: {session: Date, close: Close}}\n'
    instruments = [
        f"  - {{id: stock_{number}, name: Stock {number}, exchange: XNYS, currency: USD, return_kind: total, "
        f"sources: [{{source: csv, symbol: stock_{number}}}], safe: {str(number % 2 == 0).lower()}}}"
        for number in range(count)
    ]
    text = "\n".join([settings, source, "instruments:", *instruments, ""])
    config.joinpath("universe.yaml").write_text(text, encoding="utf-8")
    return Workplace(folder, "many", folder / "configs")


def loading(place: Workplace, instruments: int, times: int, bounded: bool) -> list[Figure]:
    """Measure whole processes that load the definitions, beside such that only import Dagster."""
    place.stock_assets("init")  # calendars are built once, before
    dagster = median_of(lambda _: place.seconds("-c", "import dagster"), times)
    loaded = median_of(lambda _: place.seconds("-m", "benchmarks.tasks", "definitions"), times)
    return [
        Figure(
            f"definitions of {instruments} instruments",
            loaded,
            "s",
            "import dagster",
            dagster,
            f"under {MOST_SECONDS:.0f} s" if bounded else "",
            loaded < MOST_SECONDS if bounded else None,
        )
    ]
