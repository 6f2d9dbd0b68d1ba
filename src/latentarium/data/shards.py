"""Shards in WebDataset's layout: .tar files in which what belongs together shares a name.

    shards/train-0000.tar        000017.jpg, 000017.cls, 000018.jpg, ...
    shards/test-0000.tar

A picture's class is in the .cls file beside it, or in the folder that it has within the shard.
Shards named train, val or test are splits. Pictures are read at their place in the shard: nothing
is unpacked, and shards are read in any order, by any number of processes.

References:
    High performance I/O for large scale deep learning (Aizman, Maltby and Breuel, 2019),
    https://arxiv.org/abs/2001.01858
"""

import re
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from latentarium.data.arrays import SPLITS
from latentarium.data.folders import LARGEST_FILE, MOST_FILES, SUFFIXES, Item
from latentarium.errors import UserError

LONGEST_LABEL = 200
"""Bytes of a .cls file."""


def find_shards(path: Path) -> list[Path]:
    """The shards that a path names: itself, or all in a folder; none where it is neither."""
    if path.is_file():
        return [path] if path.suffix.lower() == ".tar" else []
    if not path.is_dir():
        return []
    return sorted(p for p in path.iterdir() if p.suffix.lower() == ".tar" and p.is_file())


def list_shards(shards: Sequence[Path]) -> list[Item]:
    """All pictures in the shards, named as files in folders of splits and classes would be.

    Raises:
        UserError: A shard is damaged or compressed, leads out of itself, or has labels for some
            pictures only.
    """
    splits = [_split(path) for path in shards]
    if any(split is None for split in splits):  # a class may be called test: all or none
        splits = [None] * len(shards)
    items: list[Item] = []
    for path, split in zip(shards, splits, strict=True):
        items += _list(path, split)
        if len(items) > MOST_FILES:
            raise UserError(f"{path.parent} holds more than {MOST_FILES:,} pictures: give a part.")
    return sorted(items, key=lambda item: item.name)


def _list(path: Path, split: str | None) -> list[Item]:
    status = path.stat()
    version = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
    labels: dict[str, str] = {}
    found: list[tuple[str, str, tarfile.TarInfo]] = []
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                place = PurePosixPath(member.name)
                hidden = any(part.startswith(".") for part in place.parts)
                if not member.isreg() or member.issparse() or hidden:
                    continue  # no links or devices
                if member.size > LARGEST_FILE:
                    raise UserError(f"{path} holds {member.name!r} of {member.size:,} bytes.")
                key, _, kind = place.name.partition(".")
                key = str(place.with_name(key))
                if kind == "cls":
                    file = archive.extractfile(member)
                    labels[key] = "" if file is None else _label(file.read(LONGEST_LABEL))
                elif f".{kind.rpartition('.')[2].lower()}" in SUFFIXES:
                    found.append((key, kind, member))
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise UserError(
            f"{path} is no plain .tar file or damaged ({' '.join(str(error).split())[:80]}): "
            "fetch it again, or unpack what is compressed (gunzip)."
        ) from None
    bare = [key for key, _, _ in found if not labels.get(key)]
    if labels and bare:
        raise UserError(
            f"{path} has a .cls file beside some pictures but not beside {bare[0]}: give all of "
            "them one, or none."
        )
    items = []
    for key, kind, member in found:
        folders = [labels[key]] if labels else list(PurePosixPath(key).parts[:-1])
        name = f"{path.stem}-{PurePosixPath(key).name}.{kind}"
        if labels:  # keys of other folders may end alike
            name = f"{path.stem}-{key.replace('/', '-')}.{kind}"
        items.append(
            Item(
                name="/".join([*([split] if split else []), *folders, name]),
                version=f"{version} {member.offset_data} {member.size}",
                size=member.size,
                read=lambda start=member.offset_data, size=member.size: _read(path, start, size),
            )
        )
    return items


def _read(path: Path, start: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size)


def _label(content: bytes) -> str:
    """What a .cls file says, as the name of a folder."""
    text = content.decode("utf-8", "replace").strip()
    return re.sub(r"[/\\\x00-\x1f]+", "-", text).strip(".") if text else ""


def _split(path: Path) -> str | None:
    """The split that a shard's name begins with."""
    word = re.split(r"[\W\d_]+", path.stem.lower())[0]
    return word if word in SPLITS else None
