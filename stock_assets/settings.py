"""Where a deployment keeps its things: everything that comes from the environment, in one place."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stock_assets.errors import ConfigurationError

UNIVERSE_VARIABLE = "STOCK_ASSETS_UNIVERSE"
CONFIG_DIR_VARIABLE = "STOCK_ASSETS_CONFIG_DIR"
STATE_DIR_VARIABLE = "STOCK_ASSETS_STATE_DIR"
DATABASE_URL_VARIABLE = "STOCK_ASSETS_DATABASE_URL"

#: Price sources on the network. ``STOCK_ASSETS_FRED_URL`` and so on say where else they are reached than at
#: their provider, and ``STOCK_ASSETS_FRED_KEY`` and so on hold the keys of those that want one.
NETWORK_SOURCES = ("yahoo", "treasury", "fred", "ecos")
#: Those of them that answer nobody without a key.
SOURCES_WITH_KEY = ("ecos",)

#: Token of the bot that sends alerts, the channel that they go to, and where else Slack's API is reached than
#: at Slack.
SLACK_TOKEN_VARIABLE = "STOCK_ASSETS_SLACK_TOKEN"
SLACK_CHANNEL_VARIABLE = "STOCK_ASSETS_SLACK_CHANNEL"
SLACK_URL_VARIABLE = "STOCK_ASSETS_SLACK_URL"

#: Where people reach the Dagster UI, for the links of alerts.
UI_URL_VARIABLE = "STOCK_ASSETS_UI_URL"
DEFAULT_UI_URL = "http://127.0.0.1:3000"
#: What is asked once a day that is complete; whoever watches it raises the alarm when that stays out.
HEARTBEAT_URL_VARIABLE = "STOCK_ASSETS_HEARTBEAT_URL"

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DEFAULT_UNIVERSE = "sample"
_SQLITE_FILE = "stock_assets.db"


def source_url_variable(source: str) -> str:
    """Return the variable that says where a source on the network is reached."""
    return f"STOCK_ASSETS_{source.upper()}_URL"


def source_key_variable(source: str) -> str:
    """Return the variable that holds the key of a source on the network."""
    return f"STOCK_ASSETS_{source.upper()}_KEY"


@dataclass(frozen=True)
class SourceAccess:
    """How one source on the network is reached.

    Attributes
    ----------
    url : str or None
        Base URL, without a slash at its end; None for the provider's own.
    key : str or None
        Its key; never in a ``repr``.
    """

    url: str | None = None
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class SlackAccess:
    """How alerts reach Slack, if they do.

    Attributes
    ----------
    url : str or None
        Base URL of Slack's API, such as ``http://127.0.0.1:8000/api/``, with a slash at its end, as
        ``slack_sdk`` wants it; None for Slack's own.
    channel : str or None
        Name or id of the channel.
    token : str or None
        The bot's token; never in a ``repr``.
    """

    url: str | None = None
    channel: str | None = None
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Settings:
    """The environment of one deployment, which serves one universe.

    Attributes
    ----------
    universe : str
        Name of the universe: a folder below ``config_dir``.
    config_dir : Path
        Folder with one folder a universe.
    state_dir : Path
        The universe's state folder, which is DAGSTER_HOME too: databases, artefacts, calendars.
    database_url : str
        SQLAlchemy URL of the project's tables; may hold a password, so it is never in a ``repr``.
    sources : tuple of (str, SourceAccess)
        How each of ``NETWORK_SOURCES`` is reached.
    slack : SlackAccess
        How alerts reach Slack.
    ui_url : str
        Base URL of the Dagster UI as people reach it, without a slash at its end.
    heartbeat_url : str or None
        What is asked once a day that is complete. Whoever knows it can fake a heartbeat, so it is never in a
        ``repr``.
    """

    universe: str
    config_dir: Path
    state_dir: Path
    database_url: str = field(repr=False)
    sources: tuple[tuple[str, SourceAccess], ...] = field(default=(), repr=False)
    slack: SlackAccess = SlackAccess()
    ui_url: str = DEFAULT_UI_URL
    heartbeat_url: str | None = field(default=None, repr=False)

    def source_access(self, source: str) -> SourceAccess:
        """Return how a source is reached; nothing in particular by default."""
        return dict(self.sources).get(source, SourceAccess())

    @property
    def sqlite_file(self) -> Path:
        """The project's tables in the state folder, where they are unless the environment says otherwise."""
        return self.state_dir / _SQLITE_FILE

    @property
    def lock_dir(self) -> Path:
        """Folder of the locks that all universes of a machine share."""
        return self.state_dir.parent / "locks"

    @property
    def universe_dir(self) -> Path:
        """Folder of the universe's configuration files."""
        return self.config_dir / self.universe

    @property
    def calendar_dir(self) -> Path:
        """Folder of the session tables, one file an exchange."""
        return self.state_dir / "calendars"

    @property
    def artifact_dir(self) -> Path:
        """Folder of the model artefacts, one file an artefact, named by its SHA-256."""
        return self.state_dir / "artifacts"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from environment variables.

        Parameters
        ----------
        environ : mapping of str to str, optional
            The variables; ``os.environ`` by default.

        Raises
        ------
        ConfigurationError
            If ``STOCK_ASSETS_UNIVERSE`` is no plain folder name.
        """
        env = os.environ if environ is None else environ
        universe = env.get(UNIVERSE_VARIABLE) or DEFAULT_UNIVERSE
        if not universe.isidentifier():
            raise ConfigurationError(
                f"{UNIVERSE_VARIABLE}={universe!r} is not the name of a universe: allowed are letters, "
                "digits and underscores, as in the name of a folder below configs/."
            )
        config_dir = Path(env.get(CONFIG_DIR_VARIABLE) or PROJECT_ROOT / "configs").resolve()
        state_root = env.get(STATE_DIR_VARIABLE) or PROJECT_ROOT / ".dagster_home"
        state_dir = Path(state_root).resolve() / universe
        url = env.get(DATABASE_URL_VARIABLE) or f"sqlite:///{state_dir / _SQLITE_FILE}"
        sources = tuple(
            (
                name,
                SourceAccess(
                    (env.get(source_url_variable(name)) or "").rstrip("/") or None,
                    env.get(source_key_variable(name)) or None,
                ),
            )
            for name in NETWORK_SOURCES
        )
        slack_url = (env.get(SLACK_URL_VARIABLE) or "").rstrip("/")
        slack = SlackAccess(
            f"{slack_url}/" if slack_url else None,
            env.get(SLACK_CHANNEL_VARIABLE) or None,
            env.get(SLACK_TOKEN_VARIABLE) or None,
        )
        ui_url = (env.get(UI_URL_VARIABLE) or DEFAULT_UI_URL).rstrip("/")
        heartbeat_url = env.get(HEARTBEAT_URL_VARIABLE) or None
        return cls(universe, config_dir, state_dir, url, sources, slack, ui_url, heartbeat_url)
