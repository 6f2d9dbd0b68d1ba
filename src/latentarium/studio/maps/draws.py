"""Images drawn from Gaussians in a latent space, and how many of them are what they should be.

    of_class     each class has its own Gaussian: draws from 7's are 7s
    of_all       one Gaussian by maximum likelihood for all images: where they have several modes,
                 it also draws from between them
    of_ellipse   a Gaussian that a person drew on the map

The same seed gives the same noise to all of them: what is dragged moves smoothly.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from latentarium.errors import UserError
from latentarium.latent.class_draws import gaussian_latents, noise_of
from latentarium.latent.gaussians import SHRINKAGE, Ellipse, single_gaussian
from latentarium.latent.project import Plane
from latentarium.metrics.intervals import wilson
from latentarium.metrics.judge import SURE
from latentarium.shapes import LatentSet, Points
from latentarium.studio.maps.atlas import HELD_OUT, Atlas

DRAWN = 400
"""Draws that numbers speak of; the page shows the images of the first."""
GAP = 0.99
"""A draw lies in a gap if it is farther from the data than this share of held-out images."""


def of_class(
    atlas: Atlas, label: int, seed: int = 0, temperature: float = 1.0, n: int = DRAWN
) -> LatentSet:
    """Draws from a class's Gaussian in the whole latent space.

    Raises:
        UserError: No such class.
    """
    fitted = atlas.gaussians
    if fitted is None or not 0 <= label < len(fitted.gaussians):
        raise UserError(f"There is no Gaussian of class {label}: choose a class of the map.")
    return gaussian_latents(fitted.gaussians[label], n, seed, truncation=temperature)


def of_all(atlas: Atlas, seed: int = 0, temperature: float = 1.0, n: int = DRAWN) -> LatentSet:
    """Draws from one Gaussian, fitted by maximum likelihood to the codes of all images."""
    fitted = single_gaussian(atlas.codes, SHRINKAGE)
    return gaussian_latents(fitted, n, seed, truncation=temperature)


def of_ellipse(
    atlas: Atlas,
    ellipse: Ellipse,
    seed: int = 0,
    temperature: float = 1.0,
    n: int = DRAWN,
    *,
    plane: Plane | None = None,
) -> LatentSet:
    """Draws from the Gaussian on the map, or on another plane, whose ellipse this is; off the
    plane all lie at its origin."""
    points = ellipse.sample(n, noise_of(seed), temperature)
    return (plane or atlas.plane).unproject(points).float()


def standard(seed: int, n: int = DRAWN) -> Points:
    """The noise of a seed: what `of_ellipse` stretches, turns and moves."""
    unit = Ellipse(centre=(0.0, 0.0), major=1.0, minor=1.0, angle=0.0, sigmas=1.0)
    return unit.sample(n, noise_of(seed))


def verdict(atlas: Atlas, z: LatentSet, label: int | None = None) -> dict[str, Any]:
    """How many draws are what they should be, each share with its 95 % interval, and beside it
    that of reconstructed held-out images.

    Arguments:
        atlas: The model's map.
        z: The draws.
        label: The class that they are of; None: any.

    Returns:
        n; farther: the median draw is farther from the data than this share of held-out images;
        gaps: the share of draws farther than 99 % of them; sure: of draws of which the judge is
        sure; judged: of draws that it takes for the class. The last two are None where there is
        no judge, and `judged` where there is no class.
    """
    drawn, held_out = atlas.decoded_in_turns(z), atlas.held_out_codes[:HELD_OUT]
    rarity = drawn.trust[:, 1]
    of_draws = _shares(_judged(atlas, drawn.pixels), label)
    labels = atlas.data.validation.labels
    if label is not None and labels is not None:
        held_out = held_out[labels[:HELD_OUT] == label]
    usual: dict[str, Any] = {"sure": None, "judged": None}
    if of_draws["sure"] and len(held_out):
        usual = _shares(_judged(atlas, atlas.decoded_in_turns(held_out).pixels), label)
    return {
        "n": len(z),
        "farther": float(np.median(rarity)),
        "gaps": share(torch.from_numpy(rarity > GAP)),
        **of_draws,
        "usual": {"n": len(held_out), **usual},
    }


def _judged(atlas: Atlas, pixels: np.ndarray) -> Tensor | None:
    """Probabilities (n, K); None where no judge knows such images."""
    return atlas.judge and atlas.judge.probabilities(torch.from_numpy(pixels))


def _shares(probabilities: Tensor | None, label: int | None) -> dict[str, Any]:
    if probabilities is None:
        return {"sure": None, "judged": None}
    most = probabilities.max(1)
    judged = None if label is None else share(most.indices == label)
    return {"sure": share(most.values >= SURE), "judged": judged}


def share(hits: Tensor) -> dict[str, float]:
    """Of hits among all, with its 95 % interval."""
    low, high = wilson(int(hits.sum()), len(hits))
    return {"share": float(hits.double().mean()), "low": low, "high": high}
