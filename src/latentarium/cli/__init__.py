"""The command line."""

from latentarium.cli.dispatch import main

__all__ = ["main"]
