"""A slow and obvious reader of image sources, which `load_data` is compared with.

It is written from docs/data.md only, shares no code with the package, and reads one file after
another with Pillow and the standard library. What the documentation leaves open is not read here:
`RefusedError` says that `load_data` may refuse the source.
"""

import csv
import io
import json
import tarfile
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

SPLITS = {"train": "train", "test": "test", "val": "validation", "valid": "validation",
          "validation": "validation"}  # fmt: skip
IMAGES = (".png", ".bmp", ".ppm")
TABLES = ("labels.csv", "metadata.csv", "metadata.jsonl", "dataset.json")
Contents = Counter[tuple[str, tuple[int, ...], bytes, str | None]]
"""A multiset of images: their split, shape, pixels and class."""


class RefusedError(Exception):
    """The documentation says, or leaves open, that this source is refused."""


@dataclass
class Source:
    """The images of a source."""

    images: list[tuple[str, np.ndarray, str | None]] = field(default_factory=list)
    """The split of each image ("" if the source has none), its pixels (H, W, C), its class."""

    def contents(self) -> Contents:
        """Return the images as a multiset, in as few channels as they need."""
        grey = all((pixels == pixels[:, :, :1]).all() for _, pixels, _ in self.images)
        contents: Contents = Counter()
        for split, pixels, label in self.images:
            shown = (
                pixels[:, :, :1] if grey else np.repeat(pixels, 4 - pixels.shape[2], 2)[..., :3]
            )
            contents[split, shown.shape, shown.tobytes(), label] += 1
        return contents


def read_folder(folder: Path) -> Source:
    """Read a folder of image files."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    return read_files(files)


def read_zip(path: Path) -> Source:
    """Read a .zip of image files."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}
    return read_files(files)


def read_shards(paths: Iterable[Path]) -> Source:
    """Read .tar files with labels in .cls or .json files, or in the names of folders."""
    source = Source()
    for path in paths:
        split = next((split for name, split in SPLITS.items() if path.name.startswith(name)), "")
        with tarfile.open(path) as archive:
            files = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # pyright: ignore
        for name, content in files.items():
            if not name.endswith(IMAGES):
                continue
            stem = name.rsplit(".", 1)[0]
            label = None
            if f"{stem}.cls" in files:
                label = files[f"{stem}.cls"].decode().strip()
            elif f"{stem}.json" in files:
                label = str(json.loads(files[f"{stem}.json"])["label"])
            elif "/" in name:
                label = name.rsplit("/", 2)[-2]
            source.images.append((split, pixels_of(content), label))
    return labelled_or_refused(source)


def read_files(files: Mapping[str, bytes]) -> Source:
    """Place image files by their folders, or by a table of labels."""
    hidden = {name for name in files if any(part.startswith(".") for part in name.split("/"))}
    names = sorted(n for n in files if n.lower().endswith(IMAGES) and n not in hidden)
    if not names:
        raise RefusedError("no images")
    rows = table_rows(files)
    folders = {name.split("/")[0] for name in names if "/" in name}
    has_splits = bool(folders) and folders <= SPLITS.keys() and all("/" in n for n in names)
    source = Source()
    for name in names:
        split, rest = "", name
        if has_splits:
            first, rest = name.split("/", 1)
            split = SPLITS[first]
        in_folder = rest.split("/")[0] if "/" in rest else None
        label = rows.get(name) if rows else in_folder
        source.images.append((split, pixels_of(files[name]), plain(label)))
    if has_splits and not any(split == "train" for split, _, _ in source.images):
        raise RefusedError("no training images")
    return labelled_or_refused(source)


def table_rows(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the label of each file in a table of the source."""
    for table in TABLES:
        if table not in files:
            continue
        text = files[table].decode()
        if table.endswith(".csv"):
            rows = list(csv.DictReader(io.StringIO(text)))
        elif table.endswith(".jsonl"):
            rows = [json.loads(line) for line in text.splitlines()]
        else:
            pairs = json.loads(text)["labels"]
            rows = [{"file_name": name, "label": number} for name, number in pairs]
        return {row.get("file_name") or row["filename"]: str(row["label"]) for row in rows}
    return {}


def labelled_or_refused(source: Source) -> Source:
    """Leave out splits without labels, if the training images have labels."""
    splits = {split for split, _, _ in source.images}
    missing = {s: [label is None for t, _, label in source.images if t == s] for s in splits}
    for split, unlabelled in missing.items():
        if any(unlabelled) and not all(unlabelled):
            raise RefusedError(f"only some images of the split {split!r} have a class")
    base = "train" if "train" in splits else ""
    if not all(missing[base]):
        source.images = [image for image in source.images if image[2] is not None]
    elif not all(all(unlabelled) for unlabelled in missing.values()):
        raise RefusedError("the training images have no labels, but others have")
    return source


def pixels_of(content: bytes) -> np.ndarray:
    """Decode an image of 8 bits, grey or RGB, as (H, W, C)."""
    with Image.open(io.BytesIO(content)) as image:
        return np.atleast_3d(np.asarray(image))


def plain(label: str | None) -> str | None:
    """Return the name of a class in Unicode's composed form."""
    return None if label is None else unicodedata.normalize("NFC", label)
