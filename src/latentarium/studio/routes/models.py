"""What models there are, and what lies on their maps."""

import base64
from typing import Annotated, Any

import torch
from fastapi import APIRouter, Query, Response

from latentarium.latent.gap_layer import LayerParts
from latentarium.studio.limiter import Streamed, in_line, step_in_line
from latentarium.studio.priority_lock import interleaved
from latentarium.studio.protocol import MOST
from latentarium.studio.registry import Gallery, Missing
from latentarium.studio.routes.answers import (
    Lines,
    PlaneName,
    binary,
    mapped,
    pixel_bytes,
    plain,
    streamed,
)


def router(gallery: Gallery) -> APIRouter:
    """The routes of models."""
    routes = APIRouter(prefix="/api/models")

    @routes.get("")
    def models() -> list[dict[str, Any]]:
        return gallery.describe()

    @routes.get("/{index}/map")
    @in_line
    def map_of(index: int, moment: int = 0, plane: PlaneName = "") -> Response:
        """u32 n, n rows of float32 x and y, n bytes of class numbers (255: none)."""
        latent_map = mapped(gallery, index, moment)
        points = latent_map.points(latent_map.named_plane(plane)).astype("<f4")
        content = len(points).to_bytes(4, "little") + points.tobytes()
        return binary(content + latent_map.encoded.class_numbers().tobytes())

    @routes.get("/{index}/plane")
    @in_line
    def describe_plane(index: int, moment: int = 0, plane: PlaneName = "") -> dict[str, Any]:
        """Where the map lies; `off`: how far from it half of the data lie at most, `spread`: from
        their mean; `fidelity`: as of `LatentMap`."""
        latent_map = mapped(gallery, index, moment)
        found, codes = latent_map.named_plane(plane), latent_map.latents.double()
        return {
            "variance_share": found.variance_share,
            "fidelity": latent_map.explained_variance,
            "origin": found.origin.tolist(),
            "axes": found.axes.tolist(),
            "anchors": [latent_map.named_latent(one).tolist() for one in plane.split("_") if one],
            "off": float(found.distance(codes).median()),
            "spread": float((codes - codes.mean(0)).norm(dim=1).median()),
            "ellipses": [[plain(one) for one in ring] for ring in latent_map.ellipses(found)],
        }

    @routes.get("/{index}/gaps/{definition}")
    @in_line
    def gaps_of(
        index: int,
        definition: str,
        left: float,
        right: float,
        low: float,
        high: float,
        moment: int = 0,
        plane: PlaneName = "",
    ) -> Streamed:
        """A JSON object a line: parts of a grid, `values` as base64 of float32."""
        latent_map = gallery.latent_map(index, moment)
        where = latent_map.named_plane(plane) if plane else None
        layer = latent_map.gap_layers.parts(definition, (left, right, low, high), plane=where)
        parts = interleaved(latent_map, layer)
        return streamed(gap_lines(parts), step_in_line)

    @routes.get("/{index}/images")
    def images_of(
        index: int,
        number: Annotated[list[int], Query(min_length=1, max_length=MOST)],
        moment: int = 0,
    ) -> Response:
        """Images on the map, one after the other: uint8, row by row, channels last."""
        latent_map = gallery.latent_map(index, moment)
        found = [latent_map.image(one) for one in number]
        if any(image is None for image in found):
            raise Missing(
                f"There is no such image: there are {latent_map.encoded.num_images:,}, numbered from 0."
            )
        return binary(pixel_bytes(torch.stack([image for image in found if image is not None])))

    return routes


def gap_lines(parts: LayerParts) -> Lines:
    """Parts of a layer as the page takes them."""
    for part in parts:
        values = base64.b64encode(part.values.astype("<f4").tobytes()).decode()
        yield {"values": values, "done": part.done, "of": part.total}
