"""Keys of the files in a shard: which image and which label belong together.

The key of a file is its path up to the first dot of the file's name, as in WebDataset. If names
contain dots, such as 22.05.png and 22.05.cls, the key ends at the last dot instead.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

from latentarium.data.readers.left_out import LeftOut
from latentarium.data.readers.tables import LABEL_COLUMNS, TableError, to_label

CLASS_SUFFIXES = {".cls", ".label", ".class"}
LABEL_SUFFIXES = CLASS_SUFFIXES | {".json"}
MAIN_IMAGES = ("", "image", "img", "picture", "photo", "input", "rgb", "color", "jpg", "png")
"""What an image that is preferred to others of the same key is called, in order of preference:
`KEY.png`, then `KEY.image.png` and so on, then the first by name."""


class KeyedFile(NamedTuple):
    """A file in a shard: its name, its offset and its size in bytes."""

    name: str
    start: int
    size: int


@dataclass(frozen=True, kw_only=True)
class ShardLabels:
    """The labels in a shard.

    Arguments:
        kind: The suffix of the files that contain the labels.
        labels: The label of each image by the image's name; empty if there are none. Bytes that
            are not UTF-8 are surrogates.
        notes: Short descriptions of what is not used.
        problems: Sentences on what is doubtful.
    """

    kind: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def keys_of(images: Sequence[KeyedFile], labels: Sequence[KeyedFile]) -> dict[str, str]:
    """Return the key of each image and of each label file, by the file's name."""
    first = {file.name: _until_dot(file.name, last=False) for file in (*images, *labels)}
    last = {file.name: _until_dot(file.name, last=True) for file in (*images, *labels)}
    if first == last:
        return first
    several_labels = any(
        count > 1
        for count in Counter(
            (first[file.name], PurePosixPath(file.name).suffix.lower()) for file in labels
        ).values()
    )
    if several_labels:  # 22.05.cls and 22.06.cls
        return last
    by_key = defaultdict(set)
    for file in images:
        by_key[first[file.name]].add(_middle(file.name, first[file.name]))
    shared = [middles for middles in by_key.values() if len(middles) > 1]
    if labels or not shared:
        return first
    # pictures of one key, such as left and right, have the same kinds everywhere
    kinds = {middle for middles in shared for middle in middles}
    named = all(not middle or middle[0].isalpha() for middle in kinds)
    return first if named and len(kinds) <= 2 * max(map(len, shared)) else last


def choose_images(
    images: Sequence[KeyedFile], keys: dict[str, str], left_out: LeftOut
) -> list[KeyedFile]:
    """Return one image for each key, and count the others."""
    by_key: dict[str, list[KeyedFile]] = defaultdict(list)
    for file in images:
        by_key[keys[file.name]].append(file)
    chosen = []
    for key, files in by_key.items():
        files.sort(key=lambda file: (_preference(_middle(file.name, key)), file.name))
        chosen.append(files[0])
        for file in files[1:]:
            left_out.add("further images of a key", file.name)
    return chosen


def read_labels(
    images: Sequence[KeyedFile],
    files: Sequence[KeyedFile],
    keys: dict[str, str],
    column: str,
    read: Callable[[KeyedFile], bytes],
    left_out: LeftOut,
) -> ShardLabels:
    """Read the labels of the images.

    Labels in .cls files are used, or else those in .json files.

    Arguments:
        images: The images.
        files: The files that may contain labels.
        keys: The key of each file by its name.
        column: The key of the label in .json files; "" for the usual ones.
        read: Function that returns the content of a file.
        left_out: Counts the files that are not used.
    """
    names = {keys[file.name]: file.name for file in images}
    found: dict[str, dict[str, str]] = {}
    problems: list[str] = []
    unread = []
    for file in files:
        image = names.get(keys[file.name])
        suffix = PurePosixPath(file.name).suffix.lower()
        if image is None:
            left_out.add(f"{suffix} files without an image", file.name)
            continue
        try:
            label = _json_label(read(file), column) if suffix == ".json" else _text(read(file))
        except TableError as error:
            problems.append(f"The labels in {suffix} files are not used: {error}")
            unread.append(file)
            continue
        if label:
            found.setdefault(suffix, {})[image] = label
        elif suffix == ".json":
            left_out.add(".json files without a label", file.name)
    for file in unread:
        left_out.add("label files that can't be used", file.name)
    if unread:
        found.pop(".json", None)
    kinds = sorted(found, key=lambda suffix: (suffix == ".json", suffix))
    if column and ".json" in found:
        kinds.sort(key=lambda suffix: suffix != ".json")
    if not kinds:
        return ShardLabels(problems=problems[:1])
    notes = [f"labels: from the {kinds[0]} files"]
    notes += [f"the labels in the {kind} files are not used" for kind in kinds[1:]]
    return ShardLabels(kind=kinds[0], labels=found[kinds[0]], notes=notes, problems=problems[:1])


def _text(content: bytes) -> str:
    return content.decode("utf-8-sig", "surrogateescape").strip()


def _json_label(content: bytes, column: str) -> str | None:
    """Return the label in a .json file; None if it has none.

    Raises:
        TableError: The content is not JSON, or the label is not a single class.
    """
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        raise TableError("not all of them are JSON.") from None
    if not isinstance(values, dict):
        return to_label(values) if isinstance(values, str | int) else None
    names = {str(name).lower(): name for name in values}
    for name in [column] if column else LABEL_COLUMNS:
        if name in values or name.lower() in names:
            return to_label(values.get(name, values.get(names.get(name.lower(), ""))))
    return None


def _until_dot(name: str, *, last: bool) -> str:
    folder, slash, name = name.rpartition("/")
    base = name.rpartition(".")[0] if last else name.partition(".")[0]
    return f"{folder}{slash}{base}"


def _middle(name: str, key: str) -> str:
    """Return what is between the key and the suffix: "seg" in KEY.seg.png."""
    return name[len(key) + 1 :].rpartition(".")[0].lower()


def _preference(middle: str) -> tuple[int, str]:
    rank = MAIN_IMAGES.index(middle) if middle in MAIN_IMAGES else len(MAIN_IMAGES)
    return rank, middle
