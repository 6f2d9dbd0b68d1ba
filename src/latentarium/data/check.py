"""Report what a source contains and what is wrong with it (`latentarium data check`)."""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from latentarium.data.dataset import Data, Split
from latentarium.data.sources import load_data
from latentarium.texts import Text, text_to_json

MIN_PER_CLASS = 20
"""A class with fewer training images is reported as a problem."""
MAX_IMBALANCE = 10
"""Largest ratio between the sizes of two classes that is not reported as a problem."""
MIN_RANGE = 32
"""Pixel values that span less than this, of 255, are reported as a problem."""
MAX_CLASS_SHARE = 0.25
"""More classes than this share of the images are reported as a problem."""
MAX_LISTED = 20
"""Largest number of classes that `DataReport.lines` lists."""
MAX_NAMED = 5
"""Largest number of classes that a problem names."""


class DataProblem(NamedTuple):
    """A property of the data that impairs the training or distorts scores.

    Arguments:
        code: A stable identifier: doubtful-source (found by the reader), nearly-black,
            narrow-range, duplicates, leak, constant-images, missing-class, single-image,
            small-class, unbalanced or many-classes.
        message: A sentence that describes the problem.
    """

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class DataReport:
    """The result of `check_data`.

    Arguments:
        source: The name of the data set on its data card.
        fingerprint: SHA-256 of pixels and labels.
        image_shape: Channels, height, width.
        dtype: Type of the images as stored.
        range: Smallest and largest stored value.
        counts: Number of images by split.
        class_counts: Number of images by split and class name; empty if there are no labels.
        duplicates: Number of training images that are equal to an earlier training image.
        leaked: Number of validation and of test images that are equal to a training image.
        constant: Number of images whose pixels all have the same value, by split.
        notes: What was changed or left out when the data was loaded.
        problems: Properties of the data that impair the training or distort scores.
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
    problems: tuple[DataProblem, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values; a problem is represented by its message.

        "texts" contains the templates and values of notes and problems, for translations.
        """
        problems = [problem.message for problem in self.problems]
        return dataclasses.asdict(self) | {
            "image_shape": list(self.image_shape),
            "range": list(self.range),
            "notes": list(map(str, self.notes)),
            "problems": list(map(str, problems)),
            "texts": {
                "notes": list(map(text_to_json, self.notes)),
                "problems": list(map(text_to_json, problems)),
            },
        }

    def lines(self) -> list[str]:
        """Return the report as lines of text."""
        channels, height, width = self.image_shape
        counts = ", ".join(f"{name} {count:,}" for name, count in self.counts.items())
        lines = [
            f"source       {self.source}",
            f"images       {counts}",
            f"shape        {channels} x {height} x {width} (channels, height, width)",
            f"values       {self.dtype}, {self.range[0]:g} to {self.range[1]:g}",
        ]
        lines += [f"{'notes' if i == 0 else '':<12} {note}" for i, note in enumerate(self.notes)]
        if self.class_counts:
            train = self.class_counts["train"]
            listed = [f"{name}: {count:,}" for name, count in list(train.items())[:MAX_LISTED]]
            more = f", and {len(train) - MAX_LISTED} more" if len(train) > MAX_LISTED else ""
            lines.append(f"classes      {len(train)} (train: {', '.join(listed)}{more})")
        else:
            lines.append("classes      none: no labels")
        lines.append(f"duplicates   {self.duplicates:,} within train")
        lines += [
            f"             {count:,} {name} images are also in train"
            for name, count in self.leaked.items()
            if count
        ]
        lines.append(f"fingerprint  {self.fingerprint}")
        problems = [f"problem      {problem.message}" for problem in self.problems]
        return lines + (problems or ["problems     none"])


def check_data(
    source: object = "mnist",
    labels: object = None,
    *,
    size: int = 0,
    label_column: str = "",
    keys: Mapping[str, str] | str = "",
) -> DataReport:
    """Load a source and report its contents and its problems.

    Arguments:
        source, labels, size, label_column, keys: As for `load_data`.

    Raises:
        UserError: The source can't be loaded.
    """
    data = load_data(source, labels, size=size, label_column=label_column, keys=keys)
    splits = data.splits()
    digests = {name: _digests(split) for name, split in splits.items()}
    in_train = set(digests["train"])
    class_counts = {
        name: dict(zip(data.card.classes, _class_counts(split, data), strict=True))
        for name, split in splits.items()
        if split.labels is not None
    }
    report = DataReport(
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
        duplicates=len(digests["train"]) - len(in_train),
        leaked={
            name: sum(digest in in_train for digest in digests[name])
            for name in ("validation", "test")
        },
        constant={name: _count_constant(split) for name, split in splits.items()},
        notes=data.notes,
        problems=(),
    )
    doubtful = [DataProblem("doubtful-source", problem) for problem in data.problems]
    return dataclasses.replace(report, problems=(*doubtful, *_problems(report)))


def _problems(report: DataReport) -> Iterator[DataProblem]:
    if report.dtype == "uint8" and report.range[1] <= 1:
        yield DataProblem(
            "nearly-black",
            Text(
                "The largest pixel value is {high:g} of 255, so all images are nearly "
                "black: multiply them by 255.",
                high=report.range[1],
            ),
        )
    elif report.dtype == "uint8" and 0 < report.range[1] - report.range[0] < MIN_RANGE:
        yield DataProblem(
            "narrow-range",
            Text(
                "All pixel values are from {low:g} to {high:g} of 255, so the images "
                "have little contrast: check that they are read as intended, or rescale "
                "them.",
                low=report.range[0],
                high=report.range[1],
            ),
        )
    if report.duplicates:
        yield DataProblem(
            "duplicates",
            Text(
                "{duplicates:,} of {total:,} training images are duplicates.",
                duplicates=report.duplicates,
                total=report.counts["train"],
            ),
        )
    for name, count in report.leaked.items():
        if count:
            yield DataProblem(
                "leak",
                Text(
                    "{count:,} of {total:,} {split} images are also training images, so scores "
                    "on this split are too good.",
                    count=count,
                    total=report.counts[name],
                    split=name,
                ),
            )
    constant = sum(report.constant.values())
    if constant:
        yield DataProblem(
            "constant-images",
            Text(
                "All pixels of 1 image have the same value."
                if constant == 1
                else "All pixels of {count:,} images have the same value.",
                count=constant,
            ),
        )
    for name, counts in report.class_counts.items():
        missing = [label for label, count in counts.items() if count == 0]
        if missing:
            yield DataProblem(
                "missing-class",
                Text(
                    "The {split} split has no image of {classes}.",
                    split=name,
                    classes=_list_classes(missing),
                ),
            )
    train = report.class_counts.get("train", {})
    totals = {name: sum(c[name] for c in report.class_counts.values()) for name in train}
    single = [name for name, count in totals.items() if count == 1]
    if single:
        yield DataProblem(
            "single-image",
            Text(
                "There is only one image of {classes} in all splits.",
                classes=_list_classes(single),
            ),
        )
    if len(train) > MAX_CLASS_SHARE * sum(totals.values()):
        yield DataProblem(
            "many-classes",
            Text(
                "There are {num_classes:,} classes for {count:,} images: check that the "
                "labels are classes, and not for instance names or numbers of the images.",
                num_classes=len(train),
                count=sum(totals.values()),
            ),
        )
    small = [label for label, count in train.items() if 0 < count < MIN_PER_CLASS]
    if small:
        yield DataProblem(
            "small-class",
            Text(
                "There are too few training images (fewer than {min_per_class} per class) "
                "of {classes}.",
                min_per_class=MIN_PER_CLASS,
                classes=_list_classes(small),
            ),
        )
    if train and max(train.values()) > MAX_IMBALANCE * max(1, min(train.values())):
        most, fewest = max(train, key=train.__getitem__), min(train, key=train.__getitem__)
        yield DataProblem(
            "unbalanced",
            Text(
                "The classes are unbalanced: class {most} has {most_images:,} training images, "
                "and class {fewest} has {fewest_images:,}.",
                most=most,
                most_images=train[most],
                fewest=fewest,
                fewest_images=train[fewest],
            ),
        )


def _list_classes(names: list[str]) -> str:
    if len(names) == 1:
        return Text("class {name}", name=names[0])
    if len(names) <= MAX_NAMED:
        return Text("classes {names}", names=names)
    more = len(names) - MAX_NAMED
    return Text("classes {names} and {more} more", names=names[:MAX_NAMED], more=more)


def _digests(split: Split) -> list[bytes]:
    """Return a digest of each image; equal images have equal digests."""
    pixels = split.images.contiguous().numpy()
    return [hashlib.blake2b(image, digest_size=16).digest() for image in pixels]


def _count_constant(split: Split) -> int:
    """Count the images whose pixels all have the same value."""
    if split.images[0, 0].numel() == 1:  # points of a toy density
        return 0
    flat = split.images.flatten(1)
    return int((flat == flat[:, :1]).all(1).sum())


def _class_counts(split: Split, data: Data) -> list[int]:
    assert split.labels is not None
    return torch.bincount(split.labels, minlength=len(data.card.classes)).tolist()
