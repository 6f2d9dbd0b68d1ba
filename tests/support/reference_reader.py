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

from support.reference_pixels import RefusedError, Source, UnstatedError, decode

SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test",
          "val": "validation", "valid": "validation", "validation": "validation"}  # fmt: skip
IMAGES = (".png", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".gif", ".jpg")
MASKS = ("seg", "mask", "depth")
"""Words of second images of a key, which the generator writes; none means "the image"."""
TABLES = ("labels.csv", "labels.tsv", "labels.json", "metadata.csv", "metadata.jsonl",
          "dataset.json", "label.csv")  # fmt: skip
MAX_BROKEN = 0.05


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
    """Place image files by their folders, or by a table of labels."""
    hidden = {name for name in files if any(part.startswith(".") for part in name.split("/"))}
    names = sorted(n for n in files if n.lower().endswith(IMAGES) and n not in hidden)
    if not names:
        raise RefusedError("no images")
    decoded = {name: decode(files[name]) for name in names}
    source = Source()
    source.unused = any(n not in names and n not in TABLES for n in files)
    broken = sum(pixels is None for pixels in decoded.values())
    refuse_too_many_broken(source, broken, len(names))
    kept = [name for name in names if decoded[name] is not None]
    folders = {name.split("/")[0] for name in names if "/" in name}
    splits = folders & SPLITS.keys()
    has_splits = bool(splits) and all("/" in name for name in names)
    if has_splits and folders - splits:
        if table_rows(files):
            raise UnstatedError("whether a table names the folders next to splits")
        has_splits = splits_state_all(kept, splits)
        if has_splits:
            kept, source.unused = [n for n in kept if n.split("/")[0] in splits], True
    places = {name: placed(name, has_splits) for name in kept}
    if has_splits and not any(split == "train" for split, _ in places.values()):
        raise RefusedError("no training images")
    labels = {name: folder for name, (_, folder) in places.items()}
    rows = {name: label for name, label in table_rows(files).items() if name in labels}
    if rows and len(rows) == len(kept):
        labels = rows
    elif rows and not any(labels.values()):
        missing = [name for name in kept if name not in rows]
        if 2 * len(missing) > len(kept):
            raise RefusedError("most images have no row")
        kept, labels, source.unused = [n for n in kept if n in rows], rows, True
    for name in kept:
        pixels = decoded[name]
        assert pixels is not None
        source.images.append((places[name][0], pixels, plain(labels[name])))
    return labelled_or_refused(source)


def splits_state_all(names: list[str], splits: set[str]) -> bool:
    """Return whether folders next to splits are left out; otherwise all folders are classes."""
    nested = {name.split("/")[0] for name in names if name.count("/") > 1}
    if not nested and splits == {"train"}:
        return False  # `{bus,car,train}`
    if not nested & splits or (nested - splits and len(splits) == 1):
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
    splits = {split for split, _, _ in source.images}
    missing = {s: [label is None for t, _, label in source.images if t == s] for s in splits}
    for split, unlabelled in missing.items():
        if any(unlabelled) and not all(unlabelled):
            raise RefusedError(f"only some images of the split {split!r} have a class")
    base = "train" if "train" in splits else ""
    if not all(missing[base]):
        labelled = [image for image in source.images if image[2] is not None]
        source.unused = source.unused or len(labelled) < len(source.images)
        source.images = labelled
    elif not all(all(unlabelled) for unlabelled in missing.values()):
        source.unused = True  # `train` `test/{cat,dog}`: the labels of test are left out
        source.images = [(split, pixels, None) for split, pixels, _ in source.images]
    return source


def plain(label: str | None) -> str | None:
    """Return the name of a class in Unicode's composed form."""
    return None if label is None else unicodedata.normalize("NFC", label)
