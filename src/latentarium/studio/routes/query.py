"""What the page asks about an image that it sends: where it lands, and what latent makes it."""

import threading
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from latentarium.errors import UserError
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.planes import Plane
from latentarium.shapes import Pixels
from latentarium.studio.limiter import Streamed, in_line, step_in_line
from latentarium.studio.query.image import QueryImage, as_base64
from latentarium.studio.query.inversion import invert_query
from latentarium.studio.query.locate import locate_query
from latentarium.studio.registry import Gallery
from latentarium.studio.routes.answers import Lines, PlaneName, plain, streamed, trust_rows

SEARCHES = 2
"""At once, of all visitors."""


class Wanted(QueryImage):
    """An image to be searched."""

    label: Annotated[int, Field(ge=0, le=1 << 16)] | None = None
    """Its class; None: the best of all."""
    seed: Annotated[int, Field(ge=0, le=(1 << 31) - 1)] = 0


def router(gallery: Gallery) -> APIRouter:
    """The routes of images that come from the page."""
    routes = APIRouter(prefix="/api/models")
    places = threading.BoundedSemaphore(SEARCHES)

    @routes.post("/{index}/encode")
    @in_line
    def encode(
        index: int, given: QueryImage, moment: int = 0, plane: PlaneName = ""
    ) -> dict[str, Any]:
        latent_map = gallery.latent_map(index, moment)
        image = given.image(latent_map.model.image_shape)
        found = locate_query(
            latent_map, image, plane=latent_map.named_plane(plane) if plane else None
        )
        labels, near = latent_map.encoded.train.labels, found.neighbours
        return {
            "z": found.z[0].tolist(),
            "x": found.point[0],
            "y": found.point[1],
            "off_plane": found.distance_to_plane,
            "ellipses": [plain(one) for one in found.ellipses],
            "reconstruction": as_base64(found.reconstruction),
            "error": found.error,
            "trust": trust_rows(found.scores)[0],
            "neighbours": [
                {"number": n, "distance": d, "label": None if labels is None else int(labels[n])}
                for n, d in zip(near.index[0].tolist(), near.distance[0].tolist(), strict=True)
            ],
            "classes": found.class_probabilities.tolist(),
        }

    def taking_a_place(
        latent_map: LatentMap, image: Pixels, wanted: Wanted, plane: Plane | None
    ) -> Lines:
        if not places.acquire(blocking=False):
            raise UserError(f"{SEARCHES} searches are going on: stop one, or wait for it.")
        try:
            yield from invert_query(latent_map, image, wanted.label, wanted.seed, plane)
        finally:
            places.release()

    @routes.post("/{index}/invert")
    def invert(index: int, wanted: Wanted, moment: int = 0, plane: PlaneName = "") -> Streamed:
        """A JSON object a line, as `invert_query` yields them."""
        latent_map = gallery.latent_map(index, moment)
        image = wanted.image(latent_map.model.image_shape)
        where = latent_map.named_plane(plane) if latent_map.can_encode else None
        steps = taking_a_place(latent_map, image, wanted, where)
        return streamed(steps, step_in_line)

    return routes
