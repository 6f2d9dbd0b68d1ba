"""What routes ask for and answer with, in one form for all of them."""

from typing import Annotated

from fastapi import Query, Response

from latentarium.latent.gaussians import Ellipse
from latentarium.shapes import Pixels
from latentarium.studio.gallery import Gallery, Missing
from latentarium.studio.maps.anchors import LONGEST
from latentarium.studio.maps.atlas import Atlas

PlaneName = Annotated[str, Query(max_length=LONGEST)]


def mapped(gallery: Gallery, index: int, moment: int = 0) -> Atlas:
    """A model's map.

    Raises:
        Missing: It has none, or there is no such model or moment.
    """
    atlas = gallery.atlas(index, moment)
    if not atlas.has_map:
        raise Missing("This model has no encoder, and so no map of images: choose one that has.")
    return atlas


def binary(content: bytes) -> Response:
    """Bytes as they are."""
    return Response(content, media_type="application/octet-stream")


def pixel_bytes(images: Pixels) -> bytes:
    """Images one after the other, row by row, channels last."""
    return images.permute(0, 2, 3, 1).contiguous().numpy().tobytes()


def plain(one: Ellipse) -> dict[str, float]:
    """An ellipse as the page takes it."""
    x, y = one.centre
    return {"x": x, "y": y, "major": one.major, "minor": one.minor, "angle": one.angle}
