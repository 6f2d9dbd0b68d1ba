"""Names of new runs: any folder name that the file system takes."""

import os
import re
from pathlib import Path

from latentarium.errors import UserError
from latentarium.studio.training.upload_paths import DEVICE
from latentarium.texts import Text

MAX_NAME_BYTES = 200
"""Longest name; file systems take 255 bytes, and the studio appends to names."""
RESERVED_NAMES = ("uploads",)
"""Folders that the studio itself creates among the runs, in lower case."""
SEPARATORS = set('/\\<>:"|?*' if os.name == "nt" else "/\\")


def require_run_name(name: str, folder: Path) -> None:
    """Check that a new run in a folder can have a name.

    Raises:
        UserError: The name is no folder name (code "invalid-name"), or it is taken (code
            "name-taken"); the message proposes another one.
    """
    reason = _problem(name)
    if reason:
        raise UserError(
            Text("The name {name!r} {reason}: choose another one.", name=name[:80], reason=reason),
            code="invalid-name",
        )
    if name.lower() in RESERVED_NAMES or os.path.lexists(folder / name):
        raise UserError(
            Text("The name {name} is taken: use {free}.", name=name, free=free_name(name, folder)),
            code="name-taken",
        )


def free_name(name: str, folder: Path) -> str:
    """Append the smallest number to a name that makes it unused in a folder."""
    stem = re.sub(r"-\d+$", "", name)
    number = 2
    while os.path.lexists(folder / f"{stem}-{number}"):
        number += 1
    return f"{stem}-{number}"


def _problem(name: str) -> str:
    """Return why a name is refused, as a clause; "" if it is not refused."""
    found = sorted(SEPARATORS & set(name))
    if not name.strip():
        return Text("is empty")
    if found:
        return Text("contains {characters}", characters=" ".join(found))
    if not name.isprintable():  # control characters, and halves of surrogate pairs
        return Text("contains an invisible character")
    if name.startswith("."):
        return Text("begins with a dot, so its folder would be hidden")
    if name != name.strip() or name.endswith("."):
        return Text("begins or ends with a space, or ends with a dot")
    if DEVICE.fullmatch(name):
        return Text("is the name of a device on Windows")
    if len(name.encode()) > MAX_NAME_BYTES:
        return Text("has more than {limit} bytes", limit=MAX_NAME_BYTES)
    return ""
