"""Describe sources without images, classes without images, and classes of similar names."""

from collections import defaultdict
from collections.abc import Sequence

from latentarium.data.readers.folder_layout import FolderLayout
from latentarium.data.readers.image_index import folder_of
from latentarium.data.readers.left_out import examples_text
from latentarium.data.readers.listing import IMAGE_SUFFIXES, Listing
from latentarium.errors import UserError
from latentarium.texts import Text

HINTS = {
    ".arrow files": Text(
        "a data set saved by `datasets`: give its name as hf:NAME, or load it with "
        "datasets.load_from_disk and pass it to load_data in Python"
    ),
    ".parquet files": Text(
        "tables: give one of them, or load it with pandas and pass it to load_data"
    ),
    ".npz files": Text("arrays: give one of these files instead of the folder"),
    ".npy files": Text("arrays: give one of these files instead of the folder"),
    ".zip files": Text("archives: give one of them instead of the folder"),
    ".tar files": Text("shards: give one of them instead of the folder"),
    ".gz files": Text("compressed files: decompress them"),
    ".heic files": Text("photos in a format that can't be read: convert them to JPEG"),
}
"""What to do with files that are not images, if a source has no images."""


def no_images(listing: Listing, source: str) -> UserError:
    """Return the error for a source without images (code `no-images`), which names its files."""
    found = [listing.left_out.describe()] if listing.left_out.counts else []
    hint = next((hint for kind, hint in HINTS.items() if kind in listing.left_out.counts), "")
    if hint:
        hint = Text(" These are {files}.", files=hint)
    elif listing.label_files or listing.empty_folders:
        names = [file.name for file in listing.label_files] or listing.empty_folders
        found.append(examples_text(names, len(names)))
    return UserError(
        Text(
            "{source} has no pictures: {found}.{hint} Give a folder or an archive of "
            "pictures with the suffixes {suffixes}.",
            source=source,
            found=found or [Text("it is empty")],
            hint=hint,
            suffixes=sorted(IMAGE_SUFFIXES),
        ),
        code="no-images",
    )


def empty_classes(listing: Listing, layout: FolderLayout) -> list[str]:
    """Return a problem if folders next to the class folders have no images."""
    at = layout.class_depth
    siblings = {
        folder_of(file.name).split("/")[at - 1] if at else ""
        for file in listing.images
        if len(folder_of(file.name).split("/")) > at
    }
    empty = [
        folder
        for folder in listing.empty_folders
        if folder.count("/") == at and (not at or folder.split("/")[at - 1] in siblings)
    ]
    if not empty:
        return []
    count = len(empty)
    return [
        Text(
            "1 folder next to the class folders ({folders}) has no images, so it is not a class."
            if count == 1
            else "{count:,} folders next to the class folders ({folders}) have no images, so they "
            "are not classes.",
            count=count,
            folders=examples_text(empty, count),
        )
    ]


def similar_classes(names: Sequence[str]) -> list[str]:
    """Return a problem for each set of classes whose names differ only in case."""
    similar: dict[str, set[str]] = defaultdict(set)
    for name in set(names):
        similar[name.casefold()].add(name)
    return [
        Text(
            "The classes {names} differ only in case: if they are one class, give them one name.",
            names=sorted(same),
        )
        for same in similar.values()
        if len(same) > 1
    ]
