"""The directive `command-help`, which shows the --help output of a command."""

import contextlib
import io
import os

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

WIDTH = "88"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}


class CommandHelp(Directive):
    """A literal block with the --help output of a command, such as `data check`."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the help as a literal block."""
        text = help_of(self.arguments[0].split())
        return [nodes.literal_block(text, text, language="text")]


def help_of(words: list[str]) -> str:
    """Return the help of a command.

    Raises:
        RuntimeError: The command fails.
    """
    from latentarium.cli import main

    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = WIDTH
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            main([*words, "--help"])
    except SystemExit as stop:
        if stop.code:
            raise RuntimeError(f"latentarium {' '.join(words)} --help fails.") from None
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before
    return printed.getvalue().strip("\n")
