"""Locate an image that the page sends."""

from latentarium.latent.latent_map import LatentMap
from latentarium.latent.locate import Location
from latentarium.latent.planes import Plane
from latentarium.shapes import Pixels
from latentarium.studio.priority_lock import priority_lock


def locate_query(
    latent_map: LatentMap, image: Pixels, *, plane: Plane | str | None = None
) -> Location:
    """Locate an image (1, C, H, W) on a plane, with priority for interactive requests.

    Raises:
        UserError: The model can't encode images (code "no-encoder").
    """
    with priority_lock(latent_map):
        return latent_map.locate(image, plane=plane)
