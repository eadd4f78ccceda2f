"""The configuration of a universe: YAML files read into frozen models."""

from stock_assets.config.loading import UniverseConfig, load_universe

__all__ = ["UniverseConfig", "load_universe"]
