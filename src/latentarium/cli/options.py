"""Types of options that several commands share."""

from pathlib import Path
from typing import Annotated

import tyro

RunFolder = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
JsonFlag = Annotated[bool, tyro.conf.arg(name="json")]
JsonTarget = Annotated[Path | None, tyro.conf.arg(name="json", metavar="[FILE]")]
STDOUT = Path("-")
"""The value of --json without a file: JSON goes to stdout, in place of the table."""
