"""Read and validate a universe's files as a whole.

Nothing of a universe runs before all of its files are right. Every mistake becomes one sentence
that names the file, the key and what is allowed; all of them are reported at once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from stock_assets.calendars import known_exchanges, read_overrides
from stock_assets.config.checks import portfolio_mistakes, stage1_mistakes, universe_mistakes
from stock_assets.config.portfolios import PortfoliosConfig
from stock_assets.config.sentences import sentences
from stock_assets.config.stage1 import Stage1Config
from stock_assets.config.universe import Universe
from stock_assets.errors import ConfigurationError
from stock_assets.session_overrides import OVERRIDES_FILE, SessionOverride

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class UniverseConfig:
    """All files of one universe.

    Attributes
    ----------
    folder : Path
        Where they lie.
    universe : Universe
        ``universe.yaml``.
    stage1 : Stage1Config
        ``stage1.yaml``.
    portfolios : PortfoliosConfig or None
        ``portfolios.yaml``; a universe without that file has no portfolio assets.
    overrides : tuple of SessionOverride
        ``session_overrides.csv`` beside the folder, which all universes share.
    """

    folder: Path
    universe: Universe
    stage1: Stage1Config
    portfolios: PortfoliosConfig | None
    overrides: tuple[SessionOverride, ...] = ()


def load_universe(folder: Path) -> UniverseConfig:
    """Read the universe in ``folder`` and check it as a whole.

    Raises
    ------
    ConfigurationError
        With one sentence a mistake, a line each.
    """
    if not (folder / "universe.yaml").is_file():
        there = sorted(path.parent.name for path in folder.parent.glob("*/universe.yaml"))
        raise ConfigurationError(
            f"{folder / 'universe.yaml'} does not exist; the universes of {folder.parent} are "
            f"{', '.join(there) or 'none'}."
        )
    mistakes: list[str] = []
    universe = _read(folder / "universe.yaml", Universe, mistakes)
    stage1 = _read(folder / "stage1.yaml", Stage1Config, mistakes)
    has_portfolios = (folder / "portfolios.yaml").exists()
    portfolios = _read(folder / "portfolios.yaml", PortfoliosConfig, mistakes) if has_portfolios else None
    overrides: tuple[SessionOverride, ...] = ()
    try:
        overrides = read_overrides(folder.parent / OVERRIDES_FILE)
    except ConfigurationError as error:
        mistakes.append(str(error))
    if universe is not None:
        mistakes += config_mistakes(folder.name, universe, stage1, portfolios)
    if mistakes or universe is None or stage1 is None:
        raise ConfigurationError("\n".join(mistakes))
    return UniverseConfig(folder, universe, stage1, portfolios, overrides)


def read_universe(folder: Path) -> Universe:
    """Read ``universe.yaml`` alone, whatever the other files of the folder hold.

    Raises
    ------
    ConfigurationError
        With one sentence a mistake, a line each.
    """
    mistakes: list[str] = []
    universe = _read(folder / "universe.yaml", Universe, mistakes)
    if universe is None:
        raise ConfigurationError("\n".join(mistakes))
    return universe


def config_mistakes(
    folder: str, universe: Universe, stage1: Stage1Config | None, portfolios: PortfoliosConfig | None
) -> list[str]:
    """Return what does not hold between the files of the folder of that name, a sentence a mistake."""
    mistakes = universe_mistakes(folder, universe, known_exchanges())
    if stage1 is not None:
        mistakes += stage1_mistakes(folder, universe, stage1)
    if portfolios is not None:
        mistakes += portfolio_mistakes(folder, universe, portfolios)
    return mistakes


def _read(path: Path, model: type[_Model], mistakes: list[str]) -> _Model | None:
    name = f"{path.parent.name}/{path.name}"
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except FileNotFoundError:
        mistakes.append(f"{name}: the file is missing; every universe needs it.")
    except UnicodeDecodeError:
        mistakes.append(f"{name}: is no UTF-8 text; allowed is YAML in UTF-8.")
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        mistakes.append(f"{name}: {where}this is no YAML: {error.problem}; allowed is a mapping of keys.")
    except yaml.YAMLError as error:
        mistakes.append(f"{name}: this is no YAML: {' '.join(str(error).split())}.")
    else:
        return _validated(name, content, model, mistakes)
    return None


def _validated(name: str, content: Any, model: type[_Model], mistakes: list[str]) -> _Model | None:
    if not isinstance(content, dict):
        held = "nothing" if content is None else f"a {type(content).__name__}"
        allowed = ", ".join(model.model_fields)
        mistakes.append(f"{name}: holds {held}; allowed is a mapping of the keys {allowed}.")
        return None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        mistakes.extend(f"{name}: {sentence}." for sentence in sentences(model, content, error))
        return None


class _UniqueKeyLoader(yaml.SafeLoader):
    """Reads YAML and refuses a key that stands twice in one mapping, where YAML takes the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key.value!r} stands twice in one mapping", problem_mark=key.start_mark
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
        return super().construct_mapping(node, deep)
