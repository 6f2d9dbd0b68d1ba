"""Deleted runs, which are moved to a folder next to them and can be restored."""

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from latentarium.errors import UserError
from latentarium.files import write_failure
from latentarium.run import Run
from latentarium.studio.errors import NotFoundError
from latentarium.texts import Text

TRASH = ".trash"
"""Name of the folder that contains deleted runs, each in a numbered folder of its own."""


@dataclass(frozen=True, kw_only=True)
class DeletedRun:
    """A run in the trash."""

    id: str
    """Number of its parent folder, and its number in that folder's trash."""
    name: str
    folder: Path


class Trash:
    """The deleted runs of several folders.

    Arguments:
        parents: Returns the folders that contain runs.
    """

    def __init__(self, parents: Callable[[], Sequence[Path]]) -> None:
        self._parents = parents
        self._lock = threading.Lock()

    def list(self) -> list[DeletedRun]:
        """Return all deleted runs."""
        return [
            DeletedRun(id=f"{position}-{slot.name}", name=folder.name, folder=folder)
            for position, parent in enumerate(self._parents())
            for slot in _slots(parent / TRASH)
            for folder in sorted(slot.iterdir())
            if Run.is_at(folder)
        ]

    def add(self, folder: Path) -> None:
        """Move a run to the trash next to it.

        Raises:
            UserError: The folder can't be moved.
        """
        trash = folder.parent / TRASH
        with self._lock:
            taken = {slot.name for slot in _slots(trash)}
            slot = trash / next(str(n) for n in itertools.count(1) if str(n) not in taken)
            try:
                slot.mkdir(parents=True)
                folder.rename(slot / folder.name)
            except OSError as error:
                raise write_failure(folder, error) from None

    def restore(self, deleted_id: str) -> Path:
        """Move a run back to its folder, and return the path.

        Raises:
            NotFoundError: There is no such run in the trash (code "unknown-run").
            UserError: A folder of this name exists again (code "name-taken"), or the run can't be
                moved.
        """
        with self._lock:
            deleted = next((run for run in self.list() if run.id == deleted_id), None)
            if deleted is None:
                raise NotFoundError(
                    "This run is no longer in the trash: reload the page.", code="unknown-run"
                )
            slot = deleted.folder.parent
            folder = slot.parent.parent / deleted.name
            if os.path.lexists(folder):
                raise UserError(
                    Text(
                        "A run named {name} exists again: delete or move it first.",
                        name=deleted.name,
                    ),
                    code="name-taken",
                )
            try:
                deleted.folder.rename(folder)
                slot.rmdir()
            except OSError as error:
                raise write_failure(folder, error) from None
            return folder


def _slots(trash: Path) -> list[Path]:
    if not trash.is_dir():
        return []
    slots = [path for path in trash.iterdir() if path.name.isdecimal() and path.is_dir()]
    return sorted(slots, key=lambda path: int(path.name))
