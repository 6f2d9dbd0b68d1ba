"""Shards of images in WebDataset's layout: .tar files in which related files share a name.

    shards/train-0000.tar        000017.jpg, 000017.cls, 000018.jpg, ...
    shards/test-0000.tar

The class of an image is the content of the .cls file of the same name, or the name of its folder
within the shard. If the name of each shard starts with train, val or test, it gives the split.
Images are read at their offset in the shard: nothing is unpacked, and any number of processes can
read in any order.

References:
    High performance I/O for large scale deep learning (Aizman, Maltby and Breuel, 2019),
    https://arxiv.org/abs/2001.01858
"""

import re
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from latentarium.data.arrays import SPLIT_NAMES
from latentarium.data.image_decoding import short_reason
from latentarium.data.readers.listing import (
    IMAGE_SUFFIXES,
    MAX_FILE_BYTES,
    MAX_FILES,
    Listing,
    SourceFile,
)
from latentarium.errors import UserError

MAX_LABEL_BYTES = 200
"""Number of bytes that are read from a .cls file."""


def find_shards(path: Path) -> list[Path]:
    """Return the .tar file itself, or the .tar files directly in a folder."""
    if path.is_file():
        return [path] if path.suffix.lower() == ".tar" else []
    if not path.is_dir():
        return []
    return sorted(p for p in path.iterdir() if p.suffix.lower() == ".tar" and p.is_file())


def list_shards(shards: Sequence[Path]) -> Listing:
    """List all images in shards, named like files in folders of splits and classes.

    Raises:
        UserError: A shard is damaged or compressed, or only some of its images have a label.
    """
    splits = [_split_of(path) for path in shards]
    if any(split is None for split in splits):  # split names count only if all shards have one
        splits = [None] * len(shards)
    files: list[SourceFile] = []
    for path, split in zip(shards, splits, strict=True):
        files += _list_shard(path, split)
        if len(files) > MAX_FILES:
            raise UserError(
                f"{path.parent} has more than {MAX_FILES:,} images: give fewer shards.",
                code="too-many-files",
            )
    return Listing(images=tuple(sorted(files, key=lambda file: file.name)))


def _list_shard(path: Path, split: str | None) -> list[SourceFile]:
    status = path.stat()
    version = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
    labels: dict[str, str] = {}
    images: list[tuple[str, str, tarfile.TarInfo]] = []
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                place = PurePosixPath(member.name)
                hidden = any(part.startswith(".") for part in place.parts)
                if not member.isreg() or member.issparse() or hidden:
                    continue  # links and devices are not followed
                if member.size > MAX_FILE_BYTES:
                    raise UserError(
                        f"{path} contains {member.name!r} of {member.size:,} bytes, more than "
                        f"the limit of {MAX_FILE_BYTES:,}: remove it.",
                        code="file-too-large",
                    )
                key, _, kind = place.name.partition(".")
                key = str(place.with_name(key))
                if kind == "cls":
                    file = archive.extractfile(member)
                    labels[key] = "" if file is None else _label(file.read(MAX_LABEL_BYTES))
                elif f".{kind.rpartition('.')[2].lower()}" in IMAGE_SUFFIXES:
                    images.append((key, kind, member))
    except UserError:
        raise
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise UserError(
            f"{path} is damaged or not an uncompressed .tar file ({short_reason(error)}): "
            "decompress it, or download or copy it again.",
            code="damaged-file",
        ) from None
    unlabelled = [key for key, _, _ in images if not labels.get(key)]
    if labels and unlabelled:
        raise UserError(
            f"{path} has .cls files for some images but not for {unlabelled[0]}: add a .cls "
            "file for each image, or remove all of them.",
            code="missing-labels",
        )
    files = []
    for key, kind, member in images:
        folders = [labels[key]] if labels else list(PurePosixPath(key).parts[:-1])
        name = f"{path.stem}-{PurePosixPath(key).name}.{kind}"
        if labels:  # keys in different folders may have the same last part
            name = f"{path.stem}-{key.replace('/', '-')}.{kind}"
        files.append(
            SourceFile(
                name="/".join([*([split] if split else []), *folders, name]),
                version=f"{version} {member.offset_data} {member.size}",
                size=member.size,
                read=lambda start=member.offset_data, size=member.size: _read(path, start, size),
            )
        )
    return files


def _read(path: Path, start: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size)


def _label(content: bytes) -> str:
    """Return a .cls file's text as a safe folder name."""
    text = content.decode("utf-8", "replace").strip()
    return re.sub(r"[/\\\x00-\x1f]+", "-", text).strip(".") if text else ""


def _split_of(path: Path) -> str | None:
    """Return the split that a shard's name starts with."""
    word = re.split(r"[\W\d_]+", path.stem.lower())[0]
    return word if word in SPLIT_NAMES else None
