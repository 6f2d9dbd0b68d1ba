"""Claim a folder for a run: it must be new or contain a run, and only one training may use it."""

import contextlib
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from latentarium.errors import UserError
from latentarium.files import is_temporary, write_failure
from latentarium.locks import file_lock
from latentarium.texts import Text

LOCK_FILE = ".lock"
CLAIM_FILES = (LOCK_FILE, ".lock.pid")
"""Files of the lock, which may exist in a folder without a run."""
RUN_FILES = (
    "config.json", "weights.safetensors", "log.jsonl", "progress.json", "metrics.json",
    "duality_gap.json", "notes.json", "README.md",
)  # fmt: skip
LEFTOVERS = (".config.*", ".weights.*", ".progress.*", "samples/.*", "snapshots/.*")
"""Patterns of files that a killed process may have left."""


def require_claimable(folder: Path) -> None:
    """Check that a folder does not exist, is empty or contains a run.

    Raises:
        UserError: It contains other files (code "folder-not-empty"), or is no folder (code
            "cannot-write").
    """
    try:
        names = list(folder.iterdir()) if folder.exists() else []
    except NotADirectoryError as error:
        raise write_failure(folder, error) from None
    foreign = [p for p in names if p.name not in CLAIM_FILES and not is_temporary(p)]
    if foreign and not (folder / "config.json").exists():
        raise UserError(
            Text("{folder} contains other files. Choose a new or empty folder.", folder=folder),
            code="folder-not-empty",
        )


def require_regular_files(folder: Path) -> None:
    """Check that no file of a run is a pipe or a device, where reading or writing may never end.

    Raises:
        UserError: There is one (code "damaged-file").
    """
    for name in RUN_FILES:
        path = folder / name
        with contextlib.suppress(OSError):  # missing, or not readable, which its use reports
            mode = path.stat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise UserError(
                    Text("{path} is a pipe or a device, not a file. Remove it.", path=path),
                    code="damaged-file",
                )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder against other trainings, in this process or in others, until the block ends.

    Raises:
        UserError: Another training uses the folder (code "run-locked"), or the folder can't be
            created or written.
    """
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            acquired = stack.enter_context(file_lock(folder / LOCK_FILE))
        except OSError as error:
            raise write_failure(folder / LOCK_FILE, error) from None
        if not acquired:
            raise UserError(
                Text(
                    "Another training uses {folder}. Wait for it, stop it, or choose another "
                    "folder.",
                    folder=folder,
                ),
                code="run-locked",
            )
        for pattern in LEFTOVERS:
            for leftover in filter(is_temporary, folder.glob(pattern)):
                leftover.unlink(missing_ok=True)
        yield
