"""The path between two images, given by references or by seeds of samples."""

import re
from collections.abc import Callable

import torch
from torch.nn.functional import one_hot

from latentarium.arguments import as_integer
from latentarium.data.dataset import Data
from latentarium.errors import UserError
from latentarium.latent.encode_source import require_encoder
from latentarium.latent.image_reference import latent_of, referenced_image
from latentarium.latent.latent_map import LatentMap
from latentarium.models.base import LatentModel
from latentarium.models.inference import decode
from latentarium.models.interpolation import METHODS, lerp
from latentarium.shapes import Images, Labels, LatentVector, SoftLabels

SEED = re.compile(r"seed:(\d{1,10})")
End = tuple[LatentVector, Labels | SoftLabels | None]


def path_images(
    model: LatentModel,
    load_data: Callable[[], Data],
    ends: tuple[str, str],
    steps: int = 16,
    method: str = "linear",
    label: str | None = None,
) -> Images:
    """Return the decoded latents on a path, in [-1, 1].

    Arguments:
        model: A model in evaluation mode.
        load_data: Returns the training data; it is called only if they are needed.
        ends: Both ends: references to images (see `latentarium.latent.image_reference`), or
            seed:N for the first sample of a seed.
        steps: Number of images.
        method: "linear", "spherical" or "data"; see `LatentMap.interpolate`.
        label: For a model that takes a label: the label of both ends, in place of their own.

    Raises:
        UserError: An end is not found (codes "unknown-image" and "file-not-found"), an image is
            given to a model without an encoder (code "no-encoder"), a label is missing (code
            "label-missing") or not taken (code "label-not-taken"); or as for
            `LatentMap.interpolate`.
    """
    count = as_integer("steps", steps, 2, code="too-few-steps")
    if method not in METHODS and (not model.has_encoder or model.decodes_label):
        raise UserError(
            f"This model has no interpolation method '{method}', which needs an encoder that "
            f"works without a label: choose {' or '.join(METHODS)}.",
            code="unknown-method",
        )
    data: Data | None = None

    def end(text: str) -> End:
        nonlocal data
        seed = SEED.fullmatch(text)
        if seed is not None:
            z, y = model.latents(1, label, int(seed[1]))
            return z[0], y
        require_encoder(model)  # before the data are loaded
        data = data or load_data()
        return latent_of(model, referenced_image(text, data), label)

    (first, first_label), (second, second_label) = map(end, ends)
    if method in METHODS:
        path = METHODS[method](first, second, count)
    else:
        data = data or load_data()
        path = LatentMap(model, data).interpolate(first, second, count, method)
    if not model.decodes_label or first_label is None or second_label is None:
        return decode(model, path)
    weights = [_weights(y, model.num_classes) for y in (first_label, second_label)]
    return decode(model, path, lerp(weights[0], weights[1], count))


def _weights(y: Labels | SoftLabels, num_classes: int) -> torch.Tensor:
    """Return a label (1,) as weights over the classes (K,)."""
    return y[0].float() if y.is_floating_point() else one_hot(y[0], num_classes).float()
