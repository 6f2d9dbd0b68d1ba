"""What every source becomes: three splits and a card, with the one conversion of pixels."""

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.config import DataCard
from latentarium.errors import UserError


@dataclass(frozen=True)
class Split:
    """A part of the data.

    Arguments:
        images: uint8 (N, C, H, W), 0 to 255. Toy densities have float32, about [-1, 1].
        labels: int64 (N,), a class number each; None where there are no labels.

    Raises:
        UserError: Images or labels of another kind, or labels that don't match the images.
    """

    images: Tensor
    labels: Tensor | None

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.ndim != 4 or images.dtype not in (torch.uint8, torch.float32):
            raise UserError(
                f"A split holds uint8 or float32 images (N, C, H, W), not {_kind(images)}: "
                "convert them, or let load_data do so."
            )
        if labels is None:
            return
        if labels.ndim != 1 or labels.dtype != torch.int64:
            raise UserError(
                f"A split holds int64 labels (N,), not {_kind(labels)}: convert them, or let "
                "load_data do so."
            )
        if len(labels) != len(images):
            raise UserError(
                f"There are {len(labels):,} labels for {len(images):,} images: give one each."
            )

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Data:
    """Images to train on, to choose by (validation) and to score on (test)."""

    card: DataCard
    train: Split
    validation: Split
    test: Split
    notes: tuple[str, ...] = ()
    """What was done to the images on the way here, or left out; for people."""

    def __post_init__(self) -> None:
        for name, split in self.splits().items():
            shape = tuple(split.images.shape[1:])
            if shape != self.card.image_shape:
                raise UserError(
                    f"The {name} images are {shape} (channels, height, width), but the card says "
                    f"{self.card.image_shape}: give all images one shape."
                )
            check_labels(split.labels, self.card.classes, f"The {name} split")

    def splits(self) -> dict[str, Split]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def check_labels(labels: Tensor | None, classes: tuple[str, ...], where: str) -> None:
    """Raises a `UserError` where labels and class names don't go together."""
    if labels is None:
        if classes:
            raise UserError(
                f"{where} has no labels, but {len(classes)} classes are named: give the labels, "
                "or no class names."
            )
        return
    if len(labels) == 0:
        return
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= len(classes):
        wrong = low if low < 0 else high
        raise UserError(
            f"{where} has label {wrong}, but there are {len(classes)} classes: give labels from "
            f"0 to {len(classes) - 1}."
        )


def to_float(pixels: Tensor) -> Tensor:
    """Turns what is stored (uint8) into what models see, in [-1, 1]; floats pass through."""
    return pixels.float().div_(127.5).sub_(1) if pixels.dtype == torch.uint8 else pixels


def to_uint8(images: Tensor) -> Tensor:
    """Turns images in [-1, 1] into pixels; values outside are clamped, never wrapped around."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def fingerprint(*splits: Split) -> str:
    """sha256 over shapes, pixels and labels, in order: equal for equal data, on any machine."""
    digest = hashlib.sha256()
    for split in splits:
        for part in (split.images, split.labels):
            if part is None:
                digest.update(b"none")
                continue
            digest.update(f"{part.dtype} {tuple(part.shape)} ".encode())
            digest.update(part.detach().cpu().flatten().numpy().data)
    return digest.hexdigest()


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
