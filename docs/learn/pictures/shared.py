"""Models, maps, colours and functions that several pictures use."""

from collections.abc import Sequence
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes

import latentarium as la
from latentarium.data.dataset import Data, to_float

COLOURS = plt.get_cmap("tab10").colors  # pyright: ignore[reportAttributeAccessIssue]
"""A colour for each digit."""
GREY = "#7d7d7d"
"""The colour of lines and texts, which is legible on a light and on a dark page."""


@cache
def mnist() -> Data:
    """Return the images of MNIST."""
    return la.load_data("mnist")


@cache
def shipped(name: str) -> la.LatentModel:
    """Return a small model of the package."""
    return la.load(f"shipped:{name}")


@cache
def map_of(name: str) -> la.LatentMap:
    """Return the map of a small model of the package, with 10,000 training images."""
    return la.LatentMap(shipped(name), mnist(), max_points=10_000)


def test_images(*digits: int) -> torch.Tensor:
    """Return the first test image of each of these digits, in [-1, 1]."""
    test = mnist().test
    assert test.labels is not None
    first = [int((test.labels == digit).nonzero()[0]) for digit in digits]
    return to_float(test.images[first])


def show_rows(rows: dict[str, torch.Tensor], labels: Sequence[str] = ()) -> None:
    """Show titled rows of images.

    Arguments:
        rows: Images (N, 1, H, W) in [-1, 1] by the title of their row.
        labels: A text below each image of the last row.
    """
    count = max(map(len, rows.values()))
    _, axes = plt.subplots(
        len(rows), count, figsize=(0.72 * count, 0.78 * len(rows)), squeeze=False
    )
    for line, (title, images) in zip(axes, rows.items(), strict=True):
        for cell in line:
            cell.axis("off")
        for cell, image in zip(line, images, strict=False):
            show_image(cell, image)
        line[0].text(-0.12, 0.5, title, ha="right", va="center", transform=line[0].transAxes)
    for cell, label in zip(axes[-1], labels, strict=False):
        cell.text(0.5, -0.12, label, ha="center", va="top", transform=cell.transAxes)
    plt.subplots_adjust(wspace=0.08, hspace=0.08)


def show_image(axes: Axes, image: torch.Tensor) -> None:
    """Show one image (1, H, W)."""
    axes.imshow(image[0], cmap="gray", vmin=-1, vmax=1)
    axes.axis("off")


def show_map(axes: Axes, name: str, *, names: bool = True) -> None:
    """Show the latents of a model with two latent dimensions, coloured by the digit."""
    latent_map = map_of(name)
    labels = latent_map.encoded.train.labels
    assert labels is not None
    points, digits = latent_map.points(), np.asarray(labels)
    points = points[: len(digits)]
    axes.scatter(*points.T, c=np.array(COLOURS)[digits], s=1.5, alpha=0.5, linewidths=0)
    for digit in range(10) if names else ():
        x, y = np.median(points[digits == digit], axis=0)
        box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.8}
        axes.text(x, y, str(digit), bbox=box, ha="center", va="center", weight="bold", color="k")
    axes.set_aspect("equal")
