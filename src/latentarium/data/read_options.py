"""Options of `load_data` that every reader takes."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from latentarium.data.arrays import MIN_SIDE, SPLIT_NAMES
from latentarium.errors import UserError

IMAGE_KEYS = {"images", "image", "img", "imgs", "x", "pixels"}
LABEL_KEYS = {"labels", "label", "y", "targets", "target"}
IMAGE_COLUMNS = IMAGE_KEYS | {
    "pixel_values", "picture", "pictures", "photo", "photos", "path", "paths", "file", "files",
    "filename", "file_name", "filepath", "file_path", "image_path", "img_path", "image_file",
    "image_bytes", "bytes", "jpg", "png",
}  # fmt: skip
"""Names of columns of images or of their paths, in lower case."""
LABEL_COLUMNS = LABEL_KEYS | {
    "class", "classes", "class_name", "classname", "label_name", "category", "class_id",
    "label_id", "fine_label",
}  # fmt: skip
"""Names of columns of labels, in lower case."""
MAX_SIDE = 8192
"""Largest height and width that images can be fitted to, in pixels."""
ROLES = {"images": IMAGE_KEYS, "labels": LABEL_KEYS}
"""The words for images and for labels in the keys of arrays."""


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How to read a source; see `load_data`.

    Arguments:
        labels: The labels, or the path of a file of labels; None for those of the source.
        label_column: The column of a table that contains the labels; "" to find it by its name.
        size: Height and width, in pixels, to which all images are fitted. 0 keeps the size of the
            images if all have the same size.
        keys: The name of an array or a column by what it contains: "images" or "labels", in a
            source with splits with the split, such as "test_images".
        value_range: The values that become 0 and 255, if images have more than 8 bits per value;
            None for those of the training images.

    Raises:
        UserError: `size` is out of range (code `invalid-size`), `value_range` is not a range
            (`invalid-range`), `labels` is an empty text (`empty-labels`), `label_column` is not a
            name (`invalid-column`), or a key does not state what it contains (`invalid-keys`).
    """

    labels: object = None
    label_column: str = ""
    size: int = 0
    keys: Mapping[str, str] = field(default_factory=dict)
    value_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.size, int | np.integer) or isinstance(self.size, bool):
            raise UserError(
                f"The size (--image-size) is {self.size!r}; it must be a whole number of pixels.",
                code="invalid-size",
            )
        if self.value_range is not None:
            _require_range(self.value_range)
        if self.size and not MIN_SIDE <= self.size <= MAX_SIDE:
            raise UserError(
                f"The size (--image-size) is {self.size}; it must be from {MIN_SIDE} to "
                f"{MAX_SIDE}, or 0 to keep the images' size.",
                code="invalid-size",
            )
        if isinstance(self.labels, str) and not self.labels.strip():
            raise UserError(
                "The option --labels is empty (an empty shell variable?): give the path of a file "
                "of labels, or leave it out.",
                code="empty-labels",
            )
        if not isinstance(self.label_column, str):
            raise UserError(
                f"The label column is {self.label_column!r}; it must be the name of a column.",
                code="invalid-column",
            )
        for role in self.keys:
            if role_of(role) is None:
                raise UserError(
                    f"--keys has {role!r}, which is neither images nor labels: give for example "
                    "images=data,labels=t, or train_images=data for a split.",
                    code="invalid-keys",
                )


def _require_range(value_range: object) -> None:
    try:
        low, high = map(float, value_range)  # pyright: ignore[reportArgumentType]
        valid = math.isfinite(low) and math.isfinite(high) and low <= high
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise UserError(
            f"value_range is {value_range!r}; it must be a smallest and a largest value, such as "
            "(0, 4095).",
            code="invalid-range",
        )


def parse_keys(keys: Mapping[str, str] | str) -> dict[str, str]:
    """Return the names of arrays by what they contain.

    Arguments:
        keys: Such a mapping, or a text such as "images=data,labels=t".

    Raises:
        UserError: The text has another form (code `invalid-keys`).
    """
    if isinstance(keys, Mapping):
        return {str(role): str(name) for role, name in keys.items()}
    if not isinstance(keys, str):
        raise UserError(
            f"keys is {keys!r}; it must be a dict such as {{'images': 'data', 'labels': 't'}}.",
            code="invalid-keys",
        )
    pairs = [part.partition("=") for part in keys.split(",") if part.strip()]
    for role, equals, name in pairs:
        if not (role.strip() and equals and name.strip()):
            raise UserError(
                f"--keys is {keys!r}; it must have the form images=data,labels=t.",
                code="invalid-keys",
            )
    return {role.strip(): name.strip() for role, _, name in pairs}


def role_of(key: str) -> tuple[str, str] | None:
    """Return the split and the role, "images" or "labels", that a key states.

    Arguments:
        key: A key such as "images", "x_train" or "test_labels".

    Returns:
        The split is "" if the key states none. None if the key states no role, or several.
    """
    words = [word for word in re.split(r"[_\W]+", key.lower()) if word]
    splits = {SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES}
    rest = {word for word in words if word not in SPLIT_NAMES}
    if len(rest) != 1 or len(splits) > 1:
        return None
    for role, names in ROLES.items():
        if rest <= names:
            return next(iter(splits), ""), role
    return None


def require_no_labels(options: ReadOptions, source: str) -> None:
    """Check that no option for labels is given.

    Raises:
        UserError: One is given (code `unexpected-labels`).
    """
    given = "--labels" if options.labels is not None else "--label-column"
    if options.labels is not None or options.label_column:
        raise UserError(
            f"{given} can't be used with {source}: leave it out.",
            code="unexpected-labels",
        )
    require_no_keys(options, source)


def require_no_keys(options: ReadOptions, source: str) -> None:
    """Check that no names of arrays are given.

    Raises:
        UserError: Some are given (code `unexpected-keys`).
    """
    if options.keys:
        raise UserError(
            f"{source} has no named arrays: leave --keys out, in Python `keys`.",
            code="unexpected-keys",
        )
