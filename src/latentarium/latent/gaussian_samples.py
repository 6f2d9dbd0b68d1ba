"""Draw latents from Gaussians.

    class      the Gaussian of a class, fitted to the latents of the class
    single     one Gaussian, fitted to all latents by maximum likelihood; if the latents have
               several modes, the Gaussian also covers the regions between the modes
    ellipse    a Gaussian on a plane, given by its ellipse

All Gaussians get the same noise from a seed, so samples change smoothly while a Gaussian is moved.
"""

from latentarium.arguments import Integer, Number
from latentarium.errors import UserError
from latentarium.latent.class_samples import draw_in_blocks, draw_latents
from latentarium.latent.encoded import EncodedData
from latentarium.latent.gaussians import SHRINKAGE, Ellipse, single_gaussian
from latentarium.latent.planes import Plane
from latentarium.models.labels import class_index
from latentarium.shapes import LatentSet, Points

NUM_SAMPLES = 400


def class_latents(
    encoded: EncodedData,
    label: str | int,
    n: Integer = NUM_SAMPLES,
    seed: Integer = 0,
    *,
    truncation: Number = 1.0,
) -> LatentSet:
    """Draw latents from the Gaussian of a class, given by number or name.

    Raises:
        UserError: There are no class Gaussians (code "no-class-gaussian"), or there is no such
            class (code "unknown-class").
    """
    encoded.require_encoder()
    if encoded.gaussians is None:
        raise UserError(
            "This map has no class Gaussians: give data with labels and at least two images of "
            "each class.",
            code="no-class-gaussian",
        )
    gaussian = encoded.gaussians.gaussians[class_index(label, encoded.data.card.classes)]
    return draw_latents(gaussian, n, seed, truncation=truncation)


def single_gaussian_latents(
    encoded: EncodedData, n: Integer = NUM_SAMPLES, seed: Integer = 0, *, truncation: Number = 1.0
) -> LatentSet:
    """Draw latents from one Gaussian, fitted by maximum likelihood to all training latents."""
    encoded.require_encoder()
    gaussian = single_gaussian(encoded.latents, SHRINKAGE)
    return draw_latents(gaussian, n, seed, truncation=truncation)


def ellipse_latents(
    encoded: EncodedData,
    ellipse: Ellipse,
    n: Integer = NUM_SAMPLES,
    seed: Integer = 0,
    *,
    truncation: Number = 1.0,
    plane: Plane | None = None,
) -> LatentSet:
    """Draw latents from the Gaussian of an ellipse on a plane; all of them are on the plane."""
    encoded.require_encoder()
    points = draw_in_blocks(ellipse.transform, n, 2, seed, truncation)
    return encoded.unproject(points, plane)


def unit_noise(seed: Integer, n: Integer = NUM_SAMPLES) -> Points:
    """Return the standard normal points that `ellipse_latents` scales, rotates and moves."""
    unit = Ellipse(centre=(0.0, 0.0), major=1.0, minor=1.0, angle=0.0, sigmas=1.0)
    return draw_in_blocks(unit.transform, n, 2, seed, 1.0)
