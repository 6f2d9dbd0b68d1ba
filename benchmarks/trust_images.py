"""Kinds of bad images for `benchmarks/trust.py`, made from real ones.

The rule was developed on `DEVELOPMENT`; `UNSEEN` was measured at the end, without a change of the
rule afterwards. Each kind maps real images (N, C, H, W) in [0, 1] to bad ones.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

Kind = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def spectral(x: np.ndarray, rng: np.random.Generator, exponent: float) -> np.ndarray:
    """Return noise with amplitudes f^-exponent and values that fill the range."""
    height, width = x.shape[2:]
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    radius = np.maximum(radius, 1 / max(height, width))
    spectrum = np.fft.fft2(rng.normal(size=x.shape)) * radius**-exponent
    noise = np.fft.ifft2(spectrum).real
    noise -= noise.mean((1, 2, 3), keepdims=True)
    return 0.5 + 0.25 * noise / noise.std((1, 2, 3), keepdims=True)


def shuffled(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Permute the pixels of each image."""
    n, channels, height, width = x.shape
    order = rng.random((n, 1, height * width)).argsort(2)
    flat = np.take_along_axis(x.reshape(n, channels, -1), order, 2)
    return flat.reshape(x.shape)


def partner(x: np.ndarray) -> np.ndarray:
    """Return another image for each image: one of another class, as the images are sorted by class
    and no class has half of them."""
    return np.roll(x, len(x) // 2, 0)


def patches(x: np.ndarray, rng: np.random.Generator, grid: int) -> np.ndarray:
    """Shuffle the patches of each image; no patch keeps its place."""
    height, width = x.shape[2] // grid, x.shape[3] // grid
    result = x.copy()
    cells = [(i * height, j * width) for i in range(grid) for j in range(grid)]
    for image, source in zip(result, x, strict=True):
        order = rng.permutation(len(cells))
        while (order == np.arange(len(cells))).any():
            order = rng.permutation(len(cells))
        for (i, j), cell in zip(cells, order, strict=True):
            k, m = cells[cell]
            image[:, i : i + height, j : j + width] = source[:, k : k + height, m : m + width]
    return result


def board(x: np.ndarray, side: int) -> np.ndarray:
    """Return a black and white checkerboard."""
    down, across = (np.arange(size) // side for size in x.shape[2:])
    return ((down[:, None] + across[None]) % 2).astype(float)


def constant(x: np.ndarray, level: np.ndarray | float) -> np.ndarray:
    """Return images of one colour."""
    return np.broadcast_to(np.asarray(level, dtype=float), x.shape)


def blurred(x: np.ndarray, deviation: tuple[float, float]) -> np.ndarray:
    """Blur images; the deviations are shares of the sides."""
    down, across = (share * size for share, size in zip(deviation, x.shape[2:], strict=True))
    return ndimage.gaussian_filter(x, (0, 0, down, across), mode="nearest")


def phase_scrambled(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Keep the amplitudes of each image, and replace the phases by those of white noise."""
    phases = np.angle(np.fft.fft2(rng.normal(size=(len(x), 1, *x.shape[2:]))))
    return np.fft.ifft2(np.abs(np.fft.fft2(x)) * np.exp(1j * phases)).real


def occluded(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cover the middle half of each image with grey."""
    del rng
    height, width = x.shape[2:]
    result = x.copy()
    result[:, :, height // 4 : -(height // 4), width // 4 : -(width // 4)] = 0.5
    return result


def mosaic(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Show each image as 5 x 5 squares of three grey values."""
    del rng
    rows, columns = (np.arange(size) * 5 // size for size in x.shape[2:])
    means = np.stack([
        np.stack([x[:, :, rows == i][:, :, :, columns == j].mean((2, 3)) for j in range(5)], 2)
        for i in range(5)
    ], 2)  # fmt: skip
    return (means[:, :, rows][:, :, :, columns] * 2).round() / 2


def smooth_noise(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return filtered noise, stretched to the full range."""
    noise = ndimage.gaussian_filter(rng.normal(size=x.shape), (0, 0, 1.5, 1.5), mode="wrap")
    low, high = noise.min((2, 3), keepdims=True), noise.max((2, 3), keepdims=True)
    return (noise - low) / (high - low)


def mean_spectrum(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return noise with the mean power spectrum and the mean image of the real images."""
    amplitude = np.sqrt((np.abs(np.fft.fft2(x - x.mean(0))) ** 2).mean(0))
    noise = np.fft.fft2(rng.normal(size=x.shape), norm="ortho")
    return x.mean(0) + np.fft.ifft2(amplitude * noise).real


def sparse(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return black and white pixels with the share of white of each image."""
    return (rng.random(x.shape) < x.mean((2, 3), keepdims=True)).astype(float)


def quarters(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Join the quarters of four images."""
    del rng
    height, width = x.shape[2] // 2, x.shape[3] // 2
    result = x.copy()
    step = len(x) // 4
    result[:, :, :height, width:] = np.roll(x, step, 0)[:, :, :height, width:]
    result[:, :, height:, :width] = np.roll(x, 2 * step, 0)[:, :, height:, :width]
    result[:, :, height:, width:] = np.roll(x, 3 * step, 0)[:, :, height:, width:]
    return result


def rows_permuted(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Permute the rows of each image."""
    order = rng.random((len(x), 1, x.shape[2], 1)).argsort(2)
    return np.take_along_axis(x, np.broadcast_to(order, x.shape), 2)


def interleaved(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Take every other pixel from another image, as on a checkerboard."""
    del rng
    return np.where(board(x, 1) > 0, x, partner(x))


def rectangles(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cover the image with 30 random rectangles of random colours."""
    result = np.empty_like(x)
    height, width = x.shape[2:]
    for image in result:
        image[:] = rng.random()
        for _ in range(30):
            i, j = rng.integers(height), rng.integers(width)
            h, w = rng.integers(2, height // 2), rng.integers(2, width // 2)
            image[:, i : i + h, j : j + w] = rng.random((len(image), 1, 1))
    return result


def scribbles(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw 12 straight lines, light on dark."""
    result = np.zeros_like(x)
    for image in result:
        for _ in range(12):
            ends = rng.random((2, 2)) * (np.array(x.shape[2:]) - 1)
            steps = np.linspace(0, 1, 2 * max(x.shape[2:]))[:, None]
            i, j = (ends[0] + steps * (ends[1] - ends[0])).round().astype(int).T
            image[:, i, j] = 1
    return result


DEVELOPMENT: dict[str, Kind] = {
    "white noise": lambda x, rng: rng.random(x.shape),
    "pink noise": lambda x, rng: spectral(x, rng, 1),
    "smooth noise": smooth_noise,
    "black and white pixels": lambda x, rng: (rng.random(x.shape) < 0.5).astype(float),
    "shuffled pixels": shuffled,
    "added noise": lambda x, rng: x + 0.3 * rng.normal(size=x.shape),
    "phase scrambled": phase_scrambled,
    "blurred": lambda x, rng: blurred(x, (0.14, 0.14)),
    "mean of two": lambda x, rng: 0.5 * x + 0.5 * partner(x),
    "brighter of two": lambda x, rng: np.maximum(x, partner(x)),
    "halves of two": lambda x, rng: np.concatenate(
        [x[..., : x.shape[3] // 2], partner(x)[..., x.shape[3] // 2 :]], 3
    ),
    "grey": lambda x, rng: constant(x, 0.1 + 0.8 * rng.random((len(x), 1, 1, 1))),
    "gradient": lambda x, rng: (
        constant(x, np.linspace(0, 1, x.shape[3])) * rng.random((len(x), 1, 1, 1))
    ),
    "checkerboard, pixels": lambda x, rng: constant(x, board(x, 1)),
    "16 patches shuffled": lambda x, rng: patches(x, rng, 4),
    "inverted": lambda x, rng: 1 - x,
    "half covered": occluded,
    "quantized mosaic": mosaic,
}
UNSEEN: dict[str, Kind] = {
    "brown noise": lambda x, rng: spectral(x, rng, 2),
    "blue noise": lambda x, rng: spectral(x, rng, -1),
    "sparse pixels": sparse,
    "noise with the mean spectrum": mean_spectrum,
    "motion blur": lambda x, rng: blurred(x, (0.01, 0.3)),
    "mean of eight": lambda x, rng: np.mean([np.roll(x, i * len(x) // 8, 0) for i in range(8)], 0),
    "black or white": lambda x, rng: constant(x, rng.integers(2, size=(len(x), 1, 1, 1))),
    "checkerboard, squares": lambda x, rng: constant(x, board(x, max(2, x.shape[2] // 7))),
    "stripes": lambda x, rng: constant(x, np.arange(x.shape[3]) % 4 < 2),
    "saturated checkerboard over image": lambda x, rng: np.where(
        board(x, 2) > 0, x, 1 - x.round()
    ),
    "4 patches shuffled": lambda x, rng: patches(x, rng, 2),
    "rows permuted": rows_permuted,
    "quarters of four": quarters,
    "pixels of two": interleaved,
    "rectangles": rectangles,
    "scribbles": scribbles,
}
DEVELOPMENT_STEPS, UNSEEN_STEPS = (20,), (100, 400)
"""Steps after which the training of a GAN and of a VAE is stopped."""
