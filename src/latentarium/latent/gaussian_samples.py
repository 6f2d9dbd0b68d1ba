"""Images drawn from Gaussians in a latent space, and how many of them are what they should be.

    of_class     each class has its own Gaussian: draws from 7's are 7s
    of_all       one Gaussian by maximum likelihood for all images: where they have several modes,
                 it also draws from between them
    of_ellipse   a Gaussian that a person drew on the map

The same seed gives the same noise to all of them: what is dragged moves smoothly.
"""

from typing import Any

import torch
from torch import Tensor

from latentarium.classifier.classifier import CONFIDENT
from latentarium.errors import UserError
from latentarium.latent.calibration import levels_of, off, share
from latentarium.latent.class_samples import gaussian_latents, noise_of
from latentarium.latent.gaussians import SHRINKAGE, Ellipse, single_gaussian
from latentarium.latent.latent_map import Atlas
from latentarium.latent.planes import Plane
from latentarium.shapes import LatentSet, Points

DRAWN = 400
"""Draws that numbers speak of; the page shows the images of the first."""


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
    that of held-out images, decoded from their latents.

    Arguments:
        atlas: The model's map.
        z: The draws.
        label: The class that they are of; None: any.

    Returns:
        n; rarer: the median draw is rarer than this share of held-out images; off: the share of
        draws off the data; sure: of draws of which the judge is sure; judged: of draws that it
        takes for the class. The last two are None where there is no judge, and `judged` where
        there is no class.
    """
    drawn = atlas.decoded_in_turns(z)
    levels, usual = levels_of(drawn.trust), atlas.usual
    judged = atlas.judge and atlas.judge.probabilities(torch.from_numpy(drawn.pixels))
    labels = atlas.data.validation.labels
    alike = torch.ones(len(usual.levels), dtype=torch.bool)
    if label is not None and labels is not None:
        alike = labels[: len(alike)] == label
    said = None if usual.probabilities is None else usual.probabilities[alike]
    return {
        "n": len(z),
        "rarer": 1 - float(levels.median()),
        **_shares(levels, judged, label),
        "usual": {"n": int(alike.sum()), **_shares(usual.levels[alike], said, label)},
    }


def _shares(levels: Tensor, probabilities: Tensor | None, label: int | None) -> dict[str, Any]:
    if not len(levels):  # no held-out image of the class
        return {"off": None, "sure": None, "judged": None}
    if probabilities is None:
        return {"off": off(levels), "sure": None, "judged": None}
    most = probabilities.max(1)
    judged = None if label is None else share(most.indices == label)
    return {"off": off(levels), "sure": share(most.values >= CONFIDENT), "judged": judged}
