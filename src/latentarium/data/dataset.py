"""A data set: three splits of images and a card, and the conversion between pixels and floats."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from latentarium.config import DataCard
from latentarium.errors import UserError


@dataclass(frozen=True)
class Split:
    """The images of one split and, if there are any, their labels.

    Arguments:
        images: Images of shape (N, C, H, W): uint8 from 0 to 255, or float32 of about [-1, 1] for
            points of a toy density.
        labels: Class numbers, int64 of shape (N,); None if there are no labels.

    Raises:
        UserError: A type or shape is wrong, or the number of labels differs from the number of
            images.
    """

    images: Tensor
    labels: Tensor | None

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.ndim != 4 or images.dtype not in (torch.uint8, torch.float32):
            raise UserError(
                f"The argument `images` is {_type_and_shape(images)}; it must be uint8 or float32 "
                "of shape (N, C, H, W): convert it, or pass it to load_data.",
                code="wrong-type",
            )
        if labels is None:
            return
        if labels.ndim != 1 or labels.dtype != torch.int64:
            raise UserError(
                f"The argument `labels` is {_type_and_shape(labels)}; it must be int64 of shape "
                "(N,): convert it, or pass it to load_data.",
                code="wrong-type",
            )
        if len(labels) != len(images):
            raise UserError(
                f"There are {len(labels):,} labels for {len(images):,} images: give one label per "
                "image.",
                code="label-count",
            )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        labels = "no labels" if self.labels is None else "labels"
        return f"Split({len(self):,} images, {_type_and_shape(self.images)}, {labels})"


@dataclass(frozen=True)
class Data:
    """A data set: images to train on, to choose settings by (validation) and to score on (test).

    Arguments:
        card: Name, fingerprint, image shape and class names.
        train, validation, test: The splits.
        notes: Short descriptions of what the reader changed or left out.
        problems: Sentences on what the reader finds doubtful.
        files: Names of the image files of each split, if the images are from files.

    Raises:
        UserError: The splits don't match the card.
    """

    card: DataCard
    train: Split
    validation: Split
    test: Split
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, split in self.splits().items():
            shape = tuple(split.images.shape[1:])
            if shape != self.card.image_shape:
                raise UserError(
                    f"The {name} images have shape {shape} (channels, height, width), but the "
                    f"shape on the data card is {self.card.image_shape}: give all images the same "
                    "shape.",
                    code="shape-mismatch",
                )
            check_labels(split.labels, self.card.classes, f"The {name} split")

    def __repr__(self) -> str:
        counts = ", ".join(f"{name}={len(split):,}" for name, split in self.splits().items())
        classes = f", classes={len(self.card.classes):,}" if self.card.classes else ""
        return (
            f"Data({self.card.source!r}: image_shape={self.card.image_shape}{classes}, {counts})"
        )

    def splits(self) -> dict[str, Split]:
        """Return the splits by name: train, validation, test."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def check_labels(labels: Tensor | None, classes: tuple[str, ...], where: str) -> None:
    """Check that labels are numbers of the named classes.

    Arguments:
        labels: Class numbers (N,), or None.
        classes: Names of the classes; empty if there are no labels.
        where: The subject of error messages, such as "The test split".

    Raises:
        UserError: A label is not the number of a class, or there are classes but no labels.
    """
    if labels is None:
        if classes:
            raise UserError(
                f"{where} has no labels, but there are {len(classes)} class names: give the "
                "labels, or leave the class names out.",
                code="missing-labels",
            )
        return
    if len(labels) == 0:
        return
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= len(classes):
        wrong = low if low < 0 else high
        raise UserError(
            f"{where} has label {wrong}, but there are {len(classes)} classes: give labels from "
            f"0 to {len(classes) - 1}.",
            code="unknown-class",
        )


def to_float(pixels: Tensor) -> Tensor:
    """Convert uint8 pixels to floats in [-1, 1], the input of models; return floats unchanged."""
    return pixels.float().div_(127.5).sub_(1) if pixels.dtype == torch.uint8 else pixels


def to_uint8(images: Tensor) -> Tensor:
    """Convert images in [-1, 1] to uint8 pixels; values outside [-1, 1] are clamped."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def fingerprint(*splits: Split) -> str:
    """Return the SHA-256 of types, shapes, pixels and labels, the same on every machine."""
    digest = hashlib.sha256()
    for split in splits:
        for tensor in (split.images, split.labels):
            if tensor is None:
                digest.update(b"none")
                continue
            digest.update(f"{tensor.dtype} {tuple(tensor.shape)} ".encode())
            digest.update(tensor.detach().cpu().flatten().numpy().data)
    return digest.hexdigest()


def _type_and_shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
