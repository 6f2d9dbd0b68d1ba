"""A slow and obvious reader of image sources, which `load_data` is compared with.

It is written from docs/data.md only, shares no code with the package, and reads one file after
another with Pillow and the standard library. `RefusedError` says that `load_data` must refuse the
source, `UnstatedError` that the documentation leaves open what becomes of it.
"""

import csv
import io
import json
import tarfile
import unicodedata
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from support.reference_pixels import RefusedError, Source, UnstatedError, decode

SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test",
          "val": "validation", "valid": "validation", "validation": "validation"}  # fmt: skip
IMAGES = (".png", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".gif", ".jpg")
MASKS = ("seg", "mask", "depth")
"""Words of second images of a key, which the generator writes; none means "the image"."""
TABLES = ("labels.csv", "labels.tsv", "labels.json", "metadata.csv", "metadata.jsonl",
          "dataset.json", "label.csv")  # fmt: skip
MAX_BROKEN = 0.05
T = TypeVar("T")


def read_folder(folder: Path) -> Source:
    """Read a folder of image files."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    return read_files(files)


def read_zip(path: Path, encoding: str = "utf-8") -> Source:
    """Read a .zip of image files, whose names are in an encoding that is known here."""
    with zipfile.ZipFile(path) as archive:
        files = {
            name_of(entry, encoding): archive.read(entry)
            for entry in archive.infolist()
            if not entry.is_dir()
        }
    return read_files(files)


def name_of(entry: zipfile.ZipInfo, encoding: str) -> str:
    """Return the name of an entry; zipfile decodes what has no UTF-8 flag as cp437."""
    if entry.flag_bits & 0x800 or entry.filename.isascii():
        return entry.filename
    return entry.filename.encode("cp437").decode(encoding)


def read_shards(paths: Iterable[Path]) -> Source:
    """Read .tar files with labels in .cls or .json files, or in the names of folders."""
    paths = list(paths)
    stated = [split_of_shard(path.name) for path in paths]
    if not all(stated) and not {"train", "test"} <= set(stated):
        stated = [""] * len(paths)
    source, broken, total = Source(unused=not all(stated) and any(stated)), 0, 0
    for path, split in zip(paths, stated, strict=True):
        if any(stated) and not split:
            continue
        with tarfile.open(path) as archive:
            files = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # pyright: ignore
        for name, content in files.items():
            folder, _, base = name.rpartition("/")
            key, *words = base.split(".")
            if not name.lower().endswith(IMAGES):
                continue
            if words[0] in MASKS:
                source.unused = True
                continue
            total += 1
            pixels = decode(content)
            if pixels is None:
                broken += 1
                continue
            stem = f"{folder}/{key}" if folder else key
            label = folder.rsplit("/", 1)[-1] or None
            if f"{stem}.cls" in files:
                label = files[f"{stem}.cls"].decode().strip()
            elif f"{stem}.json" in files:
                label = str(json.loads(files[f"{stem}.json"])["label"])
            source.images.append((split, pixels, plain(label)))
    refuse_too_many_broken(source, broken, total)
    return labelled_or_refused(source)


def split_of_shard(name: str) -> str:
    """Return the split that the name of a shard starts with."""
    return next((split for word, split in SPLITS.items() if name.startswith(word)), "")


def read_files(files: Mapping[str, bytes]) -> Source:
    """Place image files by their folders or by a table of labels, and decode them."""
    hidden = {name for name in files if any(part.startswith(".") for part in name.split("/"))}
    names = sorted(n for n in files if n.lower().endswith(IMAGES) and n not in hidden)
    if not names:
        raise RefusedError("no images")
    source = Source()
    source.unused = any(n not in names and n not in TABLES for n in files)
    folders = {name.split("/")[0] for name in names if "/" in name}
    splits = folders & SPLITS.keys()
    has_splits = bool(splits) and all("/" in name for name in names)
    if has_splits and folders - splits:
        has_splits = splits_state_all(names, splits)
        if has_splits:
            names, source.unused = [n for n in names if n.split("/")[0] in splits], True
    places = {name: placed(name, has_splits) for name in names}
    if has_splits and not any(split == "train" for split, _ in places.values()):
        raise RefusedError("no training images")
    by_folder = {name: None if "dataset.json" in files else c for name, (_, c) in places.items()}
    rows = {name: label for name, label in table_rows(files).items() if name in places}
    labels, source.unused = chosen_labels(places, by_folder, rows, source.unused)
    kept = labelled_splits([(name, places[name][0], label) for name, label in labels.items()])
    source.unused = source.unused or len(kept) < len(labels)
    broken = 0
    for name, split, label in kept:
        pixels = decode(files[name])
        if pixels is None:
            broken += 1
        else:
            source.images.append((split, pixels, plain(label)))
    refuse_too_many_broken(source, broken, len(kept))
    return source


def chosen_labels(
    places: Mapping[str, tuple[str, str | None]],
    by_folder: dict[str, str | None],
    rows: dict[str, str],
    unused: bool,
) -> tuple[Mapping[str, str | None], bool]:
    """Return the labels of the images, from their folders or a table, and what is not used."""
    if not rows or len(rows) == len(places):
        return rows or by_folder, unused or (bool(rows) and any(by_folder.values()))
    training = [name for name, (split, _) in places.items() if split in ("", "train")]
    stated = [name for name in training if by_folder[name] is not None]
    if any(by_folder.values()) and sum(name in rows for name in training) <= len(stated):
        return by_folder, True
    labelled = {places[name][0] for name in rows}
    among = [name for name, (split, _) in places.items() if split in labelled]
    missing = [name for name in among if name not in rows]
    if 2 * len(missing) > len(among):
        raise RefusedError("most images have no row")
    return {name: rows.get(name) for name in places if name not in missing}, bool(missing)


def splits_state_all(names: list[str], splits: set[str]) -> bool:
    """Return whether folders next to splits are left out; otherwise all folders are classes."""
    nested = {name.split("/")[0] for name in names if name.count("/") > 1}
    if splits != {"train"} and splits != {"training"}:
        return True
    if not nested:
        return False  # `{bus,car,train}`
    if nested != splits:
        raise UnstatedError("which folders are classes")
    return True


def placed(name: str, has_splits: bool) -> tuple[str, str | None]:
    """Return the split and the class that the folders of an image state."""
    split = ""
    if has_splits:
        first, name = name.split("/", 1)
        split = SPLITS[first]
    return split, name.split("/")[0] if "/" in name else None


def refuse_too_many_broken(source: Source, broken: int, total: int) -> None:
    if broken > MAX_BROKEN * total:
        raise RefusedError(f"{broken} of {total} files are broken")
    source.unused = source.unused or broken > 0


def table_rows(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the label of each file in a table of the source."""
    for table in TABLES:
        if table not in files:
            continue
        content = files[table]
        text = content.decode(
            "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        )
        if table.endswith((".csv", ".tsv")):
            return rows_of_csv(text)
        if table.endswith(".jsonl"):
            rows = [json.loads(line) for line in text.splitlines()]
            return {row["file_name"]: str(row["label"]) for row in rows}
        document = json.loads(text)
        pairs = document["labels"] if table == "dataset.json" else document.items()
        return {name: str(label) for name, label in pairs}
    return {}


def rows_of_csv(text: str) -> dict[str, str]:
    """Return the labels of a table: in a column of that name, or one column for each class."""
    header = text.splitlines()[0]
    delimiter = next(sign for sign in "\t;|," if sign in header)
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    first, *others = rows[0]
    if others == ["label"]:
        return {row[first]: row["label"] for row in rows}
    return {row[first]: next(c for c in others if row[c] == "1") for row in rows}


def labelled_or_refused(source: Source) -> Source:
    """Leave out splits without labels, if the training images have labels."""
    images = [(k, split, label) for k, (split, _, label) in enumerate(source.images)]
    kept = labelled_splits(images)
    source.unused = source.unused or kept != images
    source.images = [(split, source.images[k][1], label) for k, split, label in kept]
    return source


def labelled_splits(images: list[tuple[T, str, str | None]]) -> list[tuple[T, str, str | None]]:
    """Return the images, splits and labels that are used, if some splits have no labels."""
    splits = {split for _, split, _ in images}
    missing = {s: [label is None for _, t, label in images if t == s] for s in splits}
    for split, unlabelled in missing.items():
        if any(unlabelled) and not all(unlabelled):
            raise RefusedError(f"only some images of the split {split!r} have a class")
    if not all(missing["train" if "train" in splits else ""]):
        return [image for image in images if image[2] is not None]
    return [(key, split, None) for key, split, _ in images]  # the labels of test are left out


def plain(label: str | None) -> str | None:
    """Return the name of a class in Unicode's composed form."""
    return None if label is None else unicodedata.normalize("NFC", label)
