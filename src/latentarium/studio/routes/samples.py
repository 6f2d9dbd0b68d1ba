"""Images drawn from a model: their pixels, what is said of them, and files of them."""

from typing import Annotated, Any

import torch
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from latentarium.data.dataset import to_uint8
from latentarium.image_files import grid_npz, grid_png
from latentarium.latent.copies import CopyCheck
from latentarium.latent.prior_check import as_generator
from latentarium.studio.limiter import in_line
from latentarium.studio.protocol import MOST
from latentarium.studio.registry import Gallery
from latentarium.studio.routes.answers import binary, pixel_bytes, trust_rows
from latentarium.studio.samples.critic import opinion_of
from latentarium.studio.samples.draw import Draw, Way, draw


class Wish(BaseModel):
    """What is drawn; see `Draw`."""

    n: int = Field(default=16, ge=1, le=MOST)
    seed: int = Field(default=0, ge=0, lt=2**32)
    truncation: float = Field(default=1.0, ge=0, le=10, allow_inf_nan=False)
    way: Way = "prior"
    label: str = Field(default="", max_length=400)


Asked = Annotated[Wish, Query()]


def router(gallery: Gallery) -> APIRouter:
    """The routes of drawn images."""
    routes = APIRouter(prefix="/api/models/{index}/samples")
    checks: dict[str, CopyCheck] = {}

    @routes.get("/pixels")
    @in_line
    def pixels(index: int, wish: Asked) -> Response:
        """uint8, image after image, row by row, channels last."""
        images = to_uint8(draw(gallery.atlas(index), Draw(**wish.model_dump())).images)
        return binary(pixel_bytes(images))

    @routes.get("/latents")
    def latents(index: int, wish: Asked) -> Response:
        """What the images are decoded from: float32, n rows."""
        z = draw(gallery.atlas(index), Draw(**wish.model_dump())).z
        return binary(z.numpy().astype("<f4").tobytes())

    @routes.get("/opinion")
    @in_line
    def opinion(index: int, wish: Asked) -> dict[str, Any]:
        """What was asked for, what a judge sees, and how far to trust each image: rows of
        `TRUST`, None where a measure is unknown."""
        atlas = gallery.atlas(index)
        drawn = draw(atlas, Draw(**wish.model_dump()))
        said = opinion_of(atlas, drawn)
        hard = drawn.asked is not None and not drawn.asked.dtype.is_floating_point
        return {
            "asked": drawn.asked.tolist() if hard and drawn.asked is not None else None,
            "judged": None if said.judged is None else said.judged.tolist(),
            "sure": None if said.sure is None else rounded(said.sure),
            "trust": trust_rows(said.trust),
            "usually_off": said.usually_off,
            "usually_sure": said.usually_sure,
        }

    @routes.get("/prior")
    @in_line
    def prior(index: int, seed: Annotated[int, Query(ge=0, lt=2**32)] = 0) -> dict[str, Any]:
        """What becomes of many draws from the prior; see `as_generator`."""
        return as_generator(gallery.atlas(index), seed)

    @routes.get("/copies")
    @in_line
    def copies(index: int, wish: Asked) -> dict[str, Any]:
        """The nearest training image of each, by its number on the map."""
        atlas = gallery.atlas(index)
        check = checks.setdefault(atlas.data.card.fingerprint, CopyCheck(atlas.data))
        found = check(draw(atlas, Draw(**wish.model_dump())).images)
        return {
            "number": found.number.tolist(),
            "distance": rounded(found.distance),
            "nearer": rounded(found.nearer),
            "held_out": len(check.usual),
        }

    @routes.get("/grid.png")
    @in_line
    def picture(index: int, wish: Asked) -> Response:
        images = draw(gallery.atlas(index), Draw(**wish.model_dump())).images
        return Response(grid_png(images), media_type="image/png")

    @routes.get("/images.npz")
    @in_line
    def arrays(index: int, wish: Asked) -> Response:
        return binary(grid_npz(draw(gallery.atlas(index), Draw(**wish.model_dump())).images))

    return routes


def rounded(values: torch.Tensor) -> list[float]:
    """As JSON numbers, with the digits that a person reads."""
    return [round(value, 4) for value in values.tolist()]
