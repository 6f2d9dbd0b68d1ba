"""Limits of uploads, and the state of an upload that is not complete."""

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from latentarium.errors import UserError
from latentarium.studio.security import MAX_UPLOAD_BYTES
from latentarium.texts import Text


@dataclass(frozen=True, kw_only=True)
class UploadLimits:
    """Limits on the size and number of uploads."""

    upload_bytes: int = MAX_UPLOAD_BYTES
    """Bytes of one upload."""
    files: int = 20_000
    """Files of one upload."""
    uploads: int = 64
    """Uploads that are kept."""
    total_bytes: int = 4 << 30
    """Bytes of all uploads, including incomplete ones."""
    free_bytes: int = 512 << 20
    """Bytes of the disk that must stay free."""
    idle_seconds: float = 60.0
    """Seconds without data after which another upload may take the name."""
    waiting_checks: int = 4
    """Uploads that may wait for their check; each occupies a worker thread."""


@dataclass
class IncomingUpload:
    """An upload that is not complete."""

    folder: Path
    files: int = 0
    received: int = 0
    """Bytes."""
    open_files: int = 0
    """Files that are being received."""
    last_data: float = field(default_factory=time.monotonic)
    """Time of the last byte."""

    def require_within(self, limits: UploadLimits, folder: Path) -> None:
        """Check the size of the upload and the space on the disk.

        Raises:
            UserError: One exceeds a limit (codes "upload-too-large", "disk-full").
        """
        if self.received > limits.upload_bytes:
            raise UserError(
                Text(
                    "The upload has more than {mebibytes} MiB in all: make the pictures smaller, "
                    "or train on their folder from the command line.",
                    mebibytes=limits.upload_bytes >> 20,
                ),
                code="upload-too-large",
            )
        if shutil.disk_usage(folder).free < limits.free_bytes:
            raise UserError(
                Text(
                    "Less than {mebibytes} MiB of the disk is free: free some space and upload "
                    "again.",
                    mebibytes=limits.free_bytes >> 20,
                ),
                code="disk-full",
            )

    def require_complete(self, *, has_zip: bool, is_zip: bool) -> None:
        """Check that all files were received, and that they are pictures or one zip file.

        Arguments:
            has_zip: Whether a zip file is among them.
            is_zip: Whether a zip file is the only one.

        Raises:
            UserError: They are not (codes "incomplete-upload", "empty-upload", "mixed-upload").
        """
        if self.open_files:
            raise UserError(
                "Some files are still being received: upload again, and wait for all of them.",
                code="incomplete-upload",
            )
        if self.files == 0:
            raise UserError(
                "The upload is empty: drop a folder of pictures, or a zip file of it.",
                code="empty-upload",
            )
        if has_zip and not is_zip:
            raise UserError(
                "The upload has a zip file and other files: send either one zip file or pictures.",
                code="mixed-upload",
            )

    def is_active(self, patience: float) -> bool:
        """Return whether files are being received, or arrived in the last `patience` seconds."""
        return self.open_files > 0 or time.monotonic() - self.last_data < patience
