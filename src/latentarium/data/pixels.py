"""Convert images of any numeric type to 8-bit pixels.

Values of 8 bits stay as they are; floats from 0 to 1 and truth values are multiplied by 255.
Anything deeper is scaled by the smallest and the largest value of the training images. This range
becomes part of the data card, so that later images are scaled alike.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from latentarium.data.storage import Storage
from latentarium.data.value_kinds import (
    Kind,
    NativeImages,
    ValueRange,
    find_kinds,
    has_alpha,
    opaque_value,
)
from latentarium.texts import Text, join_clauses

UNIT_FLOATS_NOTE = Text("floats from 0 to 1 were stored as round(255 x)")


class Rows(NamedTuple):
    """The images of a split.

    Arguments:
        part: The part of the source that contains them, such as "train".
        positions: Their positions in this part, in ascending order.
    """

    part: str
    positions: np.ndarray


class Pixels(NamedTuple):
    """The converted images of all splits.

    Arguments:
        images: Pixels, uint8 of shape (N, C, H, W), by split.
        value_range: The range by which images were scaled; None if none was.
        notes: Short descriptions of what was changed.
    """

    images: dict[str, np.ndarray]
    value_range: ValueRange | None
    notes: tuple[str, ...]


def to_pixels(
    images: NativeImages,
    splits: Mapping[str, Rows],
    value_range: ValueRange | None = None,
    storage: Storage | None = None,
) -> Pixels:
    """Convert images to 8-bit pixels.

    Arguments:
        images: The images.
        splits: The images of each split, among them "train".
        value_range: The range of a run, to scale deep images like its training images; None for
            the range of these training images.
        storage: Allocates the arrays; None for the default storage.

    Raises:
        UserError: The values can't be converted; see `find_kinds`.
    """
    storage = storage or Storage()
    kinds = find_kinds(images, value_range, storage)
    converter = _Converter(images, kinds, has_alpha(images, kinds, storage), storage)
    notes, applied = converter.notes(), None
    if Kind.DEEP in kinds.values():
        applied = converter.measure(splits) if value_range is None else value_range
        applied = (float(applied[0]), float(applied[1]))
        checked = [
            rows for name, rows in splits.items() if value_range is not None or name != "train"
        ]
        notes.append(converter.describe_range(applied, value_range is None, checked))
    elif value_range is not None:
        low, high = value_range
        notes.append(
            Text(
                "the value range from {low:g} to {high:g} is not used: the images have 8 bits",
                low=low,
                high=high,
            )
        )
    pixels = {name: converter.convert(rows, applied) for name, rows in splits.items()}
    return Pixels(pixels, applied, tuple(notes))


def scale(values: np.ndarray, value_range: ValueRange) -> np.ndarray:
    """Scale values to uint8 so that the range becomes 0 to 255; values outside are clamped."""
    low, high = value_range
    if high <= low:
        return np.where(values > high, np.uint8(255), np.uint8(0))
    scaled = values.astype(np.float64).clip(low, high) - low
    return (scaled * (255 / (high - low))).round().astype(np.uint8)


class _Converter:
    """Converts the images of a source.

    Arguments:
        images: The images.
        kinds: The kind of the values of each part.
        alpha: Whether the last channel is transparency.
        storage: Allocates the arrays.
    """

    def __init__(
        self, images: NativeImages, kinds: dict[str, Kind], alpha: bool, storage: Storage
    ) -> None:
        self._images, self._kinds = images, kinds
        self._alpha, self._storage = alpha, storage

    def convert(self, rows: Rows, value_range: ValueRange | None) -> np.ndarray:
        """Return the pixels of a split."""
        array, kind = self._images.parts[rows.part], self._kinds[rows.part]
        if array.dtype == np.uint8 and not self._alpha:
            if len(rows.positions) == len(array) and array.flags.carray:
                return array
            return self._storage.take(array, rows.positions)
        deep = self._images.deep.get(rows.part)

        def convert(block: np.ndarray, index: np.ndarray) -> np.ndarray:
            colours = block[:, :-1] if self._alpha else block
            pixels = _to_bytes(colours, kind, value_range)
            if deep is not None:
                pixels[~deep[index]] = colours[~deep[index]].astype(np.uint8)
            if not self._alpha:
                return pixels
            opacity = block[:, -1:] / np.float64(opaque_value(array, kind) or 1)
            return (pixels * opacity + 255 * (1 - opacity)).round().astype(np.uint8)

        shape = (array.shape[1] - self._alpha, *array.shape[2:])
        return self._storage.convert(array, rows.positions, convert, shape)

    def measure(self, splits: Mapping[str, Rows]) -> ValueRange:
        """Return the range of the training images, or of all images if none of them is deep."""
        for rows in ([splits["train"]], splits.values()):
            limits = [(block.min(), block.max()) for block in self._deep_blocks(rows)]
            if limits:
                return float(min(low for low, _ in limits)), float(max(high for _, high in limits))
        return 0.0, 255.0

    def notes(self) -> list[str]:
        """Describe how types and channels were read."""
        notes = []
        for part, kind in self._kinds.items():
            dtype = self._images.parts[part].dtype
            if kind is Kind.UNIT and dtype.kind == "f":
                notes.append(UNIT_FLOATS_NOTE)
            elif kind is Kind.UNIT:
                notes.append(Text("{dtype} values 0 and 1 were stored as 0 and 255", dtype=dtype))
            elif kind is Kind.BYTES and dtype != np.uint8 and not self._images.deep:
                notes.append(
                    Text("{dtype} values from 0 to 255 were read as 8-bit values", dtype=dtype)
                )
        channels, height, width = next(iter(self._images.parts.values())).shape[1:]
        if self._alpha:
            notes.append(
                Text(
                    "transparency, the last of {channels} channels, composited on white",
                    channels=channels,
                )
            )
        elif channels not in (1, 3):
            shown = Text(
                "the first channel" if channels == 2 else "the first three as red, green, blue"
            )
            notes.append(
                Text(
                    "{channels} channels of {height} x {width} pixels; pictures show {shown}",
                    channels=channels,
                    height=height,
                    width=width,
                    shown=shown,
                )
            )
        return list(dict.fromkeys(notes))

    def describe_range(
        self, value_range: ValueRange, measured: bool, checked: Iterable[Rows]
    ) -> str:
        """Describe how deep images were scaled.

        Arguments:
            value_range: The range.
            measured: Whether it is the range of these training images.
            checked: The images to count that have values outside the range.
        """
        array = next(iter(self._images.parts.values()))
        dtype = array.dtype
        name = (
            Text("floats")
            if dtype.kind == "f"
            else Text("{bits}-bit values", bits=8 * dtype.itemsize)
        )
        low, high = (f"{value:,.7g}" if value % 1 else f"{value:,.0f}" for value in value_range)
        owner = Text("the range of the training images" if measured else "the given range")
        clauses: list[str] = []
        text = Text(
            "{name} from {low} to {high} ({owner}) scaled to 0 to 255",
            name=name,
            low=low,
            high=high,
            owner=owner,
        )
        outside = sum(
            int(((block < value_range[0]) | (block > value_range[1])).any((1, 2, 3)).sum())
            for block in self._deep_blocks(checked)
        )
        if outside:
            clauses.append(
                Text("{count:,} images with values outside this range were clamped", count=outside)
            )
        masks = self._images.deep.values()
        count, total = sum(int(mask.sum()) for mask in masks), sum(len(mask) for mask in masks)
        if count < total:
            kept = total - count
            clauses.append(Text("{count:,} images of 8 bits kept their values", count=kept))
        return join_clauses([text, *clauses])

    def _deep_blocks(self, splits: Iterable[Rows]) -> Iterator[np.ndarray]:
        """Yield the deep images block by block, without transparency."""
        for part, positions in splits:
            array, deep = self._images.parts[part], self._images.deep.get(part)
            chosen = positions if deep is None else positions[deep[positions]]
            for rows in self._storage.blocks(array, len(chosen)):
                yield array[chosen[rows]][:, : array.shape[1] - self._alpha]


def _to_bytes(values: np.ndarray, kind: Kind, value_range: ValueRange | None) -> np.ndarray:
    if kind is Kind.DEEP and value_range is not None:
        return scale(values, value_range)
    if kind is Kind.UNIT and values.dtype.kind == "f":
        return (values * 255).round().astype(np.uint8)
    return values.astype(np.uint8) * np.uint8(255 if kind is Kind.UNIT else 1)
