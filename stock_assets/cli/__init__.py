"""The command line: what a newcomer and an operator type."""

from stock_assets.cli.main import main

__all__ = ["main"]
