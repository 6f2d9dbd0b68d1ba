"""Stacked MNIST: three random digits as the channels of one image, which gives 1,000 modes.

Protocols in the literature differ in the number of images, their size, and the subset of MNIST.
Here each split stacks digits of the same split of MNIST at 28 x 28 pixels. The label of an image
is the three-digit number that its digits form.

References:
    Unrolled generative adversarial networks (Metz et al., 2017), https://arxiv.org/abs/1611.02163
    VEEGAN (Srivastava et al., 2017), https://arxiv.org/abs/1705.07761
"""

import torch

from latentarium.config import DataCard
from latentarium.data.dataset import Data, Split, fingerprint
from latentarium.data.mnist import load_mnist
from latentarium.errors import UserError
from latentarium.rng import Noise

NUM_TRAIN, NUM_HELD_OUT = 128_000, 10_000
MODES = 1000


def stacked_mnist(n: int = NUM_TRAIN, held_out: int = NUM_HELD_OUT, seed: int = 0) -> Data:
    """Draw random triples of digits as images of 28 x 28 pixels with three channels.

    Arguments:
        n: Number of training images. The default is that of PacGAN (Lin et al., 2018); these
            images take 300 MB.
        held_out: Number of validation images, and of test images.
        seed: Seed of the choice of digits.

    Raises:
        UserError: A split would be empty.
    """
    if n < 1 or held_out < 1:
        raise UserError(
            f"n is {n} and held_out is {held_out}; both must be at least 1.", code="invalid-size"
        )
    splits = []
    for name, split in load_mnist().splits().items():
        count = n if name == "train" else held_out
        splits.append(_stack(split, count, Noise("stacked", name, seed)))
    card = DataCard(
        source="stacked-mnist",
        fingerprint=fingerprint(*splits),
        image_shape=(3, 28, 28),
        classes=tuple(f"{i:03d}" for i in range(MODES)),
    )
    return Data(card, *splits)


def _stack(split: Split, n: int, noise: Noise) -> Split:
    assert split.labels is not None  # MNIST has them
    index = noise.integers(len(split), n, 3)
    weights = torch.tensor([100, 10, 1])
    return Split(split.images[:, 0][index], (split.labels[index] * weights).sum(1))
