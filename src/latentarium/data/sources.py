"""`load_data`: one name for every place where images come from.

A reader turns a source into `Raw` (what it found, by split); `to_data` does the rest. A new kind
of source is a new reader.
"""

import dataclasses
import os
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

from latentarium.data import cache, fashion
from latentarium.data.arrays import SMALLEST_SIDE, SPLITS, Raw, to_data
from latentarium.data.binarized import ROWS, dynamic_mnist, read_static_mnist, static_file
from latentarium.data.dataset import Data
from latentarium.data.folders import Item, list_folder, read_pictures
from latentarium.data.hugging_face import read_hugging_face
from latentarium.data.idx import is_idx, parse_idx, read_bytes, read_idx
from latentarium.data.mnist_data import load_mnist
from latentarium.data.shards import find_shards, list_shards
from latentarium.data.stacked import stacked_mnist
from latentarium.data.toy import grid, ring, toy_data
from latentarium.data.zips import list_zip
from latentarium.errors import UserError, did_you_mean

NAMED = {
    "mnist": load_mnist,
    "mnist-dynamic": dynamic_mnist,
    "ring": lambda: toy_data(ring()),
    "grid": lambda: toy_data(grid()),
    "stacked-mnist": stacked_mnist,
    "fashion-mnist": lambda: fashion_mnist(),
}
ACCEPTED = (
    f"Accepted are the names {', '.join(NAMED)}, hf:NAME, a folder of pictures or a .zip of it, "
    "a .tar of pictures or a folder of such shards, an IDX file or a folder with MNIST's four, a "
    "folder with the three binarized_mnist_*.amat files, an .npz file, and arrays."
)
IMAGE_KEYS = {"images", "image", "x", "pixels"}
LABEL_KEYS = {"labels", "label", "y", "targets", "target"}
DAMAGE = (OSError, EOFError, TypeError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What numpy and zipfile raise on a file that isn't what it should be."""
USUAL = {"train": "train", "test": "t10k"}


def load_data(source: object = "mnist", labels: object = None, *, size: int = 0) -> Data:
    """Loads images, with labels where there are any, in three splits.

    Arguments:
        source: "mnist" (the 70,000 digits that ship), "mnist-dynamic" (the same, validation and
            test drawn on or off once, as published), "fashion-mnist" (from Debian's package, or
            fetched from its authors), "ring" or "grid" (mixtures in the plane with known
            density), "hf:NAME" (Hugging Face datasets), the path of a folder of pictures or a
            .zip of it (labels from sub-folders; see docs/data.md), of a .tar of pictures or a
            folder of such shards (WebDataset), of an IDX image file, of a folder with MNIST's
            four files or with the three binarized_mnist_*.amat files, or of an .npz file, or an
            array or tensor of images: uint8, or floats in [0, 1], shaped (N, H, W), (N, H, W, C)
            or (N, C, H, W).
            What is `Data` already comes back as it is.
        labels: For a single set of images: the path of an IDX label file, or one whole number or
            name per image.
        size: For pictures: the side of the square that all are fitted to; 0: as they are, or 64
            where their sizes differ.

    Returns:
        Splits as the source has them, else 80/10/10 by a permutation that never changes.

    Raises:
        UserError: The source is unknown, missing or damaged, or the labels don't fit.
    """
    if isinstance(source, Data):
        _no_labels_beside(labels, "Data")
        return source
    if isinstance(source, str) and source in NAMED:
        _no_labels_beside(labels, source)
        return NAMED[source]()
    if isinstance(source, str) and source.startswith("hf:"):
        _no_labels_beside(labels, source)
        return to_data(read_hugging_face(source.removeprefix("hf:"), size))
    pictures = None if not isinstance(source, str | os.PathLike) else _pictures(_path(source))
    if pictures is not None:
        _no_labels_beside(labels, str(source))
        return _load_pictures(pictures, _path(source).resolve(), size)
    if isinstance(source, str | os.PathLike):
        return to_data(_read_path(os.fspath(source), labels))
    if isinstance(source, np.ndarray | torch.Tensor | list | tuple):
        found = read_idx(_path(labels)) if isinstance(labels, str | Path) else labels
        return to_data(Raw(source="arrays", images={"train": source}, labels={"train": found}))
    raise UserError(f"load_data can't read an object of type {type(source).__name__}. {ACCEPTED}")


def fashion_mnist() -> Data:
    """Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017), from Debian's files or its authors'.

    Raises:
        UserError: The four files are not there and can't be fetched.
    """
    raw = read_idx_folder(fashion.fashion_folder())
    return to_data(dataclasses.replace(raw, source="fashion-mnist", classes=fashion.CLASSES))


def _pictures(path: Path) -> list[Item] | None:
    """The picture files of a zip, of shards, or of a folder that has no data files of another
    kind."""
    shards = find_shards(path)
    if shards and path.is_dir() and list_folder(path):
        raise UserError(
            f"{path} holds pictures, and {shards[0].name}: keep the pictures or the shards there."
        )
    if shards:
        return list_shards(shards)
    if path.is_file() and path.suffix.lower() == ".zip":
        return list_zip(path)
    if not path.is_dir() or any(static_file(path, part).is_file() for part in ROWS):
        return None
    if _first(path, _spellings(f"{USUAL['train']}-images-idx3-ubyte")) is not None:
        return None
    return list_folder(path) or None


def _load_pictures(items: list[Item], path: Path, size: int) -> Data:
    if size and size < SMALLEST_SIDE:
        raise UserError(f"size is {size}; give at least {SMALLEST_SIDE}, or 0.")
    key = cache.key_of(items, str(path), size)
    data = cache.load(key)
    if data is None:
        data = to_data(read_pictures(items, path.name, size))
        if not any(note.startswith("skipped") for note in data.notes):  # it may be mended
            cache.keep(key, data)
    return data


def read_npz(path: Path, labels: object = None) -> Raw:
    """Reads named arrays: images, x, x_train, test_images ... and labels, y, y_train ...

    Raises:
        UserError: It isn't npz, holds Python objects, or has no images under a known name.
    """
    images, named = {}, {}
    try:
        # opened here, as numpy leaves a file open that turns out to be no zip
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            for key in archive.files:
                words = [w for w in re.split(r"[_\W]+", key.lower()) if w]
                split = {SPLITS[w] for w in words if w in SPLITS} or {"train"}
                rest = {w for w in words if w not in SPLITS}
                if len(rest) != 1 or len(split) != 1 or not rest <= IMAGE_KEYS | LABEL_KEYS:
                    continue
                kind, name = images if rest <= IMAGE_KEYS else named, split.pop()
                if name in kind:
                    raise UserError(
                        f"{path} holds {name} arrays twice (keys {', '.join(archive.files)}): "
                        "keep one array of images and one of labels for each split."
                    )
                kind[name] = archive[key]
            keys = ", ".join(archive.files) or "none"
    except UserError:
        raise
    except ValueError:
        raise UserError(
            f"{path} holds Python objects or is no .npz file: save plain arrays with "
            "numpy.savez_compressed."
        ) from None
    except DAMAGE:
        raise UserError(f"{path} is damaged or no .npz file: fetch or save it again.") from None
    if "train" not in images or not set(named) <= set(images):
        raise UserError(
            f"{path} has the keys {keys}; name the images 'images' or 'x' and the labels "
            "'labels' or 'y', with '_train' and '_test' where it has splits."
        )
    if labels is not None:
        if named or len(images) > 1:
            raise UserError(f"{path} has labels or splits of its own: leave `labels` out.")
        named = {"train": read_idx(_path(labels)) if isinstance(labels, str | Path) else labels}
    return Raw(source=path.name, images=images, labels=named)


def read_idx_folder(folder: Path) -> Raw:
    """Reads train-images-idx3-ubyte and what lies beside it, plain or gzip.

    Raises:
        UserError: There are no such files, or one of them is damaged.
    """
    images, labels = {}, {}
    for split, prefix in USUAL.items():
        path = _first(folder, _spellings(f"{prefix}-images-idx3-ubyte"))
        if path is None:
            continue
        images[split] = read_idx(path)
        beside = _first(folder, _spellings(f"{prefix}-labels-idx1-ubyte"))
        labels[split] = None if beside is None else read_idx(beside)
    if "train" not in images:
        found = sorted(p.name for p in folder.iterdir())[:4] or ["nothing"]
        raise UserError(
            f"{folder} has no train-images-idx3-ubyte, plain or .gz (it has "
            f"{', '.join(found)}): give a folder with MNIST's files. {ACCEPTED}"
        )
    return Raw(source=folder.resolve().name, images=images, labels=labels)


def _read_path(text: str, labels: object) -> Raw:
    path = _path(text)
    if path.is_dir():
        _no_labels_beside(labels, text)
        if any(static_file(path, part).is_file() for part in ROWS):
            return read_static_mnist(path)
        return read_idx_folder(path)
    if not path.exists():
        if re.search(r"[./\\~]", text):
            raise UserError(f"There is no file or folder {text}: check the path. {ACCEPTED}")
        raise UserError(f"There is no data source '{text}'.{did_you_mean(text, NAMED)} {ACCEPTED}")
    if path.suffix.lower() == ".npz":
        return read_npz(path, labels)
    if path in [static_file(path.parent, part) for part in ROWS]:
        _no_labels_beside(labels, text)
        return read_static_mnist(path.parent)
    content = read_bytes(path)
    if not is_idx(content) and "idx" not in path.name:
        raise UserError(f"{path} is no kind of file that load_data reads. {ACCEPTED}")
    found = labels
    if labels is None:
        beside = _labels_beside(path)
        found = None if beside is None else read_idx(beside)
    elif isinstance(labels, str | Path):
        found = read_idx(_path(labels))
    return Raw(
        source=path.name,
        images={"train": parse_idx(content, path)},
        labels={"train": found},
    )


def _labels_beside(images: Path) -> Path | None:
    name = images.name.removesuffix(".gz")
    if "images" not in name:
        return None
    usual = name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1")
    return _first(images.parent, _spellings(usual))


def _spellings(name: str) -> list[str]:
    """MNIST's files go by train-images-idx3-ubyte and train-images.idx3-ubyte."""
    return [name, re.sub("-idx", ".idx", name), re.sub(r"\.idx", "-idx", name)]


def _first(folder: Path, names: list[str]) -> Path | None:
    spelled = [folder / f"{name}{end}" for name in names for end in ("", ".gz")]
    return next((path for path in spelled if path.is_file()), None)


def _path(text: object) -> Path:
    return Path(str(text)).expanduser()


def _no_labels_beside(labels: object, source: str) -> None:
    if labels is not None:
        raise UserError(f"{source} brings its own labels: leave `labels` out.")
