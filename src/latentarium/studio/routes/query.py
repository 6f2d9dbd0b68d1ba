"""Routes of the tools Draw and Find: encode a user's image, or search for its latent."""

import threading
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from latentarium.errors import UserError
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.planes import Plane
from latentarium.shapes import Pixels
from latentarium.studio.query.image import PictureBody, QueryImage, as_base64
from latentarium.studio.query.inversion import invert_query
from latentarium.studio.query.locate import locate_query
from latentarium.studio.responses import (
    JsonLines,
    PlaneName,
    StreamedResponse,
    ellipse_json,
    json_lines,
    score_rows,
)
from latentarium.studio.services import Services
from latentarium.texts import Text

MAX_SEARCHES = 2
"""Searches that run at the same time, over all clients."""


class SearchBody(QueryImage):
    """An image whose latent is wanted."""

    label: int | Annotated[str, Field(max_length=400)] | None = None
    """Its class, by name or number; None: the class with the smallest error."""
    seed: Annotated[int, Field(ge=0, le=(1 << 31) - 1)] = 0


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/models/{index}")
    registry, limiter = services.registry, services.limiter
    slots = threading.BoundedSemaphore(MAX_SEARCHES)

    @routes.post("/encode")
    @limiter.limit
    def encode(
        index: int, body: QueryImage, snapshot: int = 0, plane: PlaneName = ""
    ) -> dict[str, Any]:
        """Encode an image and locate it on the map."""
        latent_map = registry.latent_map(index, snapshot)
        image = body.image(latent_map.model.image_shape)
        location = locate_query(
            latent_map, image, plane=latent_map.named_plane(plane) if plane else None
        )
        labels, nearest = latent_map.encoded.train.labels, location.neighbours
        numbers, distances = nearest.index[0].tolist(), nearest.distance[0].tolist()
        return {
            "z": location.z[0].tolist(),
            "x": location.point[0],
            "y": location.point[1],
            "off_plane": location.distance_to_plane,
            "ellipses": [ellipse_json(ellipse) for ellipse in location.ellipses],
            "reconstruction": as_base64(location.reconstruction),
            "error": location.error,
            "scores": score_rows(location.scores)[0],
            "neighbours": [
                {"number": n, "distance": d, "label": None if labels is None else int(labels[n])}
                for n, d in zip(numbers, distances, strict=True)
            ],
            "classes": location.class_probabilities.tolist(),
        }

    @routes.post("/prepare")
    @limiter.limit
    def prepare(index: int, body: PictureBody) -> dict[str, Any]:
        """Turn a picture into an image like those of the data; see `LatentMap.prepare_image`."""
        prepared = registry.latent_map(index).prepare_image(
            body.picture(),
            fit=body.fit,
            invert=body.invert,
            clean=body.clean,
            centre=body.centre,
        )
        return {
            "pixels": as_base64(prepared.image),
            "fit": prepared.fitted,
            "invert": prepared.inverted,
            "clean": prepared.cleaned,
            "centre": prepared.centred,
        }

    @routes.post("/invert")
    def invert(
        index: int, body: SearchBody, snapshot: int = 0, plane: PlaneName = ""
    ) -> StreamedResponse:
        """Search for the latent of an image, and stream the steps of the search."""
        latent_map = registry.latent_map(index, snapshot)
        image = body.image(latent_map.model.image_shape)
        shown = latent_map.named_plane(plane) if latent_map.can_encode else None
        return json_lines(search_in_slot(latent_map, image, body, shown), limiter.iterate)

    def search_in_slot(
        latent_map: LatentMap, image: Pixels, body: SearchBody, plane: Plane | None
    ) -> JsonLines:
        if not slots.acquire(blocking=False):
            raise UserError(
                Text(
                    "{limit} searches are running: stop one, or wait.",
                    limit=MAX_SEARCHES,
                ),
                code="busy",
            )
        try:
            yield from invert_query(latent_map, image, body.label, body.seed, plane)
        finally:
            slots.release()

    return routes
