"""Batches that are a function of (seed, step), without worker processes or state to save.

Images that fit are stored on the device as uint8, and each batch is converted to floats there.
Batch k is the k-th slice of an endless sequence of shuffled copies of the split; the order of each
copy is a function of (seed, epoch).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.data.dataset import Split, to_float
from latentarium.errors import UserError
from latentarium.rng import derive_seed
from latentarium.shapes import Images, Labels
from latentarium.texts import Text

MAX_MEMORY_SHARE = 0.5
"""Largest share of a GPU's free memory that images may fill."""


@dataclass(frozen=True)
class Batch:
    """Images in [-1, 1] and their class numbers, or None if there are no labels.

    `step` is the number of the training step, from 0, for losses that change during the training;
    None for a measurement, which uses the loss after the last change. `move` is the number of the
    player's move, from 0, for losses some of whose terms are part of some moves only; None for a
    measurement, which has all terms.
    """

    x: Images
    y: Labels | None
    step: int | None = None
    move: int | None = None


class Batches:
    """Endless batches of a split.

    Arguments:
        split: The images, with or without labels.
        batch_size: Number of images in a batch, summed over all processes.
        seed: Seed of the shuffles.
        device: The device of the batches. All images are moved to it if they fit.
        shard: (rank, size): this process gets part `rank` of the `size` equal parts of each batch.

    Raises:
        UserError: There are fewer images than `batch_size`, or `batch_size` is not a multiple of
            the number of processes.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int,
        device: torch.device | str = "cpu",
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        if len(split.images) < batch_size:
            raise UserError(
                Text(
                    "batch_size is {batch_size}, but there are only {num_images} images to "
                    "train on: give a smaller batch_size or more images.",
                    batch_size=batch_size,
                    num_images=len(split.images),
                ),
                code="batch-too-large",
            )
        rank, size = shard
        if batch_size % size:
            raise UserError(
                Text(
                    "batch_size is {batch_size}, which {size} processes can't share evenly: "
                    "give a multiple of {size}.",
                    batch_size=batch_size,
                    size=size,
                ),
                code="batch-not-divisible",
            )
        self._offset, self._count = rank * (batch_size // size), batch_size // size
        self.device: torch.device = torch.device(device)
        on_device = fits(split.images.numel(), self.device)
        self.images: Tensor = split.images.to(self.device) if on_device else split.images
        self.labels: Tensor | None = (
            None if split.labels is None else split.labels.to(self.images.device)
        )
        self.batch_size: int = batch_size
        self.seed: int = seed
        self.per_epoch: int = len(split.images) // batch_size
        self._epoch = -1
        self._order = torch.empty(0)

    def draw(self, k: int) -> Batch:
        """Return this process's part of the k-th batch; a single process gets the whole batch."""
        epoch, position = divmod(k, self.per_epoch)
        start = position * self.batch_size + self._offset
        index = self._shuffle(epoch)[start : start + self._count]
        labels = None if self.labels is None else self.labels[index].to(self.device)
        return Batch(to_float(self.images.index_select(0, index).to(self.device)), labels)

    def _shuffle(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(derive_seed("shuffle", self.seed, epoch))
            order = torch.randperm(len(self.images), generator=generator)
            self._order, self._epoch = order.to(self.images.device), epoch
        return self._order


def fits(size: int, device: torch.device) -> bool:
    """Return whether `size` bytes of images leave enough memory on a device for training."""
    if device.type != "cuda":
        return True  # the images are already in the machine's memory
    free, _ = torch.cuda.mem_get_info(device)
    return size <= MAX_MEMORY_SHARE * free
