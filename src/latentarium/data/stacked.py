"""Stacked MNIST: three random digits as the channels of one image, so 1,000 modes.

Setups in the literature differ (number of images, size, which of MNIST's images). Here each split
stacks digits of the same split of MNIST, at 28 x 28; a label is the three digits as a number.

References:
    Unrolled generative adversarial networks (Metz et al., 2017), https://arxiv.org/abs/1611.02163
    VEEGAN (Srivastava et al., 2017), https://arxiv.org/abs/1705.07761
"""

import torch

from latentarium.config import DataCard
from latentarium.data.dataset import Data, Split, fingerprint
from latentarium.data.mnist_data import load_mnist
from latentarium.errors import UserError
from latentarium.rng import Noise

TRAIN, HELD_OUT = 128_000, 10_000
MODES = 1000


def stacked_mnist(n: int = TRAIN, held_out: int = HELD_OUT, seed: int = 0) -> Data:
    """Random triples of digits, 28 x 28 with three channels.

    Arguments:
        n: Triples to train on; 128,000 as in PacGAN (Lin et al., 2018) take 300 MB.
        held_out: Triples each for validation and test.
        seed: Of the choice of digits.

    Raises:
        UserError: Fewer than one triple in a split.
    """
    if n < 1 or held_out < 1:
        raise UserError(f"n is {n} and held_out {held_out}; give at least 1 of each.")
    digits = load_mnist()
    parts = []
    for name, split in digits.splits().items():
        count = n if name == "train" else held_out
        parts.append(_stack(split, count, Noise("stacked", name, seed)))
    card = DataCard(
        source="stacked-mnist",
        fingerprint=fingerprint(*parts),
        image_shape=(3, 28, 28),
        classes=tuple(f"{i:03d}" for i in range(MODES)),
    )
    return Data(card, *parts)


def _stack(split: Split, n: int, noise: Noise) -> Split:
    assert split.labels is not None  # MNIST has them
    chosen = noise.integers(len(split), n, 3)
    weights = torch.tensor([100, 10, 1])
    return Split(split.images[:, 0][chosen], (split.labels[chosen] * weights).sum(1))
