"""Names for latents, and for planes through three latents.

    i17         the latent of image 17 of the map
    c3          the mean latent of class 3
    0.5,-1.25   a point of the map, or of the lattice of a model that can't encode

A plane is named by three images or classes: i17_c3_i40. The empty name means
the map's own plane.
"""

import re

import torch

from latentarium.errors import UserError
from latentarium.latent.encoded import EncodedData
from latentarium.latent.planes import MAX_COORDINATE, Plane, anchor_plane
from latentarium.shapes import LatentVector

MAX_NAME = 100
"""Maximum number of characters of a name."""
NUMBERED = re.compile(r"([ic])(\d{1,12})")


def named_latent(encoded: EncodedData, name: str, plane: Plane | None = None) -> LatentVector:
    """Return the latent that a name refers to, float32.

    Arguments:
        encoded: A model's encoded data.
        name: A name as described in this module.
        plane: The plane of a point; None: the map's own plane.

    Raises:
        UserError: The name is invalid (code "invalid-name"), there is no such image or class
            (codes "unknown-image" and "unknown-class"), a coordinate is not finite or too large
            (code "out-of-range"), or an image or a class is named and the model can't encode (code
            "no-encoder").
    """
    match = NUMBERED.fullmatch(name)
    if match is None:
        return _point(encoded, name, plane)
    kind, number = match[1], int(match[2])
    encoded.require_encoder()
    if kind == "i":
        if number >= encoded.num_images:
            raise UserError(
                f"There is no image {number}: images are numbered 0 to {encoded.num_images - 1}.",
                code="unknown-image",
            )
        return encoded.all_latents()[number]
    gaussians = encoded.gaussians
    num_classes = 0 if gaussians is None else len(gaussians.gaussians)
    if gaussians is None or number >= num_classes:
        raise UserError(
            f"There is no class {number}: this map has {num_classes} classes, numbered from 0.",
            code="unknown-class",
        )
    return gaussians.gaussians[number].mean.float()


def named_plane(encoded: EncodedData, name: str) -> Plane:
    """Return the plane that a name refers to.

    Raises:
        UserError: See `named_latent`; or the three latents are on one line (code
            "collinear-anchors").
    """
    encoded.require_encoder()
    if not name:
        return encoded.plane
    anchors = name.split("_")
    if len(anchors) != 3 or not all(NUMBERED.fullmatch(anchor) for anchor in anchors):
        raise UserError(
            f"{name[:MAX_NAME]!r} is not the name of a plane: name three images or classes, as in "
            "i17_c3_i40.",
            code="invalid-name",
        )
    z = torch.stack([named_latent(encoded, anchor) for anchor in anchors])
    return anchor_plane(encoded.latents, z)


def _point(encoded: EncodedData, name: str, plane: Plane | None) -> LatentVector:
    try:
        x, y = (float(part) for part in name.split(","))
    except ValueError:
        raise UserError(
            f"{name[:MAX_NAME]!r} is not the name of a latent: name an image as i17, a class as "
            "c3, or a point as 0.5,-1.25.",
            code="invalid-name",
        ) from None
    if not max(abs(x), abs(y)) <= MAX_COORDINATE:  # true for nan too
        raise UserError(
            f"The point is {name[:MAX_NAME]}; its coordinates must be between "
            f"{-MAX_COORDINATE:g} and {MAX_COORDINATE:g}.",
            code="out-of-range",
        )
    return encoded.unproject(torch.tensor([[x, y]]).double(), plane)[0].float()
