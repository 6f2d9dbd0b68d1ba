"""What models there are, and what lies on their maps."""

import base64
from typing import Annotated, Any

import torch
from fastapi import APIRouter, Query, Response

from latentarium.latent.anchors import latent_of, plane_of
from latentarium.latent.gap_layer import Parts, gap_parts
from latentarium.studio.limiter import Streamed, in_line, step_in_line
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
        atlas = mapped(gallery, index, moment)
        points = atlas.points(plane_of(atlas, plane)).astype("<f4")
        content = len(points).to_bytes(4, "little") + points.tobytes()
        return binary(content + atlas.shown_classes().tobytes())

    @routes.get("/{index}/plane")
    @in_line
    def describe_plane(index: int, moment: int = 0, plane: PlaneName = "") -> dict[str, Any]:
        """Where the map lies; `off`: how far from it half of the data lie at most, `spread`: from
        their mean; `fidelity`: as of `Atlas`."""
        atlas = mapped(gallery, index, moment)
        found, codes = plane_of(atlas, plane), atlas.codes.double()
        return {
            "variance_share": found.variance_share,
            "fidelity": atlas.fidelity,
            "origin": found.origin.tolist(),
            "axes": found.axes.tolist(),
            "anchors": [latent_of(atlas, one).tolist() for one in plane.split("_") if one],
            "off": float(found.distance(codes).median()),
            "spread": float((codes - codes.mean(0)).norm(dim=1).median()),
            "ellipses": [[plain(one) for one in ring] for ring in atlas.ellipses(found)],
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
        atlas = gallery.atlas(index, moment)
        where = plane_of(atlas, plane) if plane else None
        parts = gap_parts(atlas, definition, (left, right, low, high), plane=where)
        return streamed(gap_lines(parts), step_in_line)

    @routes.get("/{index}/images")
    def images_of(
        index: int,
        number: Annotated[list[int], Query(min_length=1, max_length=MOST)],
        moment: int = 0,
    ) -> Response:
        """Images on the map, one after the other: uint8, row by row, channels last."""
        atlas = gallery.atlas(index, moment)
        found = [atlas.image(one) for one in number]
        if any(image is None for image in found):
            raise Missing(f"There is no such image: there are {atlas.count:,}, numbered from 0.")
        return binary(pixel_bytes(torch.stack([image for image in found if image is not None])))

    return routes


def gap_lines(parts: Parts) -> Lines:
    """Parts of a layer as the page takes them."""
    for part in parts:
        values = base64.b64encode(part.values.astype("<f4").tobytes()).decode()
        yield {"values": values, "done": part.done, "of": part.of}
