"""References to images: the path of a file, or the number of an image of the data.

digit.png   a file, which is prepared like the training images
test:17     image 17 of the test split; also train:17 and validation:17
"""

import re
from dataclasses import dataclass
from pathlib import Path

import torch

from latentarium.data.dataset import Data, to_float
from latentarium.data.layout import data_layout
from latentarium.data.preparation import prepare_image, read_picture
from latentarium.errors import UserError, did_you_mean
from latentarium.latent.encode_source import posterior_mean, require_encoder
from latentarium.models.base import LatentModel
from latentarium.shapes import Images, LabelInput, Labels, LatentVector, SoftLabels

NUMBERED = re.compile(r"([a-z]+):(\d{1,12})")


@dataclass(frozen=True, kw_only=True)
class ReferencedImage:
    """An image and its label."""

    x: Images
    """(1, C, H, W), in [-1, 1]."""
    label: str | None
    """The name of its class; None if it is unknown."""


def referenced_image(text: str, data: Data) -> ReferencedImage:
    """Return the image that a reference names.

    Arguments:
        text: The reference, as described in this module.
        data: The training data of the model.

    Raises:
        UserError: There is no such split or image (code "unknown-image") or no such file (code
            "file-not-found"), or the file is not an image (code "not-an-image").
    """
    match = NUMBERED.fullmatch(text)
    if match is None or Path(text).exists():
        return ReferencedImage(x=to_float(_prepared(text, data)), label=None)
    splits = data.splits()
    if match[1] not in splits:
        raise UserError(
            f"There is no split '{match[1]}'.{did_you_mean(match[1], splits)}",
            code="unknown-image",
        )
    split, number = splits[match[1]], int(match[2])
    if number >= len(split):
        raise UserError(
            f"There is no image {number:,} in the {match[1]} split: its images are numbered 0 to "
            f"{len(split) - 1:,}.",
            code="unknown-image",
        )
    label = None if split.labels is None else data.card.classes[int(split.labels[number])]
    return ReferencedImage(x=to_float(split.images[number : number + 1]), label=label)


def _prepared(text: str, data: Data) -> torch.Tensor:
    path = Path(text).expanduser()
    if not path.is_file():
        raise UserError(
            f"There is no image file {text}: give the path of a file, or the number of an image "
            "of the data, such as test:0.",
            code="file-not-found",
        )
    return prepare_image(read_picture(path), data_layout(data), data.card.image_shape).image


def needed_label(
    model: LatentModel, image: ReferencedImage, label: LabelInput = None
) -> Labels | SoftLabels | None:
    """Return the label (1,) with which a model encodes an image.

    Arguments:
        model: The model.
        image: The image.
        label: Replaces the label of the image; None keeps it.

    Raises:
        UserError: The model needs a label, and none is known (code "label-missing"); or a label is
            given to a model that takes none (code "label-not-taken").
    """
    if not model.decodes_label:
        if label is not None:
            model.read_labels(label, 1)  # raises for a model that takes none
        return None
    chosen = image.label if label is None else label
    if chosen is None:
        raise UserError(
            "This model needs the label of the image, and a file has none: give --label.",
            code="label-missing",
        )
    return model.read_labels(chosen, 1)


def latent_of(
    model: LatentModel, image: ReferencedImage, label: LabelInput = None
) -> tuple[LatentVector, Labels | SoftLabels | None]:
    """Return the mean of an image's posterior, and the label with which it was encoded.

    Raises:
        UserError: The model has no encoder (code "no-encoder"), or as for `needed_label`.
    """
    require_encoder(model)
    y = needed_label(model, image, label)
    return posterior_mean(model, image.x, y)[0], y
