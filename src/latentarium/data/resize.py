"""Fit the images of a loaded data set to another size."""

from dataclasses import replace

import numpy as np
import torch
from PIL import Image, ImageOps

from latentarium.data.dataset import Data, Split, fingerprint
from latentarium.data.storage import Storage
from latentarium.errors import UserError
from latentarium.texts import Text


def fit_data(data: Data, size: int, storage: Storage | None = None) -> Data:
    """Return a data set whose images have another height and width.

    Images are scaled with antialiasing until they cover the size, and cropped at the centre, like
    image files.

    Arguments:
        data: The data set; it is returned unchanged if it has the size.
        size: Height and width in pixels; 0 for the size of the images.
        storage: Allocates the arrays; None for the default storage.

    Raises:
        UserError: The data are points and not images (code `invalid-size`).
    """
    channels, height, width = data.card.image_shape
    if not size or (height, width) == (size, size):
        return data
    if data.train.images.dtype != torch.uint8:
        raise UserError(
            Text(
                "size is {size}, but {source} consists of points, which have no size: "
                "leave it out.",
                size=size,
                source=data.card.source,
            ),
            code="invalid-size",
        )
    storage = storage or Storage()
    splits = {
        name: Split(_fit(split.images.numpy(), size, storage), split.labels)
        for name, split in data.splits().items()
    }
    card = replace(
        data.card, image_shape=(channels, size, size), fingerprint=fingerprint(*splits.values())
    )
    note = Text(
        "{height} x {width} pixels, fitted to {size} x {size} (scaled with "
        "antialiasing, cropped at the centre)",
        height=height,
        width=width,
        size=size,
    )
    return replace(data, card=card, notes=(*data.notes, note), **splits)


def _fit(images: np.ndarray, size: int, storage: Storage) -> torch.Tensor:
    fitted = storage.empty((*images.shape[:2], size, size))
    for target, image in zip(fitted, images, strict=True):
        for channel, pixels in zip(target, image, strict=True):
            resized = ImageOps.fit(Image.fromarray(pixels), (size, size), Image.Resampling.LANCZOS)
            channel[:] = np.asarray(resized)
    return torch.from_numpy(fitted)
