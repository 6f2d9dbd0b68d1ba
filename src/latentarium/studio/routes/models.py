"""Routes of models: their maps, planes, gap layers and images."""

import base64
from typing import Annotated, Any

import torch
from fastapi import APIRouter, Query, Response

from latentarium.latent.anchors import latent_of, plane_of
from latentarium.latent.gap_layer import Parts, gap_parts
from latentarium.studio.errors import NotFoundError
from latentarium.studio.protocol import MAX_IMAGES
from latentarium.studio.responses import (
    JsonLines,
    PlaneName,
    StreamedResponse,
    binary,
    ellipse_json,
    json_lines,
    pixel_bytes,
)
from latentarium.studio.services import Services


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/models")
    registry, limiter = services.registry, services.limiter

    @routes.get("")
    def models() -> list[dict[str, Any]]:
        return registry.describe()

    @routes.get("/{index}/map")
    @limiter.limit
    def latent_map(index: int, snapshot: int = 0, plane: PlaneName = "") -> Response:
        """Return u32 n, n rows of float32 x and y, and n bytes of class numbers (255: none)."""
        atlas = registry.encoded_map(index, snapshot)
        points = atlas.points(plane_of(atlas, plane)).astype("<f4")
        content = len(points).to_bytes(4, "little") + points.tobytes()
        return binary(content + atlas.shown_classes().tobytes())

    @routes.get("/{index}/plane")
    @limiter.limit
    def plane_info(index: int, snapshot: int = 0, plane: PlaneName = "") -> dict[str, Any]:
        """Describe the plane of the map.

        `off` is the median distance of the latents from the plane, `spread` from their mean;
        `fidelity` is that of the latent map.
        """
        atlas = registry.encoded_map(index, snapshot)
        shown, latents = plane_of(atlas, plane), atlas.codes.double()
        return {
            "variance_share": shown.variance_share,
            "fidelity": atlas.fidelity,
            "origin": shown.origin.tolist(),
            "axes": shown.axes.tolist(),
            "anchors": [latent_of(atlas, name).tolist() for name in plane.split("_") if name],
            "off": float(shown.distance(latents).median()),
            "spread": float((latents - latents.mean(0)).norm(dim=1).median()),
            "ellipses": [
                [ellipse_json(ellipse) for ellipse in ring] for ring in atlas.ellipses(shown)
            ],
        }

    @routes.get("/{index}/gaps/{definition}")
    @limiter.limit
    def gaps(
        index: int,
        definition: str,
        left: float,
        right: float,
        low: float,
        high: float,
        snapshot: int = 0,
        plane: PlaneName = "",
    ) -> StreamedResponse:
        """Stream parts of a grid, from coarse to fine; `values` are float32 in base64."""
        atlas = registry.atlas(index, snapshot)
        shown = plane_of(atlas, plane) if plane else None
        parts = gap_parts(atlas, definition, (left, right, low, high), plane=shown)
        return json_lines(gap_lines(parts), limiter.iterate)

    @routes.get("/{index}/images")
    def images(
        index: int,
        number: Annotated[list[int], Query(min_length=1, max_length=MAX_IMAGES)],
        snapshot: int = 0,
    ) -> Response:
        """Return images by number, one after the other: uint8, row by row, channels last."""
        atlas = registry.atlas(index, snapshot)
        pixels = [atlas.image(i) for i in number]
        if any(image is None for image in pixels):
            raise NotFoundError(
                f"An image number is out of range; give 0 to {atlas.count - 1}.",
                code="unknown-image",
            )
        return binary(pixel_bytes(torch.stack([image for image in pixels if image is not None])))

    return routes


def gap_lines(parts: Parts) -> JsonLines:
    """Yield the parts of a gap layer in plain values."""
    for part in parts:
        values = base64.b64encode(part.values.astype("<f4").tobytes()).decode()
        yield {"values": values, "done": part.done, "of": part.of}
