"""What would be loaded from a source, and what is wrong with it."""

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Any

import torch

from latentarium.data.dataset import Data, Split
from latentarium.data.sources import load_data

FEW_IN_CLASS = 20
UNBALANCED = 10


@dataclass(frozen=True, kw_only=True)
class Report:
    """What `check` found.

    Arguments:
        source: The data card's name.
        fingerprint: sha256 over pixels and labels.
        image_shape: Channels, height, width.
        dtype: Of the images as stored.
        range: Smallest and largest stored value.
        counts: Images by split.
        class_counts: By split, images by class name; empty where there are no labels.
        duplicates: Training images equal, pixel for pixel, to an earlier training image.
        leaked: Held-out images that are also training images, by split.
        constant: Images of one single value, by split.
        notes: What was done to the images on the way, or left out.
        problems: What is wrong, one sentence each.
    """

    source: str
    fingerprint: str
    image_shape: tuple[int, int, int]
    dtype: str
    range: tuple[float, float]
    counts: dict[str, int]
    class_counts: dict[str, dict[str, int]]
    duplicates: int
    leaked: dict[str, int]
    constant: dict[str, int]
    notes: tuple[str, ...]
    problems: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dataclasses.asdict(self) | {
            "image_shape": list(self.image_shape),
            "range": list(self.range),
            "notes": list(self.notes),
            "problems": list(self.problems),
        }

    def lines(self) -> list[str]:
        """The report for people, a line each."""
        channels, height, width = self.image_shape
        counts = ", ".join(f"{name} {count:,}" for name, count in self.counts.items())
        lines = [
            f"source       {self.source}",
            f"images       {counts}",
            f"shape        {channels} x {height} x {width} (channels, height, width)",
            f"values       {self.dtype}, {self.range[0]:g} to {self.range[1]:g}",
        ]
        lines += [f"{'read' if i == 0 else '':<12} {note}" for i, note in enumerate(self.notes)]
        if self.class_counts:
            train = self.class_counts["train"]
            shown = [f"{name}: {count:,}" for name, count in list(train.items())[:20]]
            more = f", and {len(train) - 20} more" if len(train) > 20 else ""
            lines.append(f"classes      {len(train)} (train: {', '.join(shown)}{more})")
        else:
            lines.append("classes      none: no labels")
        lines.append(f"duplicates   {self.duplicates:,} within train")
        lines += [
            f"             {count:,} {name} images are also in train"
            for name, count in self.leaked.items()
        ]
        lines.append(f"fingerprint  {self.fingerprint}")
        lines += [f"problem      {problem}" for problem in self.problems] or ["problems     none"]
        return lines


def check(source: object = "mnist", labels: object = None) -> Report:
    """Loads a source and looks for what would spoil training or scores.

    Arguments:
        source, labels: As `load_data` takes them.

    Raises:
        UserError: The source can't be loaded at all; the sentence says why.
    """
    data = load_data(source, labels)
    splits = data.splits()
    rows = {name: _rows(split) for name, split in splits.items()}
    seen = set(rows["train"])
    class_counts = {
        name: dict(zip(data.card.classes, _per_class(split, data), strict=True))
        for name, split in splits.items()
        if split.labels is not None
    }
    found = Report(
        source=data.card.source,
        fingerprint=data.card.fingerprint,
        image_shape=data.card.image_shape,
        dtype=str(data.train.images.dtype).removeprefix("torch."),
        range=(
            min(float(split.images.min()) for split in splits.values()),
            max(float(split.images.max()) for split in splits.values()),
        ),
        counts={name: len(split) for name, split in splits.items()},
        class_counts=class_counts,
        duplicates=len(rows["train"]) - len(seen),
        leaked={name: sum(row in seen for row in rows[name]) for name in ("validation", "test")},
        constant={name: _constant(split) for name, split in splits.items()},
        notes=data.notes,
        problems=(),
    )
    return dataclasses.replace(found, problems=tuple(_problems(found)))


def _problems(found: Report) -> list[str]:
    problems = []
    if found.dtype == "uint8" and found.range[1] <= 1:
        problems.append(
            f"The largest of 255 possible values is {found.range[1]:g}, so all images are nearly "
            "black: multiply them by 255."
        )
    if found.duplicates:
        problems.append(
            f"{found.duplicates:,} of {found.counts['train']:,} training images repeat an earlier "
            "one."
        )
    for name, count in found.leaked.items():
        if count:
            problems.append(
                f"{count:,} of {found.counts[name]:,} {name} images are also training images, so "
                "scores on them flatter."
            )
    if sum(found.constant.values()):
        problems.append(
            f"{sum(found.constant.values()):,} images have one single value and show nothing."
        )
    for name, counts in found.class_counts.items():
        missing = [label for label, count in counts.items() if count == 0]
        if missing:
            problems.append(f"The {name} split has no image of {_some(missing)}.")
    train = found.class_counts.get("train", {})
    few = [label for label, count in train.items() if 0 < count < FEW_IN_CLASS]
    if few:
        problems.append(f"Fewer than {FEW_IN_CLASS} training images show {_some(few)}.")
    if train and max(train.values()) > UNBALANCED * max(1, min(train.values())):
        most, least = max(train, key=train.__getitem__), min(train, key=train.__getitem__)
        problems.append(
            f"The classes are unbalanced: {train[most]:,} training images of {most}, "
            f"{train[least]:,} of {least}."
        )
    return problems


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{'class' if len(names) == 1 else 'classes'} {', '.join(names[:5])}{more}"


def _rows(split: Split) -> list[bytes]:
    """A digest of each image, for finding equal ones."""
    pixels = split.images.contiguous().numpy()
    return [hashlib.blake2b(row, digest_size=16).digest() for row in pixels]


def _constant(split: Split) -> int:
    """Images of one value; a single pixel (a point of a toy density) is no picture."""
    if split.images[0, 0].numel() == 1:
        return 0
    flat = split.images.flatten(1)
    return int((flat == flat[:, :1]).all(1).sum())


def _per_class(split: Split, data: Data) -> list[int]:
    assert split.labels is not None
    return torch.bincount(split.labels, minlength=len(data.card.classes)).tolist()
