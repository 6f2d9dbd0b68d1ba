"""Random arrays with labels, and lists and tables of image files, for hypothesis.

`read_arrays` is their reference reader: slow, obvious, and written from docs/data.md only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from support.random_pictures import broken, picture, styles
from support.reference_pixels import RefusedError, Source, decode
from support.reference_reader import labelled_or_refused, plain, refuse_too_many_broken

KINDS = ["uint8", "bool", "float32", "float64", "uint16", "int16", "int64", "bits", "outside"]
LABELS = {
    "none": lambda k: None,
    "int": lambda k: k % 3,
    "int8": lambda k: np.int8(k % 3),
    "float": lambda k: float(k % 3),
    "text": lambda k: ("cat", "dog", "é")[k % 3],
    "bool": lambda k: k % 2 == 0,
    "one-hot": lambda k: np.eye(3)[k % 3],
}
"""Kinds of labels of arrays."""
SPLITS = [("",), ("",), ("train", "test"), ("train", "validation", "test")]


@dataclass
class Arrays:
    """Images and labels of each split."""

    layout: str
    kind: str
    images: dict[str, np.ndarray] = field(default_factory=dict)
    """(N, H, W, C) by the name of the split, "" if there are no splits."""
    labels: dict[str, list] = field(default_factory=dict)

    def arranged(self, split: str) -> np.ndarray:
        """Return the images of a split in the layout."""
        pixels = self.images[split]
        return {"NHW": pixels[..., 0], "NHWC": pixels, "NCHW": pixels.transpose(0, 3, 1, 2)}[
            self.layout
        ]


@st.composite
def random_arrays(draw: st.DrawFn) -> Arrays:
    """Return images and labels of all types."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    arrays = Arrays(draw(st.sampled_from(["NHW", "NHWC", "NCHW"])), draw(st.sampled_from(KINDS)))
    channels = 1 if arrays.layout == "NHW" else draw(st.sampled_from([1, 2, 3, 4, 5, 12]))
    shape = (16, 16, 12) if channels == 12 else (9, 8, channels)
    low = draw(st.integers(-9000 if arrays.kind == "int16" else 0, 9000))
    high = low + 1 + 2 * draw(st.integers(128, 9000))
    opaque = channels in (2, 4) and arrays.kind in ("uint8", "float32") and draw(st.booleans())
    labels = draw(st.sampled_from(sorted(LABELS)))
    missing = draw(st.sampled_from(["", "", "", "test", "some", "all"]))
    for split in draw(st.sampled_from(SPLITS)):
        count = draw(st.integers(12, 40))
        values = random_values(rng, arrays.kind, (count, *shape), low, high)
        if opaque:
            opacity = rng.integers(0, 2, (count, *shape[:2])) * 255
            soft = rng.random(opacity.shape) < draw(st.sampled_from([0, 0.2, 0.4, 0.8]))
            opacity[soft] = rng.integers(1, 255, int(soft.sum()))
            values[..., -1] = opacity if arrays.kind == "uint8" else opacity / 255
        arrays.images[split] = values
        made = [LABELS[labels](k) for k in range(count)]
        if labels != "one-hot" and (missing == "all" or (missing == "test" and split == "test")):
            made = [np.nan if labels == "float" else -1 if labels == "int" else None] * count
        elif labels in ("int", "text") and missing == "some" and split != "test":
            made[3] = None
        arrays.labels[split] = made
    return arrays


def random_values(
    rng: np.random.Generator, kind: str, shape: Sequence[int], low: int, high: int
) -> np.ndarray:
    """Return random images of a type; deep ones have the same range."""
    pixels = rng.integers(0, 256, shape)
    if kind in ("uint16", "int16"):
        values = rng.integers(low, high, shape, endpoint=True).astype(kind)
        values[:, 3, 3], values[:, 3, 4] = low, high
        return values
    return {
        "uint8": lambda: pixels.astype(np.uint8),
        "bool": lambda: pixels > 127,
        "float32": lambda: (pixels / 255).astype(np.float32),
        "float64": lambda: pixels / 255,
        "int64": lambda: pixels,
        "bits": lambda: pixels % 2,
        "outside": lambda: pixels / 100 - 1,
    }[kind]()


def read_arrays(arrays: Arrays) -> Source:
    """Convert arrays by the tables of docs/data.md."""
    source = Source()
    everything = np.concatenate([images.ravel() for images in arrays.images.values()])
    for split, images in arrays.images.items():
        for pixels, label in zip(images, arrays.labels[split], strict=True):
            source.images.append((split, converted(pixels, everything), class_name(label)))
    if sum(label is not None for _, _, label in source.images) == 0:
        return source
    return labelled_or_refused(source)


def converted(pixels: np.ndarray, everything: np.ndarray) -> np.ndarray:
    """Return the pixels of one image in 8 bits, or unchanged if they are scaled by a range."""
    if everything.dtype.kind == "f":
        if everything.min() < 0 or everything.max() > 1:
            raise RefusedError("floats outside [0, 1]")
        pixels = np.round(255 * pixels).astype(np.uint8)
    elif everything.dtype == bool or np.isin(everything, (0, 1)).all():
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    elif everything.min() >= 0 and everything.max() <= 255:
        pixels = pixels.astype(np.uint8)
    return pixels


def on_white(source: Source) -> Source:
    """Composite images whose last channel is transparency."""
    channels = {pixels.shape[2] for _, pixels, _ in source.images}
    if not channels <= {2, 4} or any(p.dtype != np.uint8 for _, p, _ in source.images):
        return source
    opacity = np.concatenate([pixels[..., -1].ravel() for _, pixels, _ in source.images])
    colours = np.concatenate([pixels[..., :-1].ravel() for _, pixels, _ in source.images])
    extreme = np.isin(opacity, (0, 255)).mean() > 0.5
    if extreme and opacity.any() and not np.isin(colours, (0, 255)).all():
        source.images = [(s, composited(pixels), y) for s, pixels, y in source.images]
    return source


def composited(pixels: np.ndarray) -> np.ndarray:
    """Return an image on white; no value is halfway between two whole numbers."""
    colours, opacity = pixels[..., :-1].astype(np.int64), pixels[..., -1:].astype(np.int64)
    return np.round((colours * opacity + 255 * (255 - opacity)) / 255).astype(np.uint8)


def class_name(label: Any) -> str | None:
    """Return the name of a label's class."""
    if isinstance(label, np.ndarray):
        return str(int(label.argmax()))
    if label is None or label == -1 or label != label:
        return None
    return str(label if isinstance(label, str | bool) else int(label))


@dataclass
class Rows:
    """Image files with labels and splits, as the rows of a table."""

    files: list[bytes] = field(default_factory=list)
    labels: list[str] | list[int] | None = None
    splits: list[str] = field(default_factory=list)


@st.composite
def random_rows(draw: st.DrawFn) -> Rows:
    """Return the rows of a table."""
    style, rows = draw(styles()), Rows()
    for split in draw(st.sampled_from(SPLITS)):
        for k in range(draw(st.integers(12, 24))):
            rows.files.append(picture(style, k, wider=split in ("validation", "test"))[0])
            rows.splits.append(split)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2, 3]))):
        position = draw(st.integers(0, len(rows.files) - 1))
        rows.files[position] = broken(rows.files[position], "half")
    kind = draw(st.sampled_from(["none", "int", "text"]))
    if kind != "none":
        rows.labels = [LABELS[kind](k) for k in range(len(rows.files))]
    return rows


def read_rows(rows: Rows) -> Source:
    """Decode one row after another."""
    source = Source()
    for k, content in enumerate(rows.files):
        pixels = decode(content)
        if pixels is not None:
            label = None if rows.labels is None else plain(str(rows.labels[k]))
            source.images.append((rows.splits[k], pixels, label))
    refuse_too_many_broken(source, len(rows.files) - len(source.images), len(rows.files))
    return source
