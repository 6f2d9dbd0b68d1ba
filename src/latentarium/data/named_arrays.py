"""Find images and labels among named arrays, such as those of a .npz file or a dict."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from latentarium.data.read_options import ReadOptions, role_of
from latentarium.errors import UserError

CLASS_KEYS = {"classes", "class_names", "classnames", "label_names", "target_names"}
"""Keys of the names of the classes."""
SPLITS_OF_PARTS: dict[int, tuple[str, ...]] = {
    1: ("train",), 2: ("train", "test"), 3: ("train", "validation", "test"),
}  # fmt: skip
"""The splits that unnamed parts are, by their number."""

Shapes = Mapping[str, tuple[int, ...] | None]
"""Shapes by key; None for a value that is not an array."""


@dataclass(frozen=True, kw_only=True)
class NamedArrays:
    """The keys of images and labels.

    Arguments:
        images, labels: Keys by split.
        classes: The key of the names of the classes; None if there is none.
        notes: What was assumed or left out.
    """

    images: dict[str, str]
    labels: dict[str, str]
    classes: str | None
    notes: tuple[str, ...]


def select_arrays(shapes: Shapes, options: ReadOptions, source: str) -> NamedArrays:
    """Find the images and labels among named arrays.

    Keys such as images, x, x_train and test_labels are known; other keys are given in
    `options.keys`. A single array that may contain images needs no known key.

    Raises:
        UserError: There are no images under a known key, or a given key does not exist (code
            `unknown-keys`), or two keys state the same (`duplicate-arrays`).
    """
    roles = {key: role for key in shapes if (role := role_of(key)) is not None}
    found: dict[str, dict[str, str]] = {"images": {}, "labels": {}}
    for given, key in options.keys.items():
        if key not in shapes:
            raise UserError(
                f"{source} has no array {key!r} (it has {_describe(shapes)}): correct the "
                "argument `keys`.",
                code="unknown-keys",
            )
        split, role = role_of(given) or ("", "")
        found[role][split or "train"] = key
    if not options.keys and (positional := _positional(shapes)) is not None:
        return positional
    chosen = {*found["images"].values(), *found["labels"].values()}
    given_roles = {role for role, keys in found.items() if keys}
    for key, (split, role) in roles.items():
        if role in given_roles or key in chosen:
            continue
        if (split or "train") in found[role]:
            raise UserError(
                f"{source} has two arrays of the same kind for the split {split or 'train'} (keys "
                f"{', '.join(shapes)}): choose with images=KEY,labels=KEY in `keys`.",
                code="duplicate-arrays",
            )
        found[role][split or "train"] = key
    images, labels, notes = found["images"], found["labels"], []
    if "train" not in images:
        single = _single_array(shapes, labels)
        if single is None or images:
            raise _unknown_keys(shapes, source)
        images["train"] = single
        notes.append(f"the images are the array {single!r}, the only one with their shape")
    if not set(labels) <= set(images):
        raise _unknown_keys(shapes, source)
    count = shapes[images["train"]]
    classes = next(
        (
            key
            for key, shape in shapes.items()
            if key.lower() in CLASS_KEYS and labels and key not in labels.values()
            and shape is not None and len(shape) == 1 and count and shape[0] != count[0]
        ),
        None,
    )  # fmt: skip
    used = {*images.values(), *labels.values(), classes}
    unused = {key: shape for key, shape in shapes.items() if key not in used}
    if unused:
        notes.append(f"not used: {_describe(unused)}")
    return NamedArrays(images=images, labels=labels, classes=classes, notes=tuple(notes))


def _positional(shapes: Shapes) -> NamedArrays | None:
    """Pair the arrays of `numpy.savez(file, x, y, ...)`, which have no names of their own."""
    if len(shapes) < 2 or not all(re.fullmatch(r"arr_\d+", key) for key in shapes):
        return None
    images = [key for key, shape in shapes.items() if shape is not None and len(shape) >= 3]
    labels = [key for key in shapes if key not in images]
    if len(images) not in SPLITS_OF_PARTS or len(labels) not in (0, len(images)):
        return None
    pairs = list(zip(images, labels, strict=False))
    if any((shapes[x] or (0,))[0] != (shapes[y] or (-1,))[0] for x, y in pairs):
        return None
    splits = SPLITS_OF_PARTS[len(images)]
    note = f"arrays without names, read in order as images and labels of {' and '.join(splits)}"
    return NamedArrays(
        images=dict(zip(splits, images, strict=True)),
        labels=dict(zip(splits, labels, strict=False)),
        classes=None,
        notes=(note,),
    )


def _single_array(shapes: Shapes, labels: Mapping[str, str]) -> str | None:
    """Return the only array that may contain images; None if arrays that may be labels remain."""
    candidates = [key for key, shape in shapes.items() if shape and len(shape) in (3, 4)]
    if len(candidates) != 1:
        return None
    count = (shapes[candidates[0]] or (0,))[0]
    rest = [key for key in shapes if key not in (candidates[0], *labels.values())]
    maybe_labels = [key for key in rest if _may_be_labels(shapes[key], count)]
    return candidates[0] if labels or not maybe_labels else None


def _may_be_labels(shape: tuple[int, ...] | None, count: int) -> bool:
    return bool(shape) and len(shape) in (1, 2) and shape[0] == count


def _unknown_keys(shapes: Shapes, source: str) -> UserError:
    """Return the error with the option to give, as far as it can be guessed."""
    images = [key for key, shape in shapes.items() if shape and len(shape) in (3, 4)]
    images.sort(key=lambda key: -(shapes[key] or (0,))[0])
    best = images[0] if images else "KEY"
    count = (shapes.get(best) or (0,))[0]
    labels = [key for key in shapes if images and _may_be_labels(shapes[key], count)]
    option = f"images={best}" + (f",labels={labels[0]}" if labels else "")
    sizes = ", ".join(_size(shape) for shape in shapes.values())
    return UserError(
        f"{source} has the keys {', '.join(shapes) or 'none'}"
        f"{f' (shapes {sizes})' if shapes else ''}, which don't state which array contains the "
        f"images: give --keys {option}, in Python keys={option!r}.",
        code="unknown-keys",
    )


def _describe(shapes: Shapes) -> str:
    parts = [f"{key} ({_size(shape)})" for key, shape in shapes.items()]
    return ", ".join(parts[:8]) + (f" and {len(parts) - 8} more" if len(parts) > 8 else "")


def _size(shape: Sequence[int] | None) -> str:
    if shape is None:
        return "no array"
    return " x ".join(map(str, shape)) if shape else "a single value"
