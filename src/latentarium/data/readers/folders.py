"""List the image files in a folder."""

import os
import stat
from pathlib import Path

from latentarium.data.readers.listing import IMAGE_SUFFIXES, Listing, SourceFile


def list_folder(folder: Path) -> Listing:
    """List all image files below a folder; skip hidden files, links, pipes and devices."""
    files = []
    for parent, subfolders, names in os.walk(folder):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in names:
            if name.startswith(".") or Path(name).suffix.lower() not in IMAGE_SUFFIXES:
                continue
            path = Path(parent, name)
            if path.is_symlink():
                continue
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                continue
            files.append(
                SourceFile(
                    name=path.relative_to(folder).as_posix(),
                    version=f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}",
                    size=status.st_size,
                    read=path.read_bytes,
                )
            )
    return Listing(images=tuple(sorted(files, key=lambda file: file.name)))
