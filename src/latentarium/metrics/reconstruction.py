"""Differences between images and their reconstructions.

Images are scaled to [0, 1]. Each measure has one value per image and is averaged over images.

    MSE       mean over pixels and channels of (x - x*)^2
    PSNR      10 log10(1 / MSE), in dB, but at most `PSNR_CAP`
    SSIM      structural similarity: luminance, contrast and structure in a Gaussian window of
              standard deviation 1.5 pixels; 1 if both images are equal
    features  |f(x) - f(x*)| for an extractor f, with the mean distance of two different real
              images as the reference

References:
    Image quality assessment: from error visibility to structural similarity (Wang, Bovik, Sheikh
    and Simoncelli, 2004)
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from latentarium.data.dataset import to_float
from latentarium.errors import UserError
from latentarium.metrics.extractors import Extractor
from latentarium.shapes import Images, PerSample, Pixels
from latentarium.stats.intervals import bootstrap
from latentarium.stats.measurement import Interval

PSNR_CAP = 100.0
"""dB; the cap is needed because the PSNR of equal images is infinite. It corresponds to an MSE of
1e-10, far below an error of one grey level (48 dB)."""
SIGMA, RADIUS = 1.5, 5
"""Standard deviation and radius of the window in pixels: it is 11 pixels wide, as in the paper."""
K1, K2 = 0.01, 0.03
BATCH_SIZE = 1000


@dataclass(frozen=True, kw_only=True)
class ImageMean:
    """A mean over images with its interval."""

    value: float
    interval: Interval
    per_image: PerSample


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """Mean differences between images and their reconstructions."""

    mse: ImageMean
    psnr: ImageMean
    """The mean of the images' PSNRs, not the PSNR of the mean error."""
    ssim: ImageMean
    feature_distance: ImageMean | None
    """None without an extractor."""
    unrelated_feature_distance: float | None
    """Mean feature distance of two different originals, as a reference."""
    n: int


def measure_reconstruction(
    original: Images | Pixels,
    reconstructed: Images,
    extractor: Extractor | None = None,
    *,
    seed: int = 0,
) -> Reconstruction:
    """Compare each image with its reconstruction.

    Arguments:
        original: Real images; uint8 is converted.
        reconstructed: One reconstruction for each image, in [-1, 1]; other values are clamped.
        extractor: Extractor for the feature distance; None: it is not measured.
        seed: Seed of the bootstrap intervals and of the pairs of different images.

    Raises:
        UserError: Sets of different shape ("shape-mismatch"), empty sets ("too-few-images"), or
            values that are not finite ("not-finite").
    """
    if original.shape != reconstructed.shape:
        raise UserError(
            f"The originals have shape {tuple(original.shape)} and the reconstructions "
            f"{tuple(reconstructed.shape)}; give one reconstruction for each image.",
            code="shape-mismatch",
        )
    if len(original) == 0:
        raise UserError("There are no images; give at least 1.", code="too-few-images")
    if not bool(reconstructed.isfinite().all()):
        raise UserError(
            "Some reconstructions are not finite; check the model's weights.", code="not-finite"
        )
    errors, similarities = [], []
    for x, y in zip(original.split(BATCH_SIZE), reconstructed.split(BATCH_SIZE), strict=True):
        a, b = (to_float(x) + 1) / 2, (y.clamp(-1, 1) + 1) / 2
        errors.append((a - b).double().square().flatten(1).mean(1))
        similarities.append(structural_similarity(a, b).double())
    mse = torch.cat(errors)
    psnr = (-10 * mse.log10()).clamp_max(PSNR_CAP)
    feature_distance, unrelated = None, None
    if extractor is not None:
        features = extractor.features(original)
        distances = (features - extractor.features(reconstructed)).double().norm(dim=1)
        feature_distance = _image_mean(distances, seed)
        order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
        pairs = features[order] - features[order.roll(1)]
        unrelated = float(pairs.double().norm(dim=1).mean())
    return Reconstruction(
        mse=_image_mean(mse, seed),
        psnr=_image_mean(psnr, seed),
        ssim=_image_mean(torch.cat(similarities), seed),
        feature_distance=feature_distance,
        unrelated_feature_distance=unrelated,
        n=len(original),
    )


def structural_similarity(a: Images, b: Images) -> PerSample:
    """Return the SSIM of each pair of images in [0, 1] (Wang et al., 2004).

    It is averaged over channels and over the positions where the whole window is inside the image.
    If the window is wider than the image, it shrinks to the largest odd size that fits.
    """
    channels, height, width = a.shape[1:]
    radius = min(RADIUS, (min(height, width) - 1) // 2)
    steps = torch.arange(-radius, radius + 1, dtype=torch.float64)
    window = torch.exp(-0.5 * (steps / SIGMA).square())
    window = (window / window.sum()).to(a.device)

    def blur(x: Tensor) -> Tensor:  # the window is separable
        flat = x.flatten(0, 1)[:, None]
        flat = F.conv2d(flat, window.view(1, 1, -1, 1))
        return F.conv2d(flat, window.view(1, 1, 1, -1)).unflatten(0, (len(x), channels))[:, :, 0]

    a, b = a.double(), b.double()
    mean_a, mean_b = blur(a), blur(b)
    # rounding can make the variance of a flat patch negative
    var_a = (blur(a * a) - mean_a.square()).clamp_min(0)
    var_b = (blur(b * b) - mean_b.square()).clamp_min(0)
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = K1**2, K2**2
    numerator = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    denominator = (mean_a.square() + mean_b.square() + c1) * (var_a + var_b + c2)
    return (numerator / denominator).flatten(1).mean(1).float()


def _image_mean(values: Tensor, seed: int) -> ImageMean:
    interval = bootstrap(values, seed=seed)
    return ImageMean(value=float(values.mean()), interval=interval, per_image=values)
