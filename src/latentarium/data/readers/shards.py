"""Shards of images in WebDataset's layout: .tar files in which related files share a key.

    shards/train-0000.tar        000017.jpg, 000017.cls, 000018.jpg, ...
    shards/test-0000.tar

The class of an image is in the .cls or .json file of the same key, or the name of its folder
within the shard. If the name or the folder of each shard states a split, it is used. Images are
read at their offset in the shard: nothing is unpacked, and any number of processes can read in any
order.

References:
    High performance I/O for large scale deep learning (Aizman, Maltby and Breuel, 2019),
    https://arxiv.org/abs/2001.01858
"""

import os
import re
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from latentarium.data.arrays import SPLIT_NAMES
from latentarium.data.image_decoding import short_reason
from latentarium.data.readers.encodings import decode_texts
from latentarium.data.readers.file_names import printable_paths, unique_names
from latentarium.data.readers.left_out import LeftOut
from latentarium.data.readers.listing import (
    IMAGE_SUFFIXES,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_TABLE_BYTES,
    TABLE_SUFFIXES,
    Listing,
    SourceFile,
    is_hidden,
    is_label_file,
    type_of,
)
from latentarium.data.readers.shard_keys import (
    LABEL_SUFFIXES,
    KeyedFile,
    choose_images,
    keys_of,
    read_labels,
)
from latentarium.errors import UserError

MAX_LABEL_BYTES = 1 << 16
"""Largest size of a .cls or .json file, in bytes."""
COMPRESSED_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")


class _Member(NamedTuple):
    """A regular file in a shard."""

    name: str
    start: int
    size: int


def find_shards(path: Path) -> list[Path]:
    """Return the .tar file itself, or the .tar files directly in a folder.

    Raises:
        UserError: The path is a compressed .tar file.
    """
    if path.name.lower().endswith(COMPRESSED_SUFFIXES) and path.is_file():
        raise UserError(
            f"{path} is compressed, so images can't be read at their offsets: decompress it to a "
            ".tar file, or unpack it and give the folder.",
            code="compressed-archive",
        )
    if path.is_file():
        return [path] if path.suffix.lower() == ".tar" else []
    if not path.is_dir():
        return []
    return sorted(p for p in path.iterdir() if p.suffix.lower() == ".tar" and p.is_file())


def find_nested_shards(folder: Path) -> list[Path]:
    """Return the .tar files in all sub-folders that are neither hidden nor links."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        found += [Path(parent, name) for name in names if name.lower().endswith(".tar")]
    return sorted(path for path in found if path.is_file() and not is_hidden(path.name))


def list_shards(shards: Sequence[Path], label_column: str = "") -> Listing:
    """List all images in shards, named like files in folders of splits and classes.

    Arguments:
        shards: The .tar files.
        label_column: The key of the label in .json files; "" for the usual ones.

    Raises:
        UserError: A shard is damaged or compressed, or only some of its images have a label.
    """
    root = Path(os.path.commonpath([path.parent for path in shards]))
    splits = {path: _split_of(path.relative_to(root)) for path in shards}
    stated = {split for split in splits.values() if split is not None}
    problems: list[str] = []
    left_out = LeftOut()
    if None in splits.values() and stated:
        without = [path for path in shards if splits[path] is None]
        if len(stated) > 1 and "train" in stated:
            shards = [path for path in shards if splits[path] is not None]
            for path in without:
                left_out.add("shards outside the splits", path.name)
            problems.append(
                f"{len(without):,} shards are left out, since their names state no split, unlike "
                f"those of the others: {', '.join(path.name for path in without[:3])}."
            )
        else:
            problems.append(
                f"The names of only {len(shards) - len(without):,} of {len(shards):,} shards "
                f"state a split, so none is used: rename {without[0].name} to change this."
            )
            splits = dict.fromkeys(shards, None)
    images: list[SourceFile] = []
    tables: list[SourceFile] = []
    other_tables: list[str] = []
    notes: list[str] = []
    for path in shards:
        prefix = "-".join([*path.relative_to(root).parts[:-1], path.stem])
        shard = _read_shard(path, left_out)
        listed = _list_images(path, shard, prefix, splits[path], label_column, left_out)
        images += listed.images
        notes += listed.notes
        problems += listed.problems
        tables += listed.label_files
        other_tables += listed.other_tables
        if len(images) > MAX_FILES:
            raise UserError(
                f"{path.parent} has more than {MAX_FILES:,} images: give fewer shards.",
                code="too-many-files",
            )
    images, label_notes = _with_folders(images)
    return Listing(
        images=tuple(sorted(images, key=lambda file: file.name)),
        label_files=tuple(tables),
        other_tables=tuple(other_tables),
        left_out=left_out,
        notes=tuple(dict.fromkeys([*notes, *label_notes])),
        problems=tuple(dict.fromkeys(problems)),
    )


def _with_folders(images: list[SourceFile]) -> tuple[list[SourceFile], list[str]]:
    """Return the images with names that start with their split and label, and notes on labels.

    Labels become names of folders, without slashes and control characters. Different labels stay
    different.
    """
    raw = sorted({file.label for file in images if file.label is not None})
    texts, encoding = decode_texts([label.encode("utf-8", "surrogateescape") for label in raw])
    safe = [re.sub(r"[/\\\x00-\x1f]+", "-", text).strip(".") or "-" for text in texts]
    labels = dict(zip(raw, unique_names(safe), strict=True))
    named = []
    for file in images:
        label = None if file.label is None else labels[file.label]
        folders = [part for part in (file.split, label) if part]
        named.append(replace(file, name="/".join([*folders, file.name]), label=label))
    return named, [f"the labels are not UTF-8; read as {encoding}"] if encoding else []


def _read_shard(path: Path, left_out: LeftOut) -> list[_Member]:
    """Return the regular files of a shard; count links, devices and hidden files.

    Of files with the same name, the last is used, as when a .tar is unpacked.
    """
    members: dict[str, _Member] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                parts = PurePosixPath(member.name).parts
                if member.isdir() or not parts:
                    continue
                if any(is_hidden(part) for part in parts):
                    left_out.add("hidden files", member.name)
                elif member.issym() or member.islnk():
                    left_out.add("links", member.name)
                elif not member.isreg() or member.issparse():
                    left_out.add("special files", member.name)
                elif member.size > MAX_FILE_BYTES:
                    raise UserError(
                        f"{path} contains {member.name!r} of {member.size:,} bytes, more than "
                        f"the limit of {MAX_FILE_BYTES:,}: remove it.",
                        code="file-too-large",
                    )
                else:
                    if member.name in members:
                        left_out.add("replaced files of the same name", member.name)
                    members[member.name] = _Member(member.name, member.offset_data, member.size)
    except UserError:
        raise
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise UserError(
            f"{path} is damaged or not an uncompressed .tar file ({short_reason(error)}): "
            "decompress it, or download or copy it again.",
            code="damaged-file",
        ) from None
    return list(members.values())


def _list_images(
    path: Path,
    members: Sequence[_Member],
    prefix: str,
    split: str | None,
    label_column: str,
    left_out: LeftOut,
) -> Listing:
    """Return the images of one shard with their labels, and its tables of labels."""
    status = path.stat()
    version = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
    names, notes = printable_paths([member.name for member in members])
    images, labels, tables, other_tables = [], [], [], []
    for name, member in zip(names, members, strict=True):
        place = PurePosixPath(name)
        suffix = place.suffix.lower()
        file = KeyedFile(str(place), member.start, member.size)
        if suffix in IMAGE_SUFFIXES:
            images.append(file)
        elif is_label_file(place.name) and member.size <= MAX_TABLE_BYTES:
            tables.append(file)
        elif suffix in LABEL_SUFFIXES and member.size <= MAX_LABEL_BYTES:
            labels.append(file)
        else:
            left_out.add(type_of(place.name), name)
            if suffix in TABLE_SUFFIXES:
                other_tables.append(name)

    def source_file(file: KeyedFile, name: str, label: str | None) -> SourceFile:
        return SourceFile(
            name=name,
            version=f"{version} {file.start} {file.size}",
            size=file.size,
            read=lambda: _read(path, file.start, file.size),
            split=split,
            label=label,
            reference=file.name,
        )

    keys = keys_of(images, labels)
    images = choose_images(images, keys, left_out)
    with path.open("rb") as shard:

        def read(file: KeyedFile) -> bytes:
            shard.seek(file.start)
            return shard.read(file.size)

        found = read_labels(images, labels, keys, label_column, read, left_out)
    unlabelled = [file.name for file in images if found.labels.get(file.name) is None]
    if found.labels and unlabelled:
        raise UserError(
            f"{path} has {found.kind} files for some images but not for {unlabelled[0]}: add a "
            f"{found.kind} file with a label for each image, or remove all of them.",
            code="missing-labels",
        )
    files = []
    for file in images:
        key, label = keys[file.name], found.labels.get(file.name)
        folders, base = list(PurePosixPath(key).parts[:-1]), PurePosixPath(key).name
        if label is not None:  # keys in different folders may have the same last part
            folders, base = [], key.replace("/", "-")
        name = f"{prefix}-{base}.{file.name[len(key) + 1 :]}"
        files.append(source_file(file, "/".join([*folders, name]), label))
    return Listing(
        images=tuple(files),
        label_files=tuple(source_file(file, file.name, None) for file in tables),
        other_tables=tuple(other_tables),
        notes=tuple(notes + found.notes),
        problems=tuple(found.problems),
    )


def _read(path: Path, start: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size)


def _split_of(path: Path) -> str | None:
    """Return the split that a shard's name starts with, or that one of its folders names."""
    word = re.split(r"[\W\d_]+", path.stem.lower())[0]
    folders = [part.lower() for part in path.parts[:-1]]
    return next((SPLIT_NAMES[w] for w in (word, *reversed(folders)) if w in SPLIT_NAMES), None)
