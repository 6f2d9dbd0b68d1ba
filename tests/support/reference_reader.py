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
NUMBERS = ("id", "image_id")
"""Names of columns of numbers, which the generator writes before the names of files."""
MAX_BROKEN = 0.05
T = TypeVar("T")
Row = tuple[str, str | None]
"""The split and the class of an image."""


def read_folder(folder: Path, labels: Path | None = None) -> Source:
    """Read a folder of image files, with the table that is named, or those in the folder."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    return read_files(files, labels)


def read_zip(path: Path, encoding: str = "utf-8", labels: Path | None = None) -> Source:
    """Read a .zip of image files, whose names are in an encoding that is known here."""
    with zipfile.ZipFile(path) as archive:
        files = {
            name_of(entry, encoding): archive.read(entry)
            for entry in archive.infolist()
            if not entry.is_dir()
        }
    return read_files(files, labels)


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


def read_files(files: Mapping[str, bytes], named: Path | None) -> Source:
    """Place image files by their folders or by a table of labels, and decode them."""
    hidden = {name for name in files if any(part.startswith(".") for part in name.split("/"))}
    names = sorted(n for n in files if n.lower().endswith(IMAGES) and n not in hidden)
    if not names:
        raise RefusedError("no images")
    tables = {name: content for name, content in files.items() if Path(name).name in TABLES}
    source = Source(unused=len(names) + len(tables) < len(files))
    by_folder: dict[str, Row] = placed(names)
    if len(by_folder) < len(names):
        source.unused = True
    if any(Path(name).name == "dataset.json" for name in tables) and named is None:
        by_folder = {name: (split, None) for name, (split, _) in by_folder.items()}
    rows: dict[str, Row] = {}
    for name, content in ({named.name: named.read_bytes()} if named else tables).items():
        rows |= matched(table_rows(Path(name).name, content), names, name.rpartition("/")[0])
    rows = {name: row for name, row in rows.items() if name in by_folder}
    if named and not rows:
        raise RefusedError("the table has no labels")
    places, unused = chosen_labels(by_folder, rows, named is not None)
    kept = labelled_splits([(name, split, label) for name, (split, label) in places.items()])
    if not any(split in ("", "train") for _, split, _ in kept):
        raise RefusedError("no training images")
    source.unused |= unused or len(kept) < len(places)
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
    by_folder: dict[str, Row], rows: dict[str, Row], is_named: bool
) -> tuple[dict[str, Row], bool]:
    """Return the split and the label of each image, and whether something is not used."""
    if not rows:
        return by_folder, False
    labelled = [name for name, (_, label) in by_folder.items() if label is not None]
    training = [name for name, (split, _) in by_folder.items() if split in ("", "train")]
    by_table = [name for name in training if name in rows]
    stated = [name for name in training if by_folder[name][1] is not None]
    is_partial = len(rows) < len(by_folder)
    if is_partial and labelled and stated and len(by_table) <= (0 if is_named else len(stated)):
        return by_folder | other_splits(by_folder, rows), True
    places = {
        name: (rows[name][0] or split, rows[name][1]) if name in rows else (split, None)
        for name, (split, _) in by_folder.items()
    }
    splits = {places[name][0] for name in rows}
    missing = [
        name for name, (split, label) in places.items() if label is None and split in splits
    ]
    if 2 * len(missing) > sum(split in splits for split, _ in places.values()):
        raise RefusedError("most images have no row")
    unused = bool(missing or labelled)
    return {name: place for name, place in places.items() if name not in missing}, unused


def other_splits(by_folder: dict[str, Row], rows: dict[str, Row]) -> dict[str, Row]:
    """Return the rows of splits without classes, if all their images have a known class."""
    classes = {label for split, label in by_folder.values() if split in ("", "train")}
    found: dict[str, Row] = {}
    for split in {split for split, _ in by_folder.values()}:
        images = [name for name, (other, _) in by_folder.items() if other == split]
        stated = {by_folder[name][1] for name in images}
        has_classes = stated != {None} and (len(stated) > 1 or bool(stated & classes))
        if not has_classes and all(name in rows and rows[name][1] in classes for name in images):
            found |= {name: (split, rows[name][1]) for name in images}
    return found


def placed(names: list[str]) -> dict[str, Row]:
    """Return the split and the class that the folders of the images that are used state."""
    folders = without_shared({name: name.split("/")[:-1] for name in names}, 0)
    outer = {(folder or [""])[0] for folder in folders.values()}
    splits = outer & SPLITS.keys()
    inner = {folder[1] if len(folder) > 1 else "" for folder in folders.values()}
    if inner <= SPLITS.keys() and len(inner) > 1:
        return {name: (SPLITS[folder[1]], folder[0]) for name, folder in folders.items()}
    if not splits or not (outer == splits or splits_state_all(folders, splits)):
        return {name: ("", (folder or [None])[0]) for name, folder in folders.items()}
    used = {name: folder for name, folder in folders.items() if (folder or [""])[0] in splits}
    classes = without_shared({name: folder[1:] for name, folder in used.items()}, 1)
    return {
        name: (SPLITS[folder[0]], (classes[name] or [None])[0]) for name, folder in used.items()
    }


def without_shared(folders: dict[str, list[str]], kept: int) -> dict[str, list[str]]:
    """Remove the outer folders that all images share, except the innermost ones."""
    while True:
        first = {folder[0] if len(folder) > kept else "" for folder in folders.values()}
        if len(first) > 1 or first & {"", *SPLITS}:
            return folders
        folders = {name: folder[1:] for name, folder in folders.items()}


def splits_state_all(folders: dict[str, list[str]], splits: set[str]) -> bool:
    """Return whether folders next to splits are left out; otherwise all folders are classes."""
    nested = {folder[0] for folder in folders.values() if len(folder) > 1}
    if not splits <= {"train", "training"}:
        return True
    if not nested:
        return False  # `{bus,car,train}`
    if nested != splits:
        raise UnstatedError("which folders are classes")
    return True


def refuse_too_many_broken(source: Source, broken: int, total: int) -> None:
    if broken > MAX_BROKEN * total:
        raise RefusedError(f"{broken} of {total} files are broken")
    source.unused = source.unused or broken > 0


def table_rows(table: str, content: bytes) -> dict[str, Row]:
    """Return the split ("" if it is not stated) and the label by the name in a table."""
    text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    if table.endswith((".csv", ".tsv")):
        return rows_of_csv(text)
    if table.endswith(".jsonl"):
        rows = [json.loads(line) for line in text.splitlines()]
        return {row["file_name"]: (row.get("split", ""), str(row["label"])) for row in rows}
    document = json.loads(text)
    pairs = (document["labels"] or []) if table == "dataset.json" else document.items()
    return {name: ("", str(label)) for name, label in pairs}


def rows_of_csv(text: str) -> dict[str, Row]:
    """Return the labels of a table: in a column of that name, or one column for each class."""
    header = text.splitlines()[0]
    delimiter = next(sign for sign in "\t;|," if sign in header)
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    first, *others = rows[0]
    if first in NUMBERS:  # the column after it has the suffixes of files
        first, *others = others
    if "label" in others:
        return {row[first]: (row.get("split", ""), row["label"]) for row in rows}
    return {row[first]: ("", next(c for c in others if row[c] == "1")) for row in rows}


def matched(rows: dict[str, Row], names: list[str], folder: str) -> dict[str, Row]:
    """Return the rows by the images that they name, in the form that fits the most images."""
    start = f"{folder}/" if folder else ""
    forms = (
        lambda name, path: name == path,
        lambda name, path: f"/{path}".endswith(f"/{name}") or f"/{name}".endswith(f"/{path}"),
        lambda name, path: name == path.rpartition(".")[0],
        lambda name, path: name.casefold() == path.casefold(),
    )
    best: dict[str, Row] = {}
    for form in forms:
        found = {
            path: row
            for name, row in rows.items()
            for path in names
            if path.startswith(start) and form(name, path.removeprefix(start))
        }
        best = found if len(found) > len(best) else best
    return best


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
