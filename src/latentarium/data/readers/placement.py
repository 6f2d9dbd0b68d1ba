"""Determine the split and the class of each image of a listing.

The folders of an image state its split and its class; see `folder_layout`. A table that names all
images, such as labels.csv or metadata.jsonl, takes the place of class folders.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from latentarium.data.readers.folder_layout import FolderLayout, layout_of
from latentarium.data.readers.image_index import folder_of
from latentarium.data.readers.label_sources import ImageLabels, find_labels
from latentarium.data.readers.left_out import LeftOut, examples_text
from latentarium.data.readers.listing import IMAGE_SUFFIXES, Listing, SourceFile, natural_key
from latentarium.errors import UserError

HINTS = {
    ".arrow files": "a data set saved by `datasets`: give its name as hf:NAME, or load it with "
    "datasets.load_from_disk and pass it to load_data in Python",
    ".parquet files": "tables: give one of them, or load it with pandas and pass it to load_data",
    ".npz files": "arrays: give one of these files instead of the folder",
    ".npy files": "arrays: give one of these files instead of the folder",
    ".zip files": "archives: give one of them instead of the folder",
    ".tar files": "shards: give one of them instead of the folder",
    ".gz files": "compressed files: decompress them",
    ".heic files": "photos in a format that can't be read: convert them to JPEG",
}
"""What to do with files that are not images, if a source has no images."""
MAX_UNLABELLED_SHARE = 0.5
"""Images without a label in a table are left out up to this share of all images."""


@dataclass(frozen=True, kw_only=True)
class PlacedImages:
    """The images of a source with the split and the class of each.

    Arguments:
        files: The image files, in natural order of their names.
        splits: The split of each file: train, validation or test.
        labels: The class name of each file; empty if the source has no labels.
        classes: The names of the classes, in the order of their numbers.
        notes: Short descriptions of what was changed or left out, and why.
        problems: Sentences on what is doubtful.
    """

    files: tuple[SourceFile, ...]
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def place_images(
    listing: Listing, source: str, *, labels: Path | None = None, label_column: str = ""
) -> PlacedImages:
    """Determine the split and the class of each image.

    Arguments:
        listing: The files of the source.
        source: The name of the source for error messages.
        labels: A table of labels; None to use the tables of the source.
        label_column: The column of labels in the table; "" to find it by its name.

    Raises:
        UserError: There are no images or no training images, only some images have a class, or
            the table in `labels` has no usable labels.
    """
    if not listing.images:
        raise no_images(listing, source)
    left_out = LeftOut()
    left_out.add_all(listing.left_out)
    files = sorted(listing.images, key=lambda file: natural_key(file.name))
    layout = _layout(files)
    for folder, count in layout.left_out.items():
        left_out.add("images outside the splits", folder, count)
    found = find_labels(listing, files, layout.splits, labels, label_column)
    if found.has_shards:
        layout = replace(
            layout, labels=[None] * len(files), notes=[], problems=[], class_problems=[]
        )
    layout, found, problems = _choose_table(files, layout, found)
    kept, names, more = _choose_labels(files, layout, found, source, left_out)
    doubtful = [] if found.labels else layout.class_problems
    problems = [*listing.problems, *layout.problems, *doubtful, *found.problems, *problems, *more]
    splits = [found.splits.get(i) or layout.splits[i] for i in kept]
    kept, splits, names, more = _drop_unlabelled_splits(kept, splits, names, files, left_out)
    problems += more
    if "train" not in splits:
        raise UserError(
            f"{source} has folders for {' and '.join(sorted(set(splits)))}, but no folder named "
            "train: add a folder of training images with this name.",
            code="no-train-split",
        )
    notes = [*listing.notes, *([] if found.labels else layout.notes), *found.notes]
    if names and not found.labels:
        problems += _empty_classes(listing, layout)
    elif listing.empty_folders:
        count = len(listing.empty_folders)
        notes.append(f"folders without images: {examples_text(listing.empty_folders, count)}")
    problems += _similar_classes(names)
    if not names and listing.other_tables and labels is None:
        count = len(listing.other_tables)
        problems.append(
            f"The images have no labels, and {examples_text(listing.other_tables, count)} "
            f"{'is' if count == 1 else 'are'} not read: name the one with the labels with "
            "--labels."
        )
    return PlacedImages(
        files=tuple(files[i] for i in kept),
        splits=tuple(splits),
        labels=tuple(names),
        classes=tuple(sorted(set(names), key=natural_key)),
        notes=(*notes, *left_out.notes()),
        problems=tuple(problems),
    )


def no_images(listing: Listing, source: str) -> UserError:
    """Return the error for a source without images (code `no-images`), which names its files."""
    found = listing.left_out.describe() or "it is empty"
    hint = next((hint for kind, hint in HINTS.items() if kind in listing.left_out.counts), "")
    if hint:
        hint = f" These are {hint}."
    elif listing.label_files or listing.empty_folders:
        names = [file.name for file in listing.label_files] or listing.empty_folders
        found = f"{found}, {examples_text(names, len(names))}".removeprefix("it is empty, ")
    return UserError(
        f"{source} has no pictures: {found}.{hint} Give a folder or an archive of pictures with "
        f"the suffixes {', '.join(sorted(IMAGE_SUFFIXES))}.",
        code="no-images",
    )


def _layout(files: Sequence[SourceFile]) -> FolderLayout:
    """Return the layout of the folders; splits and classes that the source states come first."""
    folders = []
    for file in files:
        parts = PurePosixPath(file.name).parts[:-1]
        folders.append(parts[1:] if file.split else parts)
    stated = [file.split for file in files]
    layout = layout_of(folders)
    if all(stated):
        layout = replace(layout, splits=[split or "" for split in stated])
    if any(file.label is not None for file in files):
        labels = [file.label for file in files]
        layout = replace(layout, labels=labels, notes=[], problems=[], class_problems=[])
    return layout


def _choose_table(
    files: Sequence[SourceFile], layout: FolderLayout, found: ImageLabels
) -> tuple[FolderLayout, ImageLabels, list[str]]:
    """Decide between the labels of a table and those of the folders, and return problems.

    The table is used if it covers all images, or more training images than the folders, or if the
    user names it and it covers training images. Otherwise it may label splits without classes.
    """
    used = [i for i, split in enumerate(layout.splits) if split]
    folders = {layout.labels[i] for i in used}
    if not found.labels or folders == {None}:
        return layout, found, []
    covered = sum(i in found.labels for i in used)
    training = [i for i in used if (found.splits.get(i) or layout.splits[i]) == "train"]
    by_table = sum(i in found.labels for i in training)
    by_folder = sum(layout.labels[i] is not None for i in training)
    enough = by_table > (0 if found.is_named else by_folder)
    if covered < len(used) and by_folder and not enough:
        return _label_other_splits(layout, found, used)
    if any(files[i].label is not None for i in used):
        note = "the labels in the shards are not used"
    else:
        names = sorted((name for name in folders if name is not None), key=natural_key)
        note = f"the folders {examples_text(names, len(names))} are not used as classes"
    return layout, replace(found, notes=(*found.notes, note)), []


def _label_other_splits(
    layout: FolderLayout, found: ImageLabels, used: Sequence[int]
) -> tuple[FolderLayout, ImageLabels, list[str]]:
    """Keep the classes of the folders, and label splits without class folders by the table.

    A split is labelled if the table has labels for all its images, and all of them are classes.
    """
    by_split: dict[str, list[int]] = defaultdict(list)
    for i in used:
        by_split[layout.splits[i]].append(i)
    classes = {layout.labels[i] for i in by_split["train"]}
    labels = list(layout.labels)
    added = []
    for rows in by_split.values():
        stated = {layout.labels[i] for i in rows}
        is_flat = stated == {None} or (len(stated) == 1 and not stated & classes)
        if is_flat and all(found.labels.get(i) in classes for i in rows):
            added += rows
            for i in rows:
                labels[i] = found.labels[i]
    covered = sum(i in found.labels for i in used)
    problems = []
    if covered > len(added):
        problems.append(
            f"{found.source} has labels for only {covered:,} of {len(used):,} images, so the "
            "classes are those of the folders."
        )
    notes = []
    if added:
        notes = [*found.notes, f"{len(added):,} images outside class folders have these labels"]
    rest = ImageLabels(notes=tuple(notes), problems=found.problems)
    return replace(layout, labels=labels), rest, problems


def _choose_labels(
    files: Sequence[SourceFile],
    layout: FolderLayout,
    found: ImageLabels,
    source: str,
    left_out: LeftOut,
) -> tuple[list[int], list[str | None], list[str]]:
    """Return the images to use, the label of each, and problems."""
    kept = [i for i, split in enumerate(layout.splits) if split]
    if not found.labels:
        return kept, [layout.labels[i] for i in kept], []
    missing = [i for i in kept if i not in found.labels]
    # a split whose images are all missing is dropped later, like one without class folders
    by_split = Counter(found.splits.get(i) or layout.splits[i] for i in kept)
    missing_by_split = Counter(found.splits.get(i) or layout.splits[i] for i in missing)
    partly = [
        i
        for i in missing
        if missing_by_split[split := found.splits.get(i) or layout.splits[i]] < by_split[split]
    ]
    total = sum(n for split, n in by_split.items() if missing_by_split[split] < n)
    if len(partly) > MAX_UNLABELLED_SHARE * total:
        raise UserError(
            f"{found.source} has labels for {len(kept) - len(missing):,} of {len(kept):,} images "
            f"in {source}: add rows for the others (such as {files[missing[0]].name}), or leave "
            "the images or the table out.",
            code="missing-labels",
        )
    for i in partly:
        left_out.add(f"images without a label in {found.source}", files[i].name)
    dropped = set(partly)
    problems = []
    if dropped:
        problems.append(
            f"{len(dropped):,} of {len(kept):,} images have no label in {found.source}, so they "
            f"are left out, such as {files[partly[0]].name}."
        )
    kept = [i for i in kept if i not in dropped]
    return kept, [found.labels.get(i) for i in kept], problems


def _drop_unlabelled_splits(
    kept: list[int],
    splits: list[str],
    names: list[str | None],
    files: Sequence[SourceFile],
    left_out: LeftOut,
) -> tuple[list[int], list[str], list[str], list[str]]:
    """Leave out splits without labels if the training images have labels.

    Returns:
        The images that are kept, the split and the label of each, and problems.

    Raises:
        UserError: Only some images of a split have a label.
    """
    problems: list[str] = []
    by_split: dict[str, list[str | None]] = defaultdict(list)
    for split, name in zip(splits, names, strict=True):
        by_split[split].append(name)
    train = {name for name in by_split.get("train", []) if name is not None}
    dropped = set()
    for split, labels in by_split.items():
        counts = Counter(labels)
        if split != "train" and len(train) > 1 and len(counts) == 1 and not set(counts) <= train:
            dropped.add(split)  # no class, or one folder such as test/images or test/unknown
    if not train and "train" in by_split and any(any(labels) for labels in by_split.values()):
        problems.append(
            "The training images have no labels, so the labels of the other splits are not used."
        )
        names = [None] * len(names)
    for split in sorted(dropped):
        count = len(by_split[split])
        i = splits.index(split)
        left_out.add(f"unlabelled {split} images", files[kept[i]].name, count)
        problems.append(
            f"The {count:,} images of the {split} split have no labels, unlike the training "
            "images, so they are left out."
        )
    rest = [(i, s, n) for i, s, n in zip(kept, splits, names, strict=True) if s not in dropped]
    without = [files[i].name for i, _, name in rest if name is None]
    if 0 < len(without) < len(rest):
        raise UserError(
            f"{len(without):,} of {len(rest):,} images have no class, such as {without[0]}: move "
            "them into a class folder, or remove them.",
            code="missing-labels",
        )
    labels = [name for _, _, name in rest if name is not None]
    return [i for i, _, _ in rest], [s for _, s, _ in rest], labels, problems


def _empty_classes(listing: Listing, layout: FolderLayout) -> list[str]:
    """Return a problem if folders next to the class folders have no images."""
    at = layout.class_depth
    beside = {
        folder_of(file.name).split("/")[at - 1] if at else ""
        for file in listing.images
        if len(folder_of(file.name).split("/")) > at
    }
    empty = [
        folder
        for folder in listing.empty_folders
        if folder.count("/") == at and (not at or folder.split("/")[at - 1] in beside)
    ]
    if not empty:
        return []
    count = len(empty)
    return [
        f"{count:,} {'folder' if count == 1 else 'folders'} next to the class folders "
        f"({examples_text(empty, count)}) {'has' if count == 1 else 'have'} no images, so "
        f"{'it is not a class' if count == 1 else 'they are not classes'}."
    ]


def _similar_classes(names: Sequence[str]) -> list[str]:
    """Return a problem for each set of classes whose names differ only in case."""
    similar: dict[str, set[str]] = defaultdict(set)
    for name in set(names):
        similar[name.casefold()].add(name)
    return [
        f"The classes {' and '.join(sorted(same))} differ only in case: if they are one class, "
        "give them one name."
        for same in similar.values()
        if len(same) > 1
    ]
