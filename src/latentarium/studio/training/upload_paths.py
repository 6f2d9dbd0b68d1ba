"""Names of uploads, and paths of uploaded files, which a client chooses."""

import re
from pathlib import Path, PurePosixPath

from latentarium.data.readers.listing import IMAGE_SUFFIXES, is_label_file
from latentarium.errors import UserError
from latentarium.texts import Text

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)\s*(\..*)?", re.IGNORECASE)
"""Names of devices on Windows, with any suffix."""
MAX_DEPTH, MAX_NAME_BYTES = 8, 200
"""Maximum depth of folders in an upload, and maximum number of bytes of one name."""


def require_valid_name(name: str) -> None:
    """Check that a name is a valid folder name on every system.

    Raises:
        UserError: It is not (code "invalid-name").
    """
    if not NAME.fullmatch(name) or DEVICE.fullmatch(name):
        raise UserError(
            Text(
                "The name {name!r} is invalid; use at most 64 letters, digits, - and _, "
                "and begin with a letter or a digit.",
                name=name[:80],
            ),
            code="invalid-name",
        )


def relative_path(path: str) -> Path:
    """Return the path of an uploaded file relative to its upload's folder.

    Raises:
        UserError: The path leads outside the folder, is hidden, too deep or too long (code
            "invalid-path"), or the file is neither a picture nor a zip file nor a table of labels
            (code "file-type").
    """
    parts = PurePosixPath(path).parts
    valid = all(
        part.isprintable() and len(part.encode()) <= MAX_NAME_BYTES and not part.startswith(".")
        and not part.endswith((".", " ")) and "\\" not in part and ":" not in part
        and not DEVICE.fullmatch(part)
        for part in parts
    )  # fmt: skip
    if not parts or not valid or path.startswith("/") or len(parts) > MAX_DEPTH:
        raise UserError(
            Text(
                "The path {path!r} is not accepted: rename the file or its folder.", path=path[:80]
            ),
            code="invalid-path",
        )
    is_used = PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES | {".zip"}
    if not is_used and not is_label_file(parts[-1]):
        raise UserError(
            Text(
                "{file!r} is neither a picture, nor a zip file, nor a table of labels "
                "such as labels.csv: leave it out.",
                file=parts[-1][:80],
            ),
            code="file-type",
        )
    return Path(*parts)
