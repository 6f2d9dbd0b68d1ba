"""Determine the split and the class of each image from the names of its folders.

photos/a.png                 no labels
photos/cats/a.png            classes cats, ...
photos/train/cats/a.png      splits train, ..., with or without classes
photos/cats/train/a.png      the same
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from latentarium.data.arrays import SPLIT_NAMES
from latentarium.data.readers.left_out import examples_text
from latentarium.texts import Text

IMAGE_FOLDERS = {"image", "images", "imgs", "jpegimages", "pictures", "photos"}
"""Names of folders, in lower case, that say what they contain but are hardly a class."""


@dataclass(frozen=True, kw_only=True)
class FolderLayout:
    """What the folders of images state.

    Arguments:
        splits: The split of each image; "" for an image that is left out.
        labels: The class of each image; None if its folders state none.
        class_depth: Number of folders above a class folder; -1 if there are no class folders.
        left_out: Names of the folders whose images are left out, with the number of images.
        notes: Short descriptions of how the folders are read.
        problems: Sentences on what is doubtful.
        class_problems: The same, on the names of the classes.
    """

    splits: list[str]
    labels: list[str | None]
    class_depth: int
    left_out: dict[str, int]
    notes: list[str]
    problems: list[str]
    class_problems: list[str]


def layout_of(folders: Sequence[tuple[str, ...]]) -> FolderLayout:
    """Determine the split and the class of each image.

    Outer folders that all images share are ignored. The first folder after them is the split if
    folders there have the names of splits; otherwise it is the class.

    Arguments:
        folders: The names of the folders of each image, from the outermost.
    """
    depth = _shared_depth(folders)
    rest = [f[depth:] for f in folders]
    outer = [f[0] if f else "" for f in rest]
    names = {name for name in outer if name.lower() in SPLIT_NAMES}
    if names and (names == set(outer) or _are_splits(names, rest)):
        return _with_splits(rest, outer, names, depth)
    inner = {f[1] if len(f) > 1 else "" for f in rest}
    inner_splits = {SPLIT_NAMES.get(name.lower()) for name in inner}
    if len(inner_splits) > 1 and "train" in inner_splits and None not in inner_splits:
        turned = [(f[1], f[0], *f[2:]) for f in rest]  # cats/train/a.png
        return _with_splits(turned, [f[0] for f in turned], inner, -1)
    problems = []
    if names:
        others = sorted(set(outer) - names - {""})
        problems.append(
            Text(
                "The folder {names} has the name of a split, but is read as a class, like the "
                "folders {others}: rename it if this is wrong."
                if len(names) == 1
                else "The folders {names} have the names of splits, but are read as classes, like "
                "the folders {others}: rename them if this is wrong.",
                names=sorted(names),
                others=examples_text(others, len(others)),
            )
        )
    labels = [name or None for name in outer]
    return FolderLayout(
        splits=["train"] * len(rest),
        labels=labels,
        class_depth=depth if any(labels) else -1,
        left_out={},
        notes=_deeper_folders(rest, 1) if any(labels) else [],
        problems=problems,
        class_problems=[] if names else _doubtful_classes(labels),
    )


def _doubtful_classes(labels: Sequence[str | None]) -> list[str]:
    """Return problems of classes whose names look like splits, or like images and their masks."""
    classes = {label for label in labels if label}
    like_splits = {name: split for name in classes if (split := _like_split(name))}
    problems = []
    if "train" in like_splits.values() and len(set(like_splits.values())) > 1:
        problems.append(
            Text(
                "The folders {names} are read as classes, but look like splits: rename them to "
                "train, validation and test if they are.",
                names=sorted(like_splits),
            )
        )
    images = {name for name in classes if name.lower() in IMAGE_FOLDERS}
    if images and images != classes:
        problems.append(
            Text(
                "The folders {classes} are read as classes: if some of them contain masks "
                "or other annotations, move these out of the source.",
                classes=examples_text(sorted(classes), len(classes)),
            )
        )
    return problems


def _like_split(name: str) -> str:
    """Return the split that a name such as test_set, train2017 or trainA starts with; or ""."""
    for word, split in SPLIT_NAMES.items():
        rest = name[len(word) :]
        if name.lower().startswith(word) and not rest[:1].islower():
            return split
    return ""


def _with_splits(
    rest: list[tuple[str, ...]], outer: list[str], names: set[str], depth: int
) -> FolderLayout:
    """Return a layout whose outer folders are splits; images in other folders are left out."""
    splits = [SPLIT_NAMES[name.lower()] if name in names else "" for name in outer]
    left_out = dict(Counter(name or "no folder" for name in outer if name not in names))
    inside = [f[1:] if split else None for f, split in zip(rest, splits, strict=True)]
    used = [f for f in inside if f is not None]
    shared = _shared_depth(used, deepest=1)
    labels = [f[shared] if f is not None and len(f) > shared else None for f in inside]
    problems = []
    if left_out:
        listed = [
            Text(
                "{name} (1 image)" if count == 1 else "{name} ({count:,} images)",
                name=name,
                count=count,
            )
            for name, count in left_out.items()
        ]
        problems.append(
            Text(
                "Only the folders {names} are read, since they are splits. Left out: "
                "{listed}. Move these images into a split to use them.",
                names=sorted(names),
                listed=listed,
            )
        )
    spellings = defaultdict(set)
    for name in names:
        spellings[SPLIT_NAMES[name.lower()]].add(name)
    for split, same in spellings.items():
        if len(same) > 1:
            problems.append(
                Text(
                    "The folders {names} are all read as the {split} split.",
                    names=sorted(same),
                    split=split,
                )
            )
    labelled = any(label is not None for label in labels)
    return FolderLayout(
        splits=splits,
        labels=labels,
        class_depth=depth + 1 + shared if labelled and depth >= 0 else -1,
        left_out=left_out,
        notes=_deeper_folders([f[shared:] for f in used], 1) if labelled else [],
        problems=problems,
        class_problems=_doubtful_classes(labels),
    )


def _shared_depth(folders: Sequence[tuple[str, ...]], deepest: int = 0) -> int:
    """Return the number of outer folders that all images share.

    Arguments:
        folders: The folders of each image.
        deepest: Number of folders of each image that are not counted.
    """
    depth = 0
    while folders:
        outer = {f[depth] if len(f) > depth + deepest else "" for f in folders}
        name = next(iter(outer))
        if len(outer) > 1 or not name or name.lower() in SPLIT_NAMES:
            break
        depth += 1
    return depth


def _are_splits(names: set[str], rest: Sequence[tuple[str, ...]]) -> bool:
    """Return whether folders with names of splits are splits although other folders exist.

    They are if there is a training split and another one, or if the training folder alone has
    class folders that the other folders lack: folders named bus, car and train are classes.
    """
    splits = {SPLIT_NAMES[name.lower()] for name in names}
    if "train" not in splits or len(splits) > 1:
        return len(splits) > 1
    inner = defaultdict(set)
    for f in rest:
        is_train = bool(f) and f[0] in names
        inner[is_train].add(f[1] if len(f) > 1 else "")
    return len(inner[True]) > 1 and "" not in inner[True] and not inner[True] & inner[False]


def _deeper_folders(rest: Sequence[tuple[str, ...]], depth: int) -> list[str]:
    """Return a note on the images in sub-folders of class folders."""
    deeper = ["/".join(f[: depth + 1]) for f in rest if len(f) > depth]
    if not deeper:
        return []
    listed = sorted(set(deeper))
    return [
        Text(
            "{count:,} images are in sub-folders of class folders ({folders}), and belong to the "
            "outer folder's class",
            count=len(deeper),
            folders=examples_text(listed, len(listed)),
        )
    ]
