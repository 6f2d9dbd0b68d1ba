"""Images uploaded by the user: stored as they arrive, checked, then kept or refused.

    uploads/NAME/...        a folder of pictures
    uploads/NAME.zip        a zip file of pictures
    uploads/.NAME.json      the report of `latentarium data check`
    uploads/.shown-NAME/    thumbnails of some pictures
    uploads/.part-NAME/     an incomplete upload

The server never opens an uploaded file; only the child process that checks it does. Nothing is
unpacked or unpickled.
"""

import json
import shutil
import threading
import time
from collections.abc import AsyncIterator, Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

from latentarium.data.readers.listing import natural_key
from latentarium.errors import UserError
from latentarium.files import from_json, read_regular_file, write_atomic, write_failure
from latentarium.studio.errors import NotFoundError
from latentarium.studio.training.timed_commands import ProgressLines, TimedCommands
from latentarium.studio.training.upload_limits import IncomingUpload, UploadLimits
from latentarium.studio.training.upload_paths import NAME, relative_path, require_valid_name
from latentarium.texts import Text, change_text, text_from_json, text_to_json

UPLOAD_PREFIX = "upload:"
"""Marks an upload in the list of data sets."""
CHECK_TIMEOUT = 300.0
"""Seconds that a check may take, or may wait for another check."""
STALE_SECONDS = 3600.0
"""Seconds without data after which an incomplete upload is deleted."""


class Uploads:
    """Uploads by name.

    Arguments:
        folder: Where uploads are stored; it need not exist.
        limits: Limits of size and number.
        commands: Runs the checks.
    """

    def __init__(
        self,
        folder: Path,
        limits: UploadLimits | None = None,
        commands: TimedCommands | None = None,
    ) -> None:
        self.folder = folder
        self.limits: UploadLimits = limits or UploadLimits()
        self._commands = commands or TimedCommands()
        self._incoming: dict[str, IncomingUpload] = {}
        self._lock, self._check_lock = threading.Lock(), threading.Lock()
        self._waiting = threading.BoundedSemaphore(self.limits.waiting_checks)

    def begin(self, name: str) -> None:
        """Start an upload.

        Raises:
            UserError: The name is invalid (code "invalid-name") or taken (code "name-taken"),
                there is no space left (code "uploads-full"), or the folder can't be written.
        """
        require_valid_name(name)
        if self._find(name) is not None:
            raise UserError(
                Text(
                    "The name {name} is taken: remove the images of this name, or rename yours.",
                    name=name,
                ),
                code="name-taken",
            )
        part = self.folder / f".part-{name}"
        with self._lock:
            other = self._incoming.get(name)
            if other is not None and other.is_active(self.limits.idle_seconds):
                raise UserError(
                    Text(
                        "Images named {name} are being uploaded: try again later, or rename "
                        "yours.",
                        name=name,
                    ),
                    code="name-taken",
                )
            active = sum(
                upload.is_active(self.limits.idle_seconds) for upload in self._incoming.values()
            )
            self._require_space(self.limits.upload_bytes * (1 + active))
            self._incoming[name] = IncomingUpload(part)
        try:
            self._delete_stale(part)
            part.mkdir(parents=True)
        except OSError as error:
            with self._lock:
                self._incoming.pop(name, None)
            raise write_failure(part, error) from None

    async def receive(self, name: str, path: str, content: AsyncIterator[bytes]) -> None:
        """Write a file as its content arrives; an interrupted file is deleted.

        Raises:
            NotFoundError: The upload was not started (code "unknown-upload").
            UserError: The path is invalid (code "invalid-path"), the file is neither a picture nor
                a zip file nor a table of labels (code "file-type"), was sent before (code
                "duplicate-file") or exceeds a limit (codes "too-many-files", "upload-too-large",
                "disk-full").
        """
        upload = self._started(name)
        target = upload.folder / relative_path(path)
        if upload.files >= self.limits.files:
            raise UserError(
                Text(
                    "The upload has more than {files:,} files; send a zip file of them.",
                    files=self.limits.files,
                ),
                code="too-many-files",
            )
        upload.files += 1
        upload.open_files += 1
        complete, received = False, 0
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                async for chunk in content:
                    received += len(chunk)
                    upload.received += len(chunk)
                    upload.last_data = time.monotonic()
                    upload.require_within(self.limits, target.parent)
                    file.write(chunk)
            complete = True
        except FileExistsError:
            upload.files -= 1
            complete = True  # keep the file that was sent first
            raise UserError(
                Text("{path} was sent twice: send each file once.", path=path[:80]),
                code="duplicate-file",
            ) from None
        except OSError as error:
            raise write_failure(target, error) from None
        finally:
            upload.open_files -= 1
            if not complete:
                upload.files -= 1  # it may be sent again
                upload.received -= received
                with suppress(OSError):
                    target.unlink(missing_ok=True)

    def complete(self, name: str) -> ProgressLines:
        """Check a complete upload, keep it, and yield progress, then the report.

        Closing the generator deletes the upload.

        Raises:
            NotFoundError: The upload was not started (code "unknown-upload").
            UserError: The images can't be used for training; the upload is deleted.
        """
        upload = self._started(name)
        zips = [p for p in upload.folder.iterdir() if p.suffix.lower() == ".zip"]
        is_zip = len(zips) == 1 and upload.files == 1
        try:
            upload.require_complete(has_zip=bool(zips), is_zip=is_zip)
            self._require_space(upload.received)
            source = self.folder / (f"{name}.zip" if is_zip else name)
            (zips[0] if is_zip else upload.folder).replace(source)
            kept = False
            try:
                report = yield from self._check(source, zips[0].name if is_zip else name)
                report["bytes"] = upload.received
                write_atomic(self.folder / f".{name}.json", json.dumps(report).encode())
                kept = True
            finally:
                if not kept:
                    _delete(source)
                    _delete(self._thumbnails(name))
        finally:
            self.cancel(name)
        yield {"result": {"name": name, **report}}

    def cancel(self, name: str) -> None:
        """Delete an incomplete upload."""
        with self._lock:
            upload = self._incoming.pop(name, None)
        if upload is not None:
            shutil.rmtree(upload.folder, ignore_errors=True)

    def reports(self) -> list[dict[str, Any]]:
        """Return the reports of all uploads that are kept; for notes and problems see
        `text_to_json`."""
        reports = []
        paths = self.folder.glob(".*.json") if self.folder.is_dir() else []
        for path in sorted(paths, key=lambda path: natural_key(path.name)):
            name = path.stem.removeprefix(".")
            with suppress(OSError, ValueError):
                if self._find(name) is not None:
                    report = from_json(read_regular_file(path))
                    for kind in ("notes", "problems"):  # those of older versions are strings
                        texts = report.get(kind, ())
                        report[kind] = [
                            text_to_json(text) if isinstance(text, str) else text for text in texts
                        ]
                    reports.append({"name": name, "pictures": 0, "bytes": 0, **report})
        return reports

    def source(self, name: str) -> Path:
        """Return the path of an upload, which `load_data` accepts.

        Raises:
            NotFoundError: There is no such upload (code "unknown-upload").
        """
        path = self._find(name) if NAME.fullmatch(name) else None
        if path is None:
            raise NotFoundError(
                Text("There are no images named {name!r}: reload the page.", name=name[:80]),
                code="unknown-upload",
            )
        return path

    def thumbnail(self, name: str, number: int) -> bytes:
        """Return a thumbnail, the content of a PNG file.

        Raises:
            NotFoundError: There is no such upload (code "unknown-upload") or no such thumbnail.
        """
        self.source(name)
        try:
            return read_regular_file(self._thumbnails(name) / f"{number}.png")
        except OSError as error:  # the upload may be removed meanwhile
            raise NotFoundError(
                Text("{name} has no picture {number}: reload the page.", name=name, number=number)
            ) from error

    def remove(self, name: str) -> None:
        """Delete an upload.

        Raises:
            NotFoundError: There is no such upload (code "unknown-upload").
        """
        _delete(self.source(name))
        _delete(self._thumbnails(name))
        (self.folder / f".{name}.json").unlink(missing_ok=True)

    def _require_space(self, size: int) -> None:
        reports, limits = self.reports(), self.limits
        used = sum(report["bytes"] for report in reports)
        if len(reports) >= limits.uploads or used + size > limits.total_bytes:
            raise UserError(
                Text(
                    "There is no space for another upload: at most {uploads} uploads and "
                    "{gibibytes} GiB are kept. Remove some, or try again later.",
                    uploads=limits.uploads,
                    gibibytes=limits.total_bytes >> 30,
                ),
                code="uploads-full",
            )

    def _thumbnails(self, name: str) -> Path:
        return self.folder / f".shown-{name}"

    def _find(self, name: str) -> Path | None:
        for path in (self.folder / name, self.folder / f"{name}.zip"):
            if path.exists():
                return path
        return None

    def _started(self, name: str) -> IncomingUpload:
        with self._lock:
            if name not in self._incoming:
                raise NotFoundError(
                    Text(
                        "No upload {name!r} was started: upload the files again.", name=name[:80]
                    ),
                    code="unknown-upload",
                )
            return self._incoming[name]

    def _check(
        self, source: Path, original: str
    ) -> Generator[dict[str, Any], None, dict[str, Any]]:
        """Return the report of `data check`, in which texts have the file's original name."""

        def rename(text: str) -> str:
            return text.replace(str(source), original)

        busy = UserError("Other images are being checked: upload again later.", code="busy")
        if not self._waiting.acquire(blocking=False):
            raise busy
        try:
            if not self._check_lock.acquire(timeout=CHECK_TIMEOUT):
                raise busy
        finally:
            self._waiting.release()
        try:
            thumbnails = self._thumbnails(source.stem)
            _delete(thumbnails)
            printed = yield from self._commands.run(
                "data", "check", str(source), "--json", "--untrusted",
                "--pictures", str(thumbnails), timeout=CHECK_TIMEOUT,
            )  # fmt: skip
            report = json.loads(printed.splitlines()[-1])
            report["pictures"] = len(list(thumbnails.glob("*.png")))
        except UserError as error:
            raise UserError(change_text(error.text, rename), code=error.code) from None
        finally:
            self._check_lock.release()
        for kind, texts in report.pop("texts", {}).items():
            renamed = [change_text(text_from_json(text), rename) for text in texts]
            report[kind] = list(map(text_to_json, renamed))
        return report

    def _delete_stale(self, part: Path) -> None:
        """Delete remains of an upload to `part`, and incomplete uploads without recent data."""
        shutil.rmtree(part, ignore_errors=True)
        with self._lock:
            self._incoming = {
                name: upload
                for name, upload in self._incoming.items()
                if upload.is_active(STALE_SECONDS)
            }
            active = {upload.folder for upload in self._incoming.values()}
        for other in set(self.folder.glob(".part-*")) - active:
            if time.time() - other.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(other, ignore_errors=True)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
