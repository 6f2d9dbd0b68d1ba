"""Batches as a function of (seed, step): no loader, no worker, no state to save.

The whole set lies on the device as uint8; a batch is gathered there and converted there. Draw k
takes the k-th slice of an endless sequence of shuffles, each a function of (seed, epoch).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.data.dataset import Split, to_float
from latentarium.errors import UserError
from latentarium.random import derive_seed
from latentarium.shapes import Images, Labels


@dataclass(frozen=True)
class Batch:
    """Images with their labels, or without."""

    x: Images
    y: Labels | None


class Batches:
    """Endless batches over a split.

    Arguments:
        split: Images, with labels or without.
        batch_size: Images in a batch; a set smaller than that is an error.
        seed: Of the shuffles.
        device: Where the images lie.
    """

    def __init__(
        self, split: Split, batch_size: int, seed: int, device: torch.device | str = "cpu"
    ) -> None:
        if len(split.images) < batch_size:
            raise UserError(
                f"batch_size is {batch_size}, but there are only {len(split.images)} images to "
                "train on: give a smaller batch_size or more images."
            )
        self.images = split.images.to(device)
        self.labels = None if split.labels is None else split.labels.to(device)
        self.batch_size = batch_size
        self.seed = seed
        self.per_epoch = len(split.images) // batch_size
        self._epoch = -1
        self._order = torch.empty(0)

    def draw(self, k: int) -> Batch:
        """The k-th batch."""
        epoch, position = divmod(k, self.per_epoch)
        index = self._shuffle(epoch)[position * self.batch_size : (position + 1) * self.batch_size]
        labels = None if self.labels is None else self.labels[index]
        return Batch(to_float(self.images[index]), labels)

    def _shuffle(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(derive_seed("shuffle", self.seed, epoch))
            order = torch.randperm(len(self.images), generator=generator)
            self._order, self._epoch = order.to(self.images.device), epoch
        return self._order
