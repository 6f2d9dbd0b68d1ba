"""Find out what the values of image arrays mean: bytes, numbers from 0 to 1, or deeper values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from latentarium.data.storage import Storage
from latentarium.errors import UserError
from latentarium.texts import Text

ValueRange = tuple[float, float]
"""The values that become 0 and 255."""
OVERSHOOT = 0.1
"""Floats that exceed [0, 1] by at most this much probably come from interpolation."""
ACCEPTED = "give uint8 from 0 to 255, other whole numbers, truth values, or floats from 0 to 1"


class Kind(Enum):
    """What the values of an array are."""

    BYTES = "whole numbers from 0 to 255"
    UNIT = "numbers from 0 to 1"
    DEEP = "numbers that are scaled by their range"


@dataclass(frozen=True, kw_only=True)
class NativeImages:
    """The images of a source before they are converted to pixels.

    Arguments:
        source: The name of the source for messages.
        parts: Images of any type, of shape (N, C, H, W), by part of the source.
        deep: For image files, which images of each part have more than 8 bits per value; empty if
            none has, or if the images are arrays, whose type and values decide.
    """

    source: str
    parts: Mapping[str, np.ndarray]
    deep: Mapping[str, np.ndarray] = field(default_factory=dict)

    def name_of(self, part: str) -> str:
        """Return the name of a part for messages."""
        return self.source if len(self.parts) == 1 else f"{self.source} ({part})"


def find_kinds(
    images: NativeImages, value_range: ValueRange | None, storage: Storage
) -> dict[str, Kind]:
    """Return the kind of the values of each part.

    Whole numbers other than uint8 are bytes if all of them are from 0 to 255, and numbers from 0
    to 1 if they are only zeros and ones. If a range is given, they are deep, since a later part of
    deep data may have only small values.

    Arguments:
        images: The images.
        value_range: The range of a run; None if there is no run.
        storage: Divides the arrays into blocks.

    Raises:
        UserError: Values are not real numbers (code `wrong-type`), not finite (`not-finite`), or
            floats outside [0, 1] (`out-of-range`); or only some parts are deep (`wrong-type`).
    """
    if images.deep:
        deep = any(mask.any() for mask in images.deep.values())
        return dict.fromkeys(images.parts, Kind.DEEP if deep else Kind.BYTES)
    kinds: dict[str, Kind] = {}
    whole: dict[str, tuple[float, float]] = {}
    for part, array in images.parts.items():
        if array.dtype == np.uint8:
            kinds[part] = Kind.BYTES
        elif array.dtype.kind == "b":
            kinds[part] = Kind.UNIT
        elif array.dtype.kind == "f":
            limits = find_limits(array, storage)
            kinds[part] = _float_kind(limits, value_range, images.name_of(part))
        elif array.dtype.kind in "iu":
            whole[part] = find_limits(array, storage)
        else:
            raise UserError(
                Text(
                    "{images} has type {dtype}; {accepted}.",
                    images=images.name_of(part),
                    dtype=array.dtype,
                    accepted=ACCEPTED,
                ),
                code="wrong-type",
            )
    if whole:
        low, high = min(low for low, _ in whole.values()), max(high for _, high in whole.values())
        kind = Kind.BYTES
        if value_range is not None or low < 0 or high > 255:
            kind = Kind.DEEP
        elif high <= 1 and not kinds:
            kind = Kind.UNIT
        kinds |= dict.fromkeys(whole, kind)
    if Kind.DEEP in kinds.values() and len(set(kinds.values())) > 1:
        types = ", ".join(f"{part} {array.dtype}" for part, array in images.parts.items())
        raise UserError(
            Text(
                "The splits of {source} have values of different depths ({types}): convert "
                "them to one type.",
                source=images.source,
                types=types,
            ),
            code="wrong-type",
        )
    return kinds


def find_limits(array: np.ndarray, storage: Storage) -> tuple[float, float]:
    """Return the smallest and the largest value; NaN if any value is NaN."""
    blocks = [array[rows] for rows in storage.blocks(array, len(array))]
    with np.errstate(invalid="ignore"):
        low = np.array([block.min() for block in blocks]).min()
        high = np.array([block.max() for block in blocks]).max()
    return float(low), float(high)


def opaque_value(array: np.ndarray, kind: Kind) -> int | None:
    """Return the value of opaque pixels in a channel of transparency; None if it is unknown."""
    if kind is Kind.BYTES:
        return 255
    if kind is Kind.UNIT:
        return 1 if array.dtype.kind == "f" else None
    return 65_535 if array.dtype == np.uint16 else None


def has_alpha(images: NativeImages, kinds: Mapping[str, Kind], storage: Storage) -> bool:
    """Return whether the last of two or four channels is transparency.

    Arrays do not state this. In a channel of transparency most values are those of opaque or of
    clear pixels, some pixels are not clear, and the colours have other values as well.
    """
    extreme = {True: 0, False: 0}
    visible = total = colour_total = 0
    for part, array in images.parts.items():
        opaque = opaque_value(array, kinds[part])
        if array.shape[1] not in (2, 4) or opaque is None or images.deep:
            return False
        for rows in storage.blocks(array, len(array)):
            for is_alpha, block in ((True, array[rows, -1:]), (False, array[rows, :-1])):
                extreme[is_alpha] += int(((block == 0) | (block == opaque)).sum())
            visible += np.count_nonzero(array[rows, -1:])
            total += array[rows, -1:].size
            colour_total += array[rows, :-1].size
    return bool(visible and extreme[True] > total / 2 and extreme[False] < colour_total)


def _float_kind(limits: tuple[float, float], value_range: ValueRange | None, name: str) -> Kind:
    low, high = limits
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UserError(
            Text("{name} has values that are not finite: replace or remove them.", name=name),
            code="not-finite",
        )
    if value_range is not None and (low < 0 or high > 1 or value_range[1] <= 1):
        return Kind.DEEP
    if low >= 0 and high <= 1:
        return Kind.UNIT
    fix = Text("divide them by the largest value that a pixel can have")
    if low >= -OVERSHOOT and high <= 1 + OVERSHOOT:
        fix = Text("clip them with x.clip(0, 1)")
    elif low >= -1 and high <= 1:
        fix = Text("map [-1, 1] to [0, 1] with (x + 1) / 2")
    elif low < 0:
        fix = Text("rescale them to [0, 1]")
    raise UserError(
        Text(
            "{name} has floats from {low:g} to {high:g}, not in [0, 1]: {fix}.",
            name=name,
            low=low,
            high=high,
            fix=fix,
        ),
        code="out-of-range",
    )
