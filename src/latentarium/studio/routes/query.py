"""What the page asks about an image that it sends: where it lands, and what latent makes it."""

import threading
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from latentarium.errors import UserError
from latentarium.latent.anchors import plane_of
from latentarium.latent.latent_map import Atlas
from latentarium.latent.planes import Plane
from latentarium.shapes import Pixels
from latentarium.studio.limiter import Streamed, in_line, step_in_line
from latentarium.studio.query.image import Given, as_text
from latentarium.studio.query.locate import land
from latentarium.studio.query.search import search
from latentarium.studio.registry import Gallery
from latentarium.studio.routes.answers import Lines, PlaneName, plain, streamed, trust_rows

SEARCHES = 2
"""At once, of all visitors."""


class Wanted(Given):
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
    def encode(index: int, given: Given, moment: int = 0, plane: PlaneName = "") -> dict[str, Any]:
        atlas = gallery.atlas(index, moment)
        image = given.image(atlas.model.image_shape)
        found = land(atlas, image, plane=plane_of(atlas, plane) if plane else None)
        labels, near = atlas.train.labels, found.neighbours
        return {
            "z": found.z[0].tolist(),
            "x": found.place[0],
            "y": found.place[1],
            "off_plane": found.off_plane,
            "ellipses": [plain(one) for one in found.ellipses],
            "reconstruction": as_text(found.reconstruction),
            "error": found.error,
            "trust": trust_rows(found.trust)[0],
            "neighbours": [
                {"number": n, "distance": d, "label": None if labels is None else int(labels[n])}
                for n, d in zip(near.index[0].tolist(), near.distance[0].tolist(), strict=True)
            ],
            "classes": found.classes.tolist(),
        }

    def taking_a_place(atlas: Atlas, image: Pixels, wanted: Wanted, plane: Plane | None) -> Lines:
        if not places.acquire(blocking=False):
            raise UserError(f"{SEARCHES} searches are going on: stop one, or wait for it.")
        try:
            yield from search(atlas, image, wanted.label, wanted.seed, plane)
        finally:
            places.release()

    @routes.post("/{index}/invert")
    def invert(index: int, wanted: Wanted, moment: int = 0, plane: PlaneName = "") -> Streamed:
        """A JSON object a line, as `search` yields them."""
        atlas = gallery.atlas(index, moment)
        image = wanted.image(atlas.model.image_shape)
        where = plane_of(atlas, plane) if atlas.has_map else None
        steps = taking_a_place(atlas, image, wanted, where)
        return streamed(steps, step_in_line)

    return routes
