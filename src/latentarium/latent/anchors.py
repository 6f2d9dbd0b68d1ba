"""Places in a model's latent space by name, and planes through three of them.

    i17         the code of image 17 of the map
    c3          the mean of the codes of class 3
    0.5,-1.25   a place on the map, or between the seeds of a lattice

A plane is named by three of the first two kinds: i17_c3_i40. The empty name is the map's own.
"""

import re

import torch

from latentarium.errors import UserError
from latentarium.latent.latent_map import Atlas
from latentarium.latent.planes import Plane, anchor_plane
from latentarium.shapes import LatentVector
from latentarium.studio.protocol import MAX_COORDINATE

LONGEST = 100
"""Letters of a name, at most."""
NUMBERED = re.compile(r"([ic])(\d{1,12})")


def latent_of(atlas: Atlas, name: str, plane: Plane | None = None) -> LatentVector:
    """The latent that a name stands for, float32.

    Arguments:
        atlas: The model's map.
        name: As above.
        plane: Where a place lies; None: on the map.

    Raises:
        UserError: No such name, image or class, or a place that is not finite.
    """
    found = NUMBERED.fullmatch(name)
    if found is None:
        return _place(atlas, name, plane)
    kind, number = found[1], int(found[2])
    if not atlas.has_map:
        raise UserError("This model has no encoder, so no image has a latent: give a place.")
    if kind == "i":
        if number >= atlas.count:
            raise UserError(
                f"There is no image {number}: they are numbered 0 to {atlas.count - 1}."
            )
        return atlas.shown_codes()[number]
    fitted = atlas.gaussians
    classes = 0 if fitted is None else len(fitted.gaussians)
    if fitted is None or number >= classes:
        raise UserError(f"There is no class {number} here: there are {classes}.")
    return fitted.gaussians[number].mean.float()


def plane_of(atlas: Atlas, name: str) -> Plane:
    """The plane that a name stands for.

    Raises:
        UserError: No such name, a model without encoder, or anchors on one line.
    """
    if not atlas.has_map:
        raise UserError("This model has no encoder, so no plane of images: choose one that has.")
    if not name:
        return atlas.plane
    anchors = name.split("_")
    if len(anchors) != 3 or not all(NUMBERED.fullmatch(one) for one in anchors):
        raise UserError("A plane goes through three images or classes: name them as i17_c3_i40.")
    return anchor_plane(atlas.codes, torch.stack([latent_of(atlas, one) for one in anchors]))


def _place(atlas: Atlas, name: str, plane: Plane | None) -> LatentVector:
    try:
        x, y = (float(part) for part in name.split(","))
    except ValueError:
        raise UserError(
            f"'{name[:LONGEST]}' names no place: give an image as i17, a class as c3, or a place "
            "as 0.5,-1.25."
        ) from None
    if not max(abs(x), abs(y)) <= MAX_COORDINATE:  # nan is not either
        raise UserError("A place is finite and not too far out: move back into the map.")
    place = torch.tensor([[x, y]]).double()
    if not atlas.has_map:
        return atlas.lattice(place)[0]
    return (plane or atlas.plane).unproject(place)[0].float()
