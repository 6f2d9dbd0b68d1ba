"""The command line."""

from latentarium.cli.entry import main

__all__ = ["main"]
