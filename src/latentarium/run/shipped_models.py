"""The small models that the package contains, and the names by which they are loaded."""

import os
from importlib.resources import files
from pathlib import Path

from latentarium.arguments import describe
from latentarium.errors import UserError

SHIPPED = Path(str(files("latentarium.run") / "shipped"))
"""The folder that contains the runs of these models."""
SHIPPED_NAMES = ("ae", "vae", "gan", "cgan")
SHIPPED_PREFIX = "shipped:"
"""Prefix of a shipped model's name, wherever a run folder can be given."""


def resolve_run(folder: object) -> Path:
    """Return the folder of a run from its path or from the name of a shipped model.

    Raises:
        UserError: The value is not a path, is empty, or names no model (code "not-a-run").
    """
    if not isinstance(folder, str | os.PathLike):
        raise UserError(
            f"The run is {describe(folder)}; give the path of its folder.", code="not-a-run"
        )
    path = os.fsdecode(folder)
    if not path.strip():
        raise UserError(
            "The path of the run is empty (an empty shell variable?): give the folder of a run.",
            code="not-a-run",
        )
    if not path.startswith(SHIPPED_PREFIX):
        return Path(path)
    name = path.removeprefix(SHIPPED_PREFIX)
    if name not in SHIPPED_NAMES:
        names = ", ".join(f"{SHIPPED_PREFIX}{known}" for known in SHIPPED_NAMES)
        raise UserError(f"There is no model {path}: choose one of {names}.", code="not-a-run")
    return SHIPPED / name
