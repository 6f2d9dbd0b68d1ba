"""Extractors: what turns images into the features that distances are measured in.

    Judge               a classifier of the data's own labels: sees what classes are made of
    RandomConvolutions  no training, no weights file: sees textures and strokes of any image
    PixelPCA            the real images' main directions: sees the pixels
    Inception           weights from a file, in `metrics.inception`: the published FID

A distance means nothing without its extractor, so each has a name and a hash that travel with
every number. All see images as they are stored: floats are rounded to pixels first, so that a
sample scores the same before it is saved and after.
"""

import hashlib
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, final, runtime_checkable

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, leaky_relu

from latentarium.classifier.classifier import Judge, as_stored, load_judge, save_judge
from latentarium.classifier.training import train_judge
from latentarium.data.dataset import Data
from latentarium.errors import UserError
from latentarium.files import atomic_folder, cache_folder
from latentarium.rng import derive_seed
from latentarium.shapes import Features, Images, Pixels

PASSES, FEWEST, MOST = 20, 300, 8600
"""How long a judge is trained on demand: passes over the data, and bounds on the steps."""
COARSEST, WIDTH, SLOPE = 4, 16, 0.2


@runtime_checkable
class Extractor(Protocol):
    """Turns images into features, one row each."""

    @property
    def name(self) -> str:
        """How protocols call it."""
        ...

    @property
    def hash(self) -> str:
        """sha256 of all that defines it, in hexadecimal."""
        ...

    @property
    def num_features(self) -> int:
        """Size of one image's features."""
        ...

    def features(self, images: Images | Pixels, *, batch_size: int = 500) -> Features:
        """Float32 features on the CPU of images in [-1, 1] or uint8, on any device."""
        ...


def describe(extractor: Extractor) -> str:
    """Name and the hash's first 12 digits, for tables."""
    return f"{extractor.name} {extractor.hash[:12]}"


@final
class RandomConvolutions:
    """A convolutional network that nobody trained: 3x3 convolutions with fixed normal weights,
    leaky ReLU and halving by averages until the larger side is at most 4, then a random
    projection. Random networks tell image distributions apart without weights to download (Naeem
    et al., 2020, arxiv.org/abs/2002.09797).

    Arguments:
        image_shape: Channels, height, width.
        seed: Of the weights.
        num_features: Size of the features.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], seed: int = 0, num_features: int = 128
    ) -> None:
        self.image_shape, self.num_features = image_shape, num_features
        generator = torch.Generator().manual_seed(derive_seed("random convolutions", seed))
        gain = math.sqrt(2 / (1 + SLOPE**2))  # keeps the scale through a leaky ReLU
        channels, height, width = image_shape
        kernels, biases, wide = [], [], WIDTH
        while max(height, width) > COARSEST or not kernels:
            kernel = torch.randn(wide, channels, 3, 3, generator=generator)
            kernels.append(kernel * gain / math.sqrt(9 * channels))
            biases.append(0.3 * torch.randn(wide, generator=generator))
            channels, wide = wide, min(2 * wide, 4 * WIDTH)
            height, width = math.ceil(height / 2), math.ceil(width / 2)
        flat = channels * height * width
        self._kernels, self._biases = kernels, biases
        self._projection = torch.randn(flat, num_features, generator=generator) / math.sqrt(flat)

    @property
    def name(self) -> str:
        """How protocols call it."""
        return f"random-convolutions-{self.num_features}"

    @property
    def hash(self) -> str:
        """sha256 over the weights and the image shape."""
        digest = hashlib.sha256(repr(self.image_shape).encode())
        for part in (*self._kernels, *self._biases, self._projection):
            digest.update(part.numpy().tobytes())
        return digest.hexdigest()

    def features(self, images: Images | Pixels, *, batch_size: int = 500) -> Features:
        """The projected activations.

        Raises:
            UserError: Images of another shape, or values that are not finite.
        """
        require_shape(images, self.image_shape, self.name)
        parts = [torch.empty(0, self.num_features)]
        with torch.no_grad():
            for part in images.split(batch_size):
                x = as_stored(part).cpu()
                for kernel, bias in zip(self._kernels, self._biases, strict=True):
                    x = leaky_relu(conv2d(x, kernel, bias, padding=1), SLOPE)
                    x = avg_pool2d(x, 2, ceil_mode=True)
                parts.append(x.flatten(1) @ self._projection)
        return torch.cat(parts)


@final
class PixelPCA:
    """Coordinates along the real images' principal axes, in units of pixels in [-1, 1]; made by
    `fit`. As the axes are orthonormal, a distance of features is at most one of pixels."""

    def __init__(
        self, image_shape: tuple[int, int, int], mean: Tensor, axes: Tensor, hash: str
    ) -> None:
        self.image_shape, self.hash, self.num_features = image_shape, hash, axes.shape[1]
        self._mean, self._axes = mean, axes

    @classmethod
    def fit(
        cls,
        images: Images | Pixels,
        num_features: int = 64,
        max_images: int = 20_000,
        seed: int = 0,
    ) -> "PixelPCA":
        """Finds the axes.

        Arguments:
            images: Real ones, of the train split.
            num_features: Axes at most: there are no more than pixels, and fewer than images.
            max_images: A random choice of so many is enough.
            seed: Of that choice and of the approximate axes of large images.

        Raises:
            UserError: Fewer than two images, or values that are not finite.
        """
        if len(images) < 2:
            raise UserError(f"{len(images)} images have no axes: give at least 2.")
        generator = torch.Generator().manual_seed(derive_seed("pixel pca", seed))
        chosen = torch.randperm(len(images), generator=generator)[:max_images]
        x = as_stored(images[chosen.to(images.device)]).flatten(1).cpu().numpy()
        count = min(num_features, x.shape[1], len(x) - 1)
        pca = PCA(count, random_state=seed).fit(x)
        # over the definition: the axes themselves depend on the machine in their last digits
        digest = hashlib.sha256(repr((count, seed, tuple(images.shape[1:]))).encode())
        digest.update(np.ascontiguousarray(x).tobytes())
        mean, axes = (torch.from_numpy(np.array(v)) for v in (pca.mean_, pca.components_))
        _, channels, height, width = images.shape
        shape = (channels, height, width)
        return cls(shape, mean.float(), axes.float().T, digest.hexdigest())

    @property
    def name(self) -> str:
        """How protocols call it."""
        return f"pixel-pca-{self.num_features}"

    def features(self, images: Images | Pixels, *, batch_size: int = 500) -> Features:
        """The coordinates.

        Raises:
            UserError: Images of another shape, or values that are not finite.
        """
        require_shape(images, self.image_shape, self.name)
        parts = [torch.empty(0, self.num_features)]
        for part in images.split(batch_size):
            parts.append((as_stored(part).cpu().flatten(1) - self._mean) @ self._axes)
        return torch.cat(parts)


def require_shape(images: Tensor, shape: tuple[int, int, int], name: str) -> None:
    """Raises a `UserError` where images are not of the shape that an extractor is made for."""
    if tuple(images.shape[1:]) != shape:
        raise UserError(
            f"{name} is made for images of shape {shape}, not {tuple(images.shape[1:])}: make one "
            "for these images."
        )


# ------------------------------------------------------------------------ a judge for any data


def judge_for(
    data: Data,
    *,
    seed: int = 0,
    cache: Path | None = None,
    progress: Callable[[str], object] | None = None,
) -> Judge:
    """The judge of this data: the one that ships, where it was trained on it; else one trained
    now and kept for the next time.

    Arguments:
        data: Labelled images of at least two classes.
        seed: Of the training; the judge that ships is given whatever the seed.
        cache: Folder of kept judges, one for each data fingerprint; None: LATENTARIUM_CACHE, or
            latentarium in XDG_CACHE_HOME or ~/.cache. One that can't be written is a warning.
        progress: Takes a line of text now and then while training.

    Raises:
        UserError: No labels, or one class only.
    """
    card = data.card
    if len(card.classes) < 2:
        raise UserError(
            f"{card.source} has no labels of 2 or more classes, so no judge can be trained on it: "
            "use random convolutions or pixel PCA as the extractor."
        )
    shipped = load_judge()
    if shipped.record["data"]["fingerprint"] == card.fingerprint:
        return shipped
    steps = PASSES * len(data.train) // min(128, len(data.train))
    steps = min(max(steps, FEWEST), MOST)
    # class names are no part of the fingerprint, but of the judge
    rest = hashlib.sha256(repr((card.fingerprint, card.classes, seed, steps)).encode())
    folder = (cache or cache_folder("judges")) / f"{card.fingerprint[:16]}-{rest.hexdigest()[:16]}"
    if folder.exists():
        try:
            kept = load_judge(folder)
            if kept.record["data"]["fingerprint"] == card.fingerprint:
                return kept
        except (UserError, KeyError, TypeError):
            pass
        warnings.warn(f"The judge kept at {folder} is damaged: it is trained again.", stacklevel=2)
    if progress:
        progress(f"Training a judge of {card.source}, kept for the next time: {steps} steps.")
    judge = train_judge(data, seed=seed, steps=steps, progress=progress)
    try:
        with atomic_folder(folder) as made:
            save_judge(judge, made)
    except (OSError, UserError) as error:
        warnings.warn(
            f"The judge of {card.source} can't be kept, so it is trained again the next time: "
            f"{error}",
            stacklevel=2,
        )
    return judge
