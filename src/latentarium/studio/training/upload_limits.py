"""Limits of uploads, and the state of an upload that is not complete."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from latentarium.studio.security import MAX_UPLOAD_BYTES


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

    def is_active(self, patience: float) -> bool:
        """Return whether files are being received, or arrived in the last `patience` seconds."""
        return self.open_files > 0 or time.monotonic() - self.last_data < patience
