"""Determine the split and the class of each image of a listing.

The folders of an image state its split and its class; see `folder_layout`. A table that names all
images, such as labels.csv or metadata.jsonl, takes the place of class folders.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from latentarium.data.readers.folder_layout import FolderLayout, layout_of
from latentarium.data.readers.label_sources import ImageLabels, find_labels
from latentarium.data.readers.left_out import LeftOut, examples_text
from latentarium.data.readers.listing import Listing, SourceFile, natural_key
from latentarium.data.readers.missing_images import (
    empty_classes,
    no_images,
    similar_classes,
)
from latentarium.errors import UserError
from latentarium.texts import Text

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
        left_out.add(Text("images outside the splits"), folder, count)
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
            Text(
                "{source} has folders for {splits}, but no folder named train: add a "
                "folder of training images with this name.",
                source=source,
                splits=sorted(set(splits)),
            ),
            code="no-train-split",
        )
    notes = [*listing.notes, *([] if found.labels else layout.notes), *found.notes]
    if names and not found.labels:
        problems += empty_classes(listing, layout)
    elif listing.empty_folders:
        count = len(listing.empty_folders)
        notes.append(
            Text(
                "folders without images: {folders}",
                folders=examples_text(listing.empty_folders, count),
            )
        )
    problems += similar_classes(names)
    if not names and listing.other_tables and labels is None:
        count = len(listing.other_tables)
        problems.append(
            Text(
                "The images have no labels, and {tables} is not read: name it with --labels."
                if count == 1
                else "The images have no labels, and {tables} are not read: name the one with "
                "the labels with --labels.",
                tables=examples_text(listing.other_tables, count),
            )
        )
    return PlacedImages(
        files=tuple(files[i] for i in kept),
        splits=tuple(splits),
        labels=tuple(names),
        classes=tuple(sorted(set(names), key=natural_key)),
        notes=(*notes, *left_out.notes()),
        problems=tuple(problems),
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
        note = Text("the labels in the shards are not used")
    else:
        names = sorted((name for name in folders if name is not None), key=natural_key)
        note = Text(
            "the folders {names} are not used as classes", names=examples_text(names, len(names))
        )
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
            Text(
                "{table} has labels for only {count:,} of {total:,} images, so the classes are "
                "those of the folders.",
                table=found.source,
                count=covered,
                total=len(used),
            )
        )
    notes = []
    if added:
        note = Text("{count:,} images outside class folders have these labels", count=len(added))
        notes = [*found.notes, note]
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
            Text(
                "{table} has labels for {count:,} of {total:,} images in {source}: add rows for "
                "the others (such as {name}), or leave the images or the table out.",
                table=found.source,
                count=len(kept) - len(missing),
                total=len(kept),
                source=source,
                name=files[missing[0]].name,
            ),
            code="missing-labels",
        )
    for i in partly:
        left_out.add(Text("images without a label in {table}", table=found.source), files[i].name)
    dropped = set(partly)
    problems = []
    if dropped:
        problems.append(
            Text(
                "{count:,} of {total:,} images have no label in {table}, so they are left out, "
                "such as {name}.",
                count=len(dropped),
                total=len(kept),
                table=found.source,
                name=files[partly[0]].name,
            )
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
            Text(
                "The training images have no labels, so the labels of the other splits are not "
                "used."
            )
        )
        names = [None] * len(names)
    for split in sorted(dropped):
        count = len(by_split[split])
        i = splits.index(split)
        left_out.add(Text("unlabelled {split} images", split=split), files[kept[i]].name, count)
        problems.append(
            Text(
                "The {count:,} images of the {split} split have no labels, unlike the training "
                "images, so they are left out.",
                count=count,
                split=split,
            )
        )
    rest = [(i, s, n) for i, s, n in zip(kept, splits, names, strict=True) if s not in dropped]
    without = [files[i].name for i, _, name in rest if name is None]
    if 0 < len(without) < len(rest):
        raise UserError(
            Text(
                "{count:,} of {total:,} images have no class, such as {name}: move them into a "
                "class folder, or remove them.",
                count=len(without),
                total=len(rest),
                name=without[0],
            ),
            code="missing-labels",
        )
    labels = [name for _, _, name in rest if name is not None]
    return [i for i, _, _ in rest], [s for _, s, _ in rest], labels, problems
