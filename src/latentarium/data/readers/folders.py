"""List the image files in a folder."""

import os
import stat
from pathlib import Path

from latentarium.data.readers.image_files import IMAGE_SUFFIXES, ImageFile


def list_folder(folder: Path) -> list[ImageFile]:
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
                ImageFile(
                    name=path.relative_to(folder).as_posix(),
                    version=f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}",
                    size=status.st_size,
                    read=path.read_bytes,
                )
            )
    return sorted(files, key=lambda file: file.name)
