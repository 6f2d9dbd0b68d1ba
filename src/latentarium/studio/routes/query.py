"""Routes of the tools Draw and Find: encode an image of the user's, or search for its latent."""

import threading
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from latentarium.errors import UserError
from latentarium.latent.anchors import plane_of
from latentarium.latent.latent_map import Atlas
from latentarium.latent.planes import Plane
from latentarium.shapes import Pixels
from latentarium.studio.query.image import Given, as_text
from latentarium.studio.query.locate import land
from latentarium.studio.query.search import search
from latentarium.studio.responses import (
    JsonLines,
    PlaneName,
    StreamedResponse,
    ellipse_json,
    json_lines,
    score_rows,
)
from latentarium.studio.services import Services

MAX_SEARCHES = 2
"""Searches that run at the same time, over all clients."""


class SearchBody(Given):
    """An image whose latent is searched."""

    label: Annotated[int, Field(ge=0, le=1 << 16)] | None = None
    """Its class; None: the class with the smallest error."""
    seed: Annotated[int, Field(ge=0, le=(1 << 31) - 1)] = 0


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/models/{index}")
    registry, limiter = services.registry, services.limiter
    slots = threading.BoundedSemaphore(MAX_SEARCHES)

    @routes.post("/encode")
    @limiter.limit
    def encode(
        index: int, body: Given, snapshot: int = 0, plane: PlaneName = ""
    ) -> dict[str, Any]:
        """Encode an image and locate it on the map."""
        atlas = registry.atlas(index, snapshot)
        image = body.image(atlas.model.image_shape)
        location = land(atlas, image, plane=plane_of(atlas, plane) if plane else None)
        labels, nearest = atlas.train.labels, location.neighbours
        numbers, distances = nearest.index[0].tolist(), nearest.distance[0].tolist()
        return {
            "z": location.z[0].tolist(),
            "x": location.place[0],
            "y": location.place[1],
            "off_plane": location.off_plane,
            "ellipses": [ellipse_json(ellipse) for ellipse in location.ellipses],
            "reconstruction": as_text(location.reconstruction),
            "error": location.error,
            "trust": score_rows(location.trust)[0],
            "neighbours": [
                {"number": n, "distance": d, "label": None if labels is None else int(labels[n])}
                for n, d in zip(numbers, distances, strict=True)
            ],
            "classes": location.classes.tolist(),
        }

    @routes.post("/invert")
    def invert(
        index: int, body: SearchBody, snapshot: int = 0, plane: PlaneName = ""
    ) -> StreamedResponse:
        """Search for the latent of an image, and stream the steps of the search."""
        atlas = registry.atlas(index, snapshot)
        image = body.image(atlas.model.image_shape)
        shown = plane_of(atlas, plane) if atlas.has_map else None
        return json_lines(search_in_slot(atlas, image, body, shown), limiter.iterate)

    def search_in_slot(
        atlas: Atlas, image: Pixels, body: SearchBody, plane: Plane | None
    ) -> JsonLines:
        if not slots.acquire(blocking=False):
            raise UserError(
                f"{MAX_SEARCHES} searches are running: stop one, or wait for it.", code="busy"
            )
        try:
            yield from search(atlas, image, body.label, body.seed, plane)
        finally:
            slots.release()

    return routes
