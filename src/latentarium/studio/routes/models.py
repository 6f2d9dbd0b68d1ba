"""What models there are, and what lies on their maps."""

from typing import Annotated, Any

import torch
from fastapi import APIRouter, Query, Response

from latentarium.studio.frames import MOST
from latentarium.studio.gallery import Gallery, Missing
from latentarium.studio.maps.anchors import latent_of, plane_of
from latentarium.studio.maps.gap_layer import gap_grid
from latentarium.studio.routes.answers import (
    PlaneName,
    binary,
    mapped,
    pixel_bytes,
    plain,
)
from latentarium.studio.routes.line import in_line


def router(gallery: Gallery) -> APIRouter:
    """The routes of models."""
    routes = APIRouter(prefix="/api/models")

    @routes.get("")
    def models() -> list[dict[str, Any]]:
        return [one.describe(i) for i, one in enumerate(gallery)]

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
    ) -> Response:
        """u32 cells of a side, then the grid as float32, the topmost row first."""
        atlas = gallery.atlas(index, moment)
        where = plane_of(atlas, plane) if plane else None
        grid = gap_grid(atlas, definition, (left, right, low, high), plane=where)
        return binary(len(grid).to_bytes(4, "little") + grid.astype("<f4").tobytes())

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
