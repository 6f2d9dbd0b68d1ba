"""How much of an image is lost between encoder and decoder.

Images are scaled to [0, 1]; each quantity is one value per image, then a mean over images.

    MSE       mean over pixels and channels of (x - x*)^2
    PSNR      10 log10(1 / MSE), in dB; at most `PSNR_CAP`, which stands for "no difference seen"
    SSIM      structural similarity: luminance, contrast and structure in a Gaussian window of
              deviation 1.5; 1 where both images are equal
    features  |f(x) - f(x*)| in an extractor's space, beside that of two different real images

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
from latentarium.stats.intervals import Interval, bootstrap

PSNR_CAP = 100.0
"""dB: an error of 1e-10, far below one grey level (48 dB); equal images would be infinite."""
SIGMA, RADIUS = 1.5, 5
"""Of the window: 11 pixels wide, as in the paper."""
K1, K2 = 0.01, 0.03
BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean over images with its interval."""

    value: float
    interval: Interval
    per_image: PerSample


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """How near reconstructions are to their originals."""

    mse: Mean
    psnr: Mean
    """The mean of each image's PSNR, not the PSNR of the mean error."""
    ssim: Mean
    features: Mean | None
    """None without an extractor."""
    features_of_others: float | None
    """The same distance between different real images: what no resemblance looks like."""
    n: int


def reconstruction(
    original: Images | Pixels,
    reconstructed: Images,
    extractor: Extractor | None = None,
    *,
    seed: int = 0,
) -> Reconstruction:
    """Compares each image with its reconstruction.

    Arguments:
        original: Real images; uint8 is converted.
        reconstructed: One for each, in [-1, 1].
        extractor: For the distance in features.
        seed: Of the intervals' resamples, and of the pairs of different images.

    Raises:
        UserError: Sets of different shape, none at all, or values that are not finite.
    """
    if original.shape != reconstructed.shape or len(original) == 0:
        raise UserError(
            f"Originals {tuple(original.shape)} and reconstructions "
            f"{tuple(reconstructed.shape)} don't match: give one for each image, at least one."
        )
    if not bool(reconstructed.isfinite().all()):
        raise UserError("Some reconstructions are not finite: look at the weights.")
    errors, likeness = [], []
    for x, y in zip(original.split(BATCH), reconstructed.split(BATCH), strict=True):
        a, b = (to_float(x) + 1) / 2, (y.clamp(-1, 1) + 1) / 2
        errors.append((a - b).double().square().flatten(1).mean(1))
        likeness.append(structural_similarity(a, b).double())
    mse = torch.cat(errors)
    psnr = (-10 * mse.log10()).clamp_max(PSNR_CAP)
    near, others = None, None
    if extractor is not None:
        real, made = extractor.features(original), extractor.features(reconstructed)
        near = _mean((real - made).double().norm(dim=1), seed)
        shuffle = torch.randperm(len(real), generator=torch.Generator().manual_seed(seed))
        others = float((real[shuffle] - real[shuffle.roll(1)]).double().norm(dim=1).mean())
    return Reconstruction(
        mse=_mean(mse, seed),
        psnr=_mean(psnr, seed),
        ssim=_mean(torch.cat(likeness), seed),
        features=near,
        features_of_others=others,
        n=len(original),
    )


def structural_similarity(a: Images, b: Images) -> PerSample:
    """SSIM of each pair (Wang et al., 2004), averaged over channels and over the places where the
    whole window lies within the image; both in [0, 1]. A window wider than the image shrinks to
    the largest odd size that fits."""
    channels, height, width = a.shape[1:]
    radius = min(RADIUS, (min(height, width) - 1) // 2)
    steps = torch.arange(-radius, radius + 1, dtype=torch.float64)
    window = torch.exp(-0.5 * (steps / SIGMA).square())
    window = (window / window.sum()).to(a.device)

    def blur(x: Tensor) -> Tensor:  # separable
        flat = x.flatten(0, 1)[:, None]
        flat = F.conv2d(flat, window.view(1, 1, -1, 1))
        return F.conv2d(flat, window.view(1, 1, 1, -1)).unflatten(0, (len(x), channels))[:, :, 0]

    a, b = a.double(), b.double()
    mean_a, mean_b = blur(a), blur(b)
    # rounding can make a variance of a flat patch negative
    var_a = (blur(a * a) - mean_a.square()).clamp_min(0)
    var_b = (blur(b * b) - mean_b.square()).clamp_min(0)
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = K1**2, K2**2
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    bottom = (mean_a.square() + mean_b.square() + c1) * (var_a + var_b + c2)
    return (top / bottom).flatten(1).mean(1).float()


def _mean(values: Tensor, seed: int) -> Mean:
    interval = bootstrap(values, seed=seed)
    return Mean(value=float(values.mean()), interval=interval, per_image=values)
