"""Determine the split and the class of each image of a listing.

    photos/a.png                 no labels
    photos/cats/a.png            classes cats, ...
    photos/train/cats/a.png      splits train, ..., with or without classes

Outer folders that all files share are ignored.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from latentarium.data.arrays import SPLIT_NAMES
from latentarium.data.readers.listing import IMAGE_SUFFIXES, Listing, SourceFile, natural_key
from latentarium.errors import UserError


@dataclass(frozen=True, kw_only=True)
class PlacedImages:
    """The images of a source with the split and the class of each.

    Arguments:
        files: The image files, in natural order of their names.
        splits: The split of each file: train, validation or test.
        labels: The class name of each file; empty if the source has no labels.
        classes: The names of the classes, in the order of their numbers.
        notes: Short descriptions of what was left out, and why.
    """

    files: tuple[SourceFile, ...]
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()


def place_images(listing: Listing, source: str) -> PlacedImages:
    """Determine the split and the class of each image.

    Arguments:
        listing: The files of the source.
        source: The name of the source for error messages.

    Raises:
        UserError: There are no images, or only some of them have a class.
    """
    if not listing.images:
        raise UserError(
            f"{source} has no image files (suffixes {', '.join(sorted(IMAGE_SUFFIXES))}): give a "
            "folder or an archive of images.",
            code="no-images",
        )
    files = sorted(listing.images, key=lambda file: natural_key(file.name))
    places = _splits_and_classes(file.name for file in files)
    labels = [label for _, label in places]
    _require_all_or_no_classes(labels, source)
    names = [label for label in labels if label is not None]
    return PlacedImages(
        files=tuple(files),
        splits=tuple(split for split, _ in places),
        labels=tuple(names),
        classes=tuple(sorted(set(names), key=natural_key)),
        notes=listing.notes,
    )


def _splits_and_classes(names: Iterable[str]) -> list[tuple[str, str | None]]:
    """Return the split and the class of each file, from the names of its folders.

    Outer folders that all files share are ignored. The first folder after them is the split if all
    files have the name of a split there; otherwise it is the class.
    """
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    while True:
        outer = {f[0] if f else "" for f in folders}
        if all(name.lower() in SPLIT_NAMES for name in outer):
            splits = [SPLIT_NAMES[f[0].lower()] for f in folders]
            return [
                (split, f[1] if len(f) > 1 else None)
                for split, f in zip(splits, folders, strict=True)
            ]
        if len(outer) > 1 or "" in outer:
            return [("train", f[0] if f else None) for f in folders]
        folders = [f[1:] for f in folders]


def _require_all_or_no_classes(labels: Sequence[str | None], source: str) -> None:
    without = sum(label is None for label in labels)
    if 0 < without < len(labels):
        raise UserError(
            f"{source} has {without:,} images outside its class folders: move them into a class "
            "folder, or remove them.",
            code="missing-labels",
        )
