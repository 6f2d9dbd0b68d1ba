"""Images of the visitor's own: received bit by bit onto the disk, looked at, and kept or refused.

    uploads/NAME/...        a folder of pictures
    uploads/NAME.zip        a zip of it
    uploads/.NAME.json      what `data check` said of it
    uploads/.shown-NAME/    a few of its pictures, small
    uploads/.part-NAME/     one that has not come to its end

Nothing that comes is unpacked, run or unpickled; it is opened in a process of its own alone.
"""

import json
import re
import shutil
import threading
import time
from collections.abc import AsyncIterator, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from latentarium.data.readers.image_files import IMAGE_SUFFIXES
from latentarium.errors import UserError
from latentarium.files import from_json, read_regular_file, write_atomic, write_failure
from latentarium.studio.registry import Missing
from latentarium.studio.security import LARGEST_UPLOAD
from latentarium.studio.training.eta import Lines, Waits

UPLOAD = "upload:"
"""How the page names images of the visitor's own."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)\s*(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, whatever they end with."""
MOST_FILES = 20_000
DEEPEST, LONGEST = 8, 200
"""Folders in one another, and bytes of one name."""
CHECK_SECONDS = 300.0
LEFT = 3600.0
"""Seconds after which an upload without an end is thrown away."""
IDLE = 60.0
"""Seconds without a byte after which another upload may take the name."""
MOST, LARGEST_OF_ALL = 64, 4 << 30
"""Uploads that are kept, and their bytes with those that are coming."""
KEPT_FREE = 512 << 20
"""Bytes of the disk that are left for others."""
WAITING = 4
"""Uploads that may wait to be looked at: each holds up a thread that serves the page."""


@dataclass
class Coming:
    """An upload that has not come to its end."""

    folder: Path
    files: int = 0
    taken: int = 0
    open: int = 0
    """Files that are on their way."""
    heard: float = field(default_factory=time.monotonic)
    """When a byte came last."""

    def is_alive(self) -> bool:
        """Whether somebody still sends it."""
        return self.is_kept(IDLE)

    def is_kept(self, seconds: float = LEFT) -> bool:
        """Whether more may come, as far as so many seconds of silence tell."""
        return self.open > 0 or time.monotonic() - self.heard < seconds


class Uploads:
    """Uploads by name.

    Arguments:
        folder: Where they lie; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._coming: dict[str, Coming] = {}
        self._lock = threading.Lock()
        self._checking, self._waiting = threading.Lock(), threading.BoundedSemaphore(WAITING)
        self.waits = Waits()

    def begin(self, name: str) -> None:
        """Makes room for one.

        Raises:
            UserError: The name is none or taken, there is no room, or nothing can be written.
        """
        require_plain(name)
        if self._place(name) is not None:
            raise UserError(
                f"There are images called {name} already: remove them, or rename these."
            )
        part = self.folder / f".part-{name}"
        with self._lock:
            other = self._coming.get(name)
            if other is not None and other.is_alive():
                raise UserError(
                    f"Images called {name} are coming already: wait for them, or rename these."
                )
            alive = sum(one.is_alive() for one in self._coming.values())
            self._require_room(LARGEST_UPLOAD * (1 + alive))
            self._coming[name] = Coming(part)
        try:
            self._sweep(part)
            part.mkdir(parents=True)
        except OSError as error:
            with self._lock:
                self._coming.pop(name, None)
            raise write_failure(part, error) from None

    async def take(self, name: str, path: str, content: AsyncIterator[bytes]) -> None:
        """Writes one file of it as it comes; one that breaks off leaves nothing.

        Raises:
            Missing: It was not begun.
            UserError: The file is no picture and no zip, leads elsewhere, or is one too many.
        """
        coming = self._begun(name)
        target = coming.folder / safe(path)
        if coming.files >= MOST_FILES:
            raise UserError(f"That is more than {MOST_FILES:,} files: send one zip of them.")
        coming.files += 1
        coming.open += 1
        whole, taken = False, 0
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                async for chunk in content:
                    taken += len(chunk)
                    coming.taken += len(chunk)
                    coming.heard = time.monotonic()
                    if coming.taken > LARGEST_UPLOAD:
                        raise UserError(
                            f"That is more than {LARGEST_UPLOAD >> 20} MiB in all: make the "
                            "pictures smaller, or train on their folder from the command line."
                        )
                    if shutil.disk_usage(target.parent).free < KEPT_FREE:
                        raise UserError(
                            f"Less than {KEPT_FREE >> 20} MiB of the disk are free: free some "
                            "space, and drop these again."
                        )
                    file.write(chunk)
            whole = True
        except FileExistsError:
            coming.files -= 1
            whole = True  # that of the one before it
            raise UserError(f"{path[:80]} came twice: send each file once.") from None
        except OSError as error:
            raise write_failure(target, error) from None
        finally:
            coming.open -= 1
            if not whole:
                coming.files -= 1  # it may be sent again
                coming.taken -= taken
                with suppress(OSError):
                    target.unlink(missing_ok=True)

    def end(self, name: str) -> Lines:
        """Looks at what has come, keeps it, and says what it is. Who goes no further leaves
        nothing.

        Raises:
            Missing: It was not begun.
            UserError: It can't be trained on; then nothing is left of it.
        """
        coming = self._begun(name)
        zips = [p for p in coming.folder.iterdir() if p.suffix.lower() == ".zip"]
        single = len(zips) == 1 and coming.files == 1
        try:
            if coming.open:
                raise UserError("Some files are still coming: drop them again, and wait for all.")
            if coming.files == 0:
                raise UserError("Nothing has come: drop a folder of pictures, or a zip of it.")
            if zips and not single:
                raise UserError("Send either one zip or pictures, not both.")
            self._require_room(coming.taken)
            source = self.folder / (f"{name}.zip" if single else name)
            (zips[0] if single else coming.folder).replace(source)
            kept = False
            try:
                report = yield from self._checked(source, zips[0].name if single else name)
                report["bytes"] = coming.taken
                write_atomic(self.folder / f".{name}.json", json.dumps(report).encode())
                kept = True
            finally:
                if not kept:
                    _remove(source)
                    _remove(self._shown(name))
        finally:
            self.cancel(name)
        yield {"found": {"name": name, **report}}

    def cancel(self, name: str) -> None:
        """Throws away what has come of one that has not come to its end."""
        with self._lock:
            coming = self._coming.pop(name, None)
        if coming is not None:
            shutil.rmtree(coming.folder, ignore_errors=True)

    def kept(self) -> list[dict[str, Any]]:
        """All that are kept, with what was said of them."""
        found = []
        for path in sorted(self.folder.glob(".*.json")) if self.folder.is_dir() else []:
            name = path.stem.removeprefix(".")
            with suppress(OSError, ValueError):
                if self._place(name) is not None:
                    said = from_json(read_regular_file(path))
                    found.append({"name": name, "pictures": 0, "bytes": 0, **said})
        return found

    def source(self, name: str) -> Path:
        """Where one lies, as `load_data` takes it.

        Raises:
            Missing: There is none of that name.
        """
        found = self._place(name) if NAME.fullmatch(name) else None
        if found is None:
            raise Missing(f"There are no images called {name[:80]}: reload the page.")
        return found

    def picture(self, name: str, number: int) -> Path:
        """One of a few of its pictures, small, as a PNG.

        Raises:
            Missing: There is no such picture.
        """
        self.source(name)
        path = self._shown(name) / f"{number}.png"
        if not path.is_file():
            raise Missing(f"There is no picture {number} of {name}: reload the page.")
        return path

    def remove(self, name: str) -> None:
        """Removes one.

        Raises:
            Missing: There is none of that name.
        """
        _remove(self.source(name))
        _remove(self._shown(name))
        (self.folder / f".{name}.json").unlink(missing_ok=True)

    def _require_room(self, size: int) -> None:
        kept = self.kept()
        if len(kept) >= MOST or sum(one["bytes"] for one in kept) + size > LARGEST_OF_ALL:
            raise UserError(
                f"No more than {MOST} sets of images and {LARGEST_OF_ALL >> 30} GiB are kept: "
                "remove some, or wait for those that are coming."
            )

    def _shown(self, name: str) -> Path:
        return self.folder / f".shown-{name}"

    def _place(self, name: str) -> Path | None:
        for path in (self.folder / name, self.folder / f"{name}.zip"):
            if path.exists():
                return path
        return None

    def _begun(self, name: str) -> Coming:
        with self._lock:
            if name not in self._coming:
                raise Missing(f"No upload {name[:80]} was begun: drop the files again.")
            return self._coming[name]

    def _checked(
        self, source: Path, given: str
    ) -> Generator[dict[str, Any], None, dict[str, Any]]:
        """What they are; sentences name them as they were `given`, not by where they lie here."""
        busy = UserError("Other images are being looked at: drop these again in a while.")
        if not self._waiting.acquire(blocking=False):
            raise busy
        try:
            if not self._checking.acquire(timeout=CHECK_SECONDS):
                raise busy
        finally:
            self._waiting.release()
        try:
            shown = self._shown(source.stem)
            _remove(shown)
            found = yield from self.waits.told(
                "data", "check", str(source), "--json", "--untrusted", "--pictures", str(shown),
                seconds=CHECK_SECONDS,
            )  # fmt: skip
            report = json.loads(found.splitlines()[-1])
            report["pictures"] = len(list(shown.glob("*.png")))
        except UserError as error:
            raise UserError(str(error).replace(str(source), given)) from None
        finally:
            self._checking.release()
        for kind in ("notes", "problems"):
            report[kind] = [line.replace(str(source), given) for line in report.get(kind, ())]
        return report

    def _sweep(self, part: Path) -> None:
        """Throws away what was left under this name, and what others left long ago."""
        shutil.rmtree(part, ignore_errors=True)
        with self._lock:
            self._coming = {n: one for n, one in self._coming.items() if one.is_kept()}
            coming = {one.folder for one in self._coming.values()}
        for other in set(self.folder.glob(".part-*")) - coming:
            if time.time() - other.stat().st_mtime > LEFT:
                shutil.rmtree(other, ignore_errors=True)


def require_plain(name: str) -> None:
    """Checks that a name can be that of a folder anywhere.

    Raises:
        UserError: It can't.
    """
    if not NAME.fullmatch(name) or DEVICE.fullmatch(name):
        raise UserError(
            "A name has letters, digits, - and _, 64 at most, and begins with a letter or a "
            "digit: change it."
        )


def safe(path: str) -> Path:
    """The path of a picture or a zip, which stays where it is put.

    Raises:
        UserError: It leads elsewhere, is hidden, too deep or too long, or of another kind.
    """
    parts = PurePosixPath(path).parts
    plain = all(
        part.isprintable() and len(part.encode()) <= LONGEST and not part.startswith(".")
        and not part.endswith((".", " ")) and "\\" not in part and ":" not in part
        and not DEVICE.fullmatch(part)
        for part in parts
    )  # fmt: skip
    if not parts or not plain or path.startswith("/") or len(parts) > DEEPEST:
        raise UserError(f"{path[:80]!r} is no name that is taken: rename the file or its folder.")
    if PurePosixPath(path).suffix.lower() not in IMAGE_SUFFIXES | {".zip"}:
        raise UserError(f"{parts[-1][:80]!r} is no picture and no zip: leave it out.")
    return Path(*parts)


def _remove(source: Path) -> None:
    if source.is_dir():
        shutil.rmtree(source, ignore_errors=True)
    else:
        source.unlink(missing_ok=True)
