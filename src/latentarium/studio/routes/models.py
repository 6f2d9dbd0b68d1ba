"""Routes of models: their maps, planes, gap layers and images."""

import base64
from typing import Annotated, Any

import torch
from fastapi import APIRouter, Query, Response

from latentarium.latent.encoded import ImageSet
from latentarium.latent.gap_layer import LayerParts
from latentarium.latent.latent_map import LatentMap
from latentarium.shapes import Pixels
from latentarium.studio.errors import NotFoundError
from latentarium.studio.priority_lock import interleaved
from latentarium.studio.protocol import MAX_IMAGES
from latentarium.studio.query.locate import locate_query
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
from latentarium.texts import Text


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
        latent_map = registry.encoded_map(index, snapshot)
        points = latent_map.points(latent_map.named_plane(plane)).astype("<f4")
        content = len(points).to_bytes(4, "little") + points.tobytes()
        return binary(content + latent_map.encoded.class_numbers().tobytes())

    @routes.get("/{index}/plane")
    @limiter.limit
    def plane_info(index: int, snapshot: int = 0, plane: PlaneName = "") -> dict[str, Any]:
        """Describe the plane of the map.

        `off` is the median distance of the latents from the plane, `spread` is their median
        distance from their mean, and `fidelity` is the model's explained variance.
        """
        latent_map = registry.encoded_map(index, snapshot)
        shown, latents = latent_map.named_plane(plane), latent_map.latents.double()
        return {
            "variance_share": shown.variance_share,
            "fidelity": latent_map.explained_variance,
            "origin": shown.origin.tolist(),
            "axes": shown.axes.tolist(),
            "anchors": [
                latent_map.named_latent(name).tolist() for name in plane.split("_") if name
            ],
            "off": float(shown.distance(latents).median()),
            "spread": float((latents - latents.mean(0)).norm(dim=1).median()),
            "ellipses": [
                [ellipse_json(ellipse) for ellipse in ring] for ring in latent_map.ellipses(shown)
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
        latent_map = registry.latent_map(index, snapshot)
        shown = latent_map.named_plane(plane) if plane else None
        layer = latent_map.gap_layers.parts(definition, (left, right, low, high), plane=shown)
        parts = interleaved(latent_map, layer)
        return json_lines(gap_lines(parts), limiter.iterate)

    @routes.get("/{index}/images")
    def images(
        index: int,
        number: Annotated[list[int], Query(min_length=1, max_length=MAX_IMAGES)],
        snapshot: int = 0,
        of: ImageSet = "map",
    ) -> Response:
        """Return images by number, one after the other: uint8, row by row, channels last."""
        return binary(pixel_bytes(images_of(registry.latent_map(index, snapshot), number, of)))

    @routes.get("/{index}/test-images/{number}")
    @limiter.limit
    def test_image(
        index: int, number: int, snapshot: int = 0, plane: PlaneName = ""
    ) -> dict[str, Any]:
        """Encode a test image: its position on the plane, and its class (null without labels)."""
        latent_map = registry.encoded_map(index, snapshot)
        image, labels = images_of(latent_map, [number], "test"), latent_map.data.test.labels
        x, y = locate_query(latent_map, image, plane=latent_map.named_plane(plane)).point
        return {"x": x, "y": y, "label": None if labels is None else int(labels[number])}

    return routes


def images_of(latent_map: LatentMap, numbers: list[int], images: ImageSet) -> Pixels:
    """Return images by number.

    Raises:
        NotFoundError: There is no image of one of these numbers (code "unknown-image").
    """
    pixels = [latent_map.image(number, images) for number in numbers]
    if any(image is None for image in pixels):
        test = images == "test"
        count = len(latent_map.data.test) if test else latent_map.encoded.num_images
        raise NotFoundError(
            Text(
                "There is no such test image; numbers are 0 to {last:,}."
                if test
                else "There is no such image; numbers are 0 to {last:,}.",
                last=count - 1,
            ),
            code="unknown-image",
        )
    return torch.stack([image for image in pixels if image is not None])


def gap_lines(parts: LayerParts) -> JsonLines:
    """Yield the parts of a gap layer as JSON values."""
    for part in parts:
        values = base64.b64encode(part.values.astype("<f4").tobytes()).decode()
        yield {"values": values, "done": part.done, "of": part.total}
