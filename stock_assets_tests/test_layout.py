"""The layout of the package: who may import whom, and how large a module may be."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stock_assets.settings import PROJECT_ROOT

PACKAGE = PROJECT_ROOT / "stock_assets"
TESTS = PROJECT_ROOT / "stock_assets_tests"

#: Lines of a module at the most, and of one that holds definitions.
MAX_LINES, MAX_LINES_OF_DEFINITIONS = 300, 150

#: Who may import a library, by package or module below stock_assets; for type checkers alone anybody may.
LIBRARIES = {
    "dagster": {"defs", "definitions", "instance_storage", "cli"},
    "dagster_mysql": {"instance_storage"},
    "sqlalchemy": {"storage", "pipeline", "instance_storage", "doctor", "cli"},
    "alembic": {"storage", "instance_storage"},
    "torch": {"learning", "stage1", "portfolio"},
    "skfolio": {"portfolio"},
    "cvxpy": {"portfolio"},
    "sklearn": {"portfolio"},
    "matplotlib": {"pictures"},
    "exchange_calendars": {"session_tables"},
    "feedparser": {"headlines"},
    "requests": {"headlines", "market_data"},
    "yfinance": {"market_data"},
    "curl_cffi": {"market_data"},
    "rich": {"cli"},
    "slack_sdk": {"alerts", "doctor"},
    "dagster_slack": {"defs"},
    "click": {"cli"},
}

DOMAIN = {"headlines", "learning", "market_data", "portfolio", "stage1"}
#: What everything may import.
COMMON = {"errors", "config"}
#: What else of stock_assets a part may import, itself apart.
PARTS = {
    "errors": set(),
    "config": {"calendars", "cutoffs", "session_overrides", "session_tables"},
    "settings": set(),
    "alerts": {"settings"},
    "processes": set(),
    "cutoffs": set(),
    "own_calendars": set(),
    "session_tables": {"own_calendars"},
    "past_days": {"session_tables"},
    "session_overrides": {"session_tables"},
    "calendars": {"session_tables", "session_overrides"},
    "trading_days": {"calendars", "session_tables"},
    "market_data": {"calendars", "settings", "trading_days"},
    "storage": {"alerts", "market_data", "processes"},
    "headlines": set(),
    "learning": set(),
    "stage1": {"learning", "market_data"},
    "portfolio": {"learning", "market_data"},
    "pictures": set(),
    "instance_storage": {"processes", "settings", "storage"},
    "pipeline": {"alerts", "calendars", "cutoffs", "past_days", "settings", "trading_days"}
    | DOMAIN
    | {"storage"},
    "defs": {"alerts", "cutoffs", "pictures", "pipeline", "processes", "storage"} | DOMAIN,
    "definitions": {"processes"},
    "doctor": {
        "calendars",
        "headlines",
        "instance_storage",
        "market_data",
        "pipeline",
        "session_overrides",
        "session_tables",
        "settings",
        "storage",
    },
    "cli": {
        "alerts",
        "cutoffs",
        "definitions",
        "defs",
        "doctor",
        "instance_storage",
        "pictures",
        "pipeline",
        "processes",
        "settings",
        "storage",
    },
}

#: Of market_data, storage knows what a bar is and nothing else.
ONLY_BARS = {"storage": "stock_assets.market_data.bars"}


@dataclass(frozen=True)
class Import:
    """One import, wherever in a module it stands."""

    module: str
    part: str
    target: str
    for_types: bool = False

    @property
    def library(self) -> str:
        return self.target.partition(".")[0]


def modules() -> Iterator[Path]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path != PACKAGE / "__init__.py":
            yield path


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[Import]:
    name, part = str(path.relative_to(PROJECT_ROOT)), part_of(path)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        below
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for below in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(name, part, alias.name, node in for_types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            for alias in node.names:
                below = (PROJECT_ROOT / f"{node.module}.{alias.name}".replace(".", "/")).with_suffix(".py")
                target = f"{node.module}.{alias.name}" if below.is_file() else str(node.module)
                yield Import(name, part, target, node in for_types)


IMPORTS = [found for path in modules() for found in imports_of(path)]
OWN = [found for found in IMPORTS if found.library == "stock_assets"]


def test_every_part_is_known() -> None:
    assert {part_of(path) for path in modules()} == set(PARTS)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_imports_what_it_may(part: str) -> None:
    allowed = {part, *COMMON, *PARTS[part]}
    for found in OWN:
        if found.part == part and found.target != "stock_assets":
            assert found.target.split(".")[1] in allowed, f"{found.module} imports {found.target}"


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_imported_where_it_belongs(library: str) -> None:
    importers = {found.part for found in IMPORTS if found.library == library and not found.for_types}
    assert importers <= LIBRARIES[library], f"{library} is imported elsewhere"
    assert importers, f"nothing imports {library}"


@pytest.mark.parametrize(("part", "target"), ONLY_BARS.items())
def test_storage_knows_bars_alone(part: str, target: str) -> None:
    of_market_data = {
        found.target
        for found in OWN
        if found.part == part and found.target.startswith("stock_assets.market_data")
    }
    assert of_market_data == {target}


def test_the_domain_knows_neither_dagster_nor_tables() -> None:
    """Said once more without the lists above, since everything else rests on it."""
    for found in IMPORTS:
        if found.part in DOMAIN | {"pipeline"}:
            assert not found.library.startswith("dagster"), found
        if found.part in DOMAIN:
            assert found.library != "sqlalchemy", found
            assert not found.target.startswith(("stock_assets.storage", "stock_assets.pipeline")), found


def test_pipeline_passes_connections_and_writes_no_sql() -> None:
    for path in sorted((PACKAGE / "pipeline").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "sa":
                assert node.attr in ("Connection", "Engine"), f"{path}: line {node.lineno}"


@pytest.mark.parametrize(("one", "other"), [("stage1", "portfolio"), ("portfolio", "stage1")])
def test_stage1_and_portfolio_do_not_know_each_other(one: str, other: str) -> None:
    assert not [
        found for found in OWN if found.part == one and found.target.startswith(f"stock_assets.{other}")
    ]


def test_annotations_are_not_postponed() -> None:
    """Dagster's config parameters and its loader of definitions need them as they are."""
    everywhere = [*modules(), *TESTS.rglob("*.py")]
    postponed = [path for path in everywhere if "from __future__" in path.read_text(encoding="utf-8")]
    assert [path for path in postponed if path != Path(__file__)] == []


def test_modules_are_small() -> None:
    lines = {
        str(path.relative_to(PROJECT_ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules()
    }
    for module, count in lines.items():
        definitions = module.startswith(("stock_assets/defs/", "stock_assets/definitions"))
        assert count <= (MAX_LINES_OF_DEFINITIONS if definitions else MAX_LINES), module
    assert lines["stock_assets/definitions.py"] <= 20


def test_a_module_of_definitions_has_one_function_that_lists_them_all() -> None:
    """Dagster silently drops whatever stands beside a function that is marked as definitions."""
    for path in sorted((PACKAGE / "defs").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        marked = [
            node
            for node in tree.body
            if isinstance(node, ast.FunctionDef)
            and any(ast.unparse(decorator) == "dg.definitions" for decorator in node.decorator_list)
        ]
        assert len(marked) <= 1, path
        decorated = {
            ast.unparse(decorator).partition("(")[0]
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and node not in marked
            for decorator in node.decorator_list
        }
        assert not {name for name in decorated if name.startswith("dg.")}, path


def test_every_test_package_mirrors_a_package() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    mirrored = {path.parent.name for path in TESTS.glob("*/__init__.py")}
    # The browser's tests and those of live universes mirror no package: they look at all of them together.
    # The benchmarks stand beside the package.
    assert mirrored - {"ui", "end_to_end", "benchmarks"} <= packages
    for folder in TESTS.iterdir():
        if folder.is_dir() and list(folder.glob("test_*.py")):
            assert folder.name in mirrored, f"{folder} has tests and no __init__.py"
    for path in TESTS.glob("test_*.py"):
        module = path.stem.removeprefix("test_")
        assert module == "layout" or (PACKAGE / f"{module}.py").is_file(), path
