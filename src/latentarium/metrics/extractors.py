"""Extractors: maps from images to the features between which distances are measured.

    Classifier          trained on the labels of the data: sensitive to differences of classes
    RandomConvolutions  untrained, needs no file of weights: sensitive to textures and strokes
    PixelPCA            principal components of the real images: sensitive to pixels
    Inception           weights from a file, see `metrics.inception`: features of published FIDs

A distance can't be interpreted without its extractor, so the extractor's name and hash are stored
with every distance. All extractors first round floats to 8-bit pixel values, so that a sample gets
the same score before and after it is saved.
"""

import hashlib
import math
from typing import Protocol, final, runtime_checkable

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, leaky_relu

from latentarium.classifier.classifier import quantize
from latentarium.errors import UserError
from latentarium.rng import derive_seed
from latentarium.shapes import Features, Images, Pixels

MAX_FINAL_SIDE, WIDTH, SLOPE = 4, 16, 0.2
"""Settings of `RandomConvolutions`: largest side of the last feature maps in pixels, channels of
the first layer, slope of the leaky ReLU."""


@runtime_checkable
class Extractor(Protocol):
    """Maps images to features, one row per image."""

    @property
    def name(self) -> str:
        """Name of the extractor in protocols."""
        ...

    @property
    def hash(self) -> str:
        """sha256, in hexadecimal, of everything that defines the extractor."""
        ...

    @property
    def num_features(self) -> int:
        """Number of features of an image."""
        ...

    def features(self, images: Images | Pixels, *, batch_size: int = 500) -> Features:
        """Return float32 features on the CPU; images are in [-1, 1] or uint8, on any device."""
        ...


def describe(extractor: Extractor) -> str:
    """Return the name and the first 12 digits of the hash."""
    return f"{extractor.name} {extractor.hash[:12]}"


@final
class RandomConvolutions:
    """An untrained convolutional network.

    3x3 convolutions with fixed normal weights, leaky ReLU and average pooling halve the image
    until its larger side is at most 4 pixels; a random projection follows. Random networks
    distinguish image distributions without weights to download (Naeem et al., 2020,
    arxiv.org/abs/2002.09797).

    Arguments:
        image_shape: Channels, height, width.
        seed: Seed of the weights.
        num_features: Number of features.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], seed: int = 0, num_features: int = 128
    ) -> None:
        self.image_shape = image_shape
        self.num_features = num_features
        generator = torch.Generator().manual_seed(derive_seed("random convolutions", seed))
        gain = math.sqrt(2 / (1 + SLOPE**2))  # preserves the scale through a leaky ReLU
        channels, height, width = image_shape
        kernels, biases, num_kernels = [], [], WIDTH
        while max(height, width) > MAX_FINAL_SIDE or not kernels:
            kernel = torch.randn(num_kernels, channels, 3, 3, generator=generator)
            kernels.append(kernel * gain / math.sqrt(9 * channels))
            biases.append(0.3 * torch.randn(num_kernels, generator=generator))
            channels, num_kernels = num_kernels, min(2 * num_kernels, 4 * WIDTH)
            height, width = math.ceil(height / 2), math.ceil(width / 2)
        flat = channels * height * width
        self._kernels, self._biases = kernels, biases
        self._projection = torch.randn(flat, num_features, generator=generator) / math.sqrt(flat)

    @property
    def name(self) -> str:
        """Name of the extractor in protocols."""
        return f"random-convolutions-{self.num_features}"

    @property
    def hash(self) -> str:
        """sha256 of the weights and the image shape, in hexadecimal."""
        digest = hashlib.sha256(repr(self.image_shape).encode())
        for part in (*self._kernels, *self._biases, self._projection):
            digest.update(part.numpy().tobytes())
        return digest.hexdigest()

    def features(self, images: Images | Pixels, *, batch_size: int = 500) -> Features:
        """Return the projected activations.

        Raises:
            UserError: Images of another shape ("shape-mismatch"), or values that are not finite
                ("not-finite").
        """
        require_shape(images, self.image_shape, self.name)
        parts = [torch.empty(0, self.num_features)]
        with torch.no_grad():
            for part in images.split(batch_size):
                x = quantize(part).cpu()
                for kernel, bias in zip(self._kernels, self._biases, strict=True):
                    x = leaky_relu(conv2d(x, kernel, bias, padding=1), SLOPE)
                    x = avg_pool2d(x, 2, ceil_mode=True)
                parts.append(x.flatten(1) @ self._projection)
        return torch.cat(parts)


@final
class PixelPCA:
    """Coordinates along the principal axes of real images, in units of pixels in [-1, 1].

    Create it with `fit`. The axes are orthonormal, so the feature distance of two images is at
    most their pixel distance.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], mean: Tensor, axes: Tensor, hash: str
    ) -> None:
        self.image_shape = image_shape
        self.hash = hash
        self.num_features: int = axes.shape[1]
        self._mean, self._axes = mean, axes

    @classmethod
    def fit(
        cls,
        images: Images | Pixels,
        num_features: int = 64,
        max_images: int = 20_000,
        seed: int = 0,
    ) -> "PixelPCA":
        """Compute the principal axes of real images.

        Arguments:
            images: Images of the train split.
            num_features: Maximum number of axes. The number of axes is also at most the number of
                pixels, and less than the number of images.
            max_images: Size of the random subset that the axes are computed from.
            seed: Seed of that subset, and of the approximate solver for large images.

        Raises:
            UserError: Fewer than two images ("too-few-images"), or values that are not finite
                ("not-finite").
        """
        if len(images) < 2:
            raise UserError(
                f"The number of images is {len(images)}; a PCA needs at least 2.",
                code="too-few-images",
            )
        generator = torch.Generator().manual_seed(derive_seed("pixel pca", seed))
        chosen = torch.randperm(len(images), generator=generator)[:max_images]
        x = quantize(images[chosen.to(images.device)]).flatten(1).cpu().numpy()
        count = min(num_features, x.shape[1], len(x) - 1)
        with np.errstate(invalid="ignore"):  # shares of a variance that is 0: equal images
            pca = PCA(count, random_state=seed).fit(x)
        # the hash covers the inputs, since the last digits of the axes depend on the machine
        digest = hashlib.sha256(repr((count, seed, tuple(images.shape[1:]))).encode())
        digest.update(np.ascontiguousarray(x).tobytes())
        mean, axes = (torch.from_numpy(np.array(v)) for v in (pca.mean_, pca.components_))
        _, channels, height, width = images.shape
        shape = (channels, height, width)
        return cls(shape, mean.float(), axes.float().T, digest.hexdigest())

    @property
    def name(self) -> str:
        """Name of the extractor in protocols."""
        return f"pixel-pca-{self.num_features}"

    def features(self, images: Images | Pixels, *, batch_size: int = 500) -> Features:
        """Return the coordinates.

        Raises:
            UserError: Images of another shape ("shape-mismatch"), or values that are not finite
                ("not-finite").
        """
        require_shape(images, self.image_shape, self.name)
        parts = [torch.empty(0, self.num_features)]
        for part in images.split(batch_size):
            parts.append((quantize(part).cpu().flatten(1) - self._mean) @ self._axes)
        return torch.cat(parts)


def require_shape(images: Tensor, shape: tuple[int, int, int], name: str) -> None:
    """Check that images have the shape that the extractor was made for.

    Raises:
        UserError: They have another shape ("shape-mismatch").
    """
    if tuple(images.shape[1:]) != shape:
        raise UserError(
            f"The images have shape {tuple(images.shape[1:])}, but the extractor {name} was made "
            f"for images of shape {shape}; make an extractor for these images.",
            code="shape-mismatch",
        )
