"""Images drawn from a model: their pixels, what is said of them, and files of them."""

from typing import Annotated, Any

import torch
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from latentarium.data.dataset import to_uint8
from latentarium.image_files import grid_npz, grid_png
from latentarium.latent.nearest_training import CopyCheck
from latentarium.studio.limiter import in_line
from latentarium.studio.protocol import MOST
from latentarium.studio.registry import Gallery
from latentarium.studio.routes.answers import binary, pixel_bytes, trust_rows
from latentarium.studio.samples.assess import assess_each, describe_prior
from latentarium.studio.samples.draw import SampleRequest, Way, draw


class Wish(BaseModel):
    """What is drawn; see `SampleRequest`."""

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
        images = to_uint8(
            draw(gallery.latent_map(index), SampleRequest(**wish.model_dump())).images
        )
        return binary(pixel_bytes(images))

    @routes.get("/latents")
    def latents(index: int, wish: Asked) -> Response:
        """What the images are decoded from: float32, n rows."""
        z = draw(gallery.latent_map(index), SampleRequest(**wish.model_dump())).z
        return binary(z.numpy().astype("<f4").tobytes())

    @routes.get("/opinion")
    @in_line
    def opinion(index: int, wish: Asked) -> dict[str, Any]:
        """What was asked for, what a judge sees, and how far to trust each image: rows of
        `SCORE_COLUMNS`, None where a measure is unknown."""
        latent_map = gallery.latent_map(index)
        drawn = draw(latent_map, SampleRequest(**wish.model_dump()))
        said = assess_each(latent_map, drawn)
        hard = drawn.labels is not None and not drawn.labels.dtype.is_floating_point
        return {
            "asked": drawn.labels.tolist() if hard and drawn.labels is not None else None,
            "judged": None if said.predicted is None else said.predicted.tolist(),
            "sure": None if said.confidence is None else rounded(said.confidence),
            "trust": trust_rows(said.scores),
            "usually_off": said.held_out_off,
            "usually_sure": said.held_out_confident,
        }

    @routes.get("/prior")
    @in_line
    def prior(index: int, seed: Annotated[int, Query(ge=0, lt=2**32)] = 0) -> dict[str, Any]:
        """What becomes of many draws from the prior; see `describe_prior`."""
        return describe_prior(gallery.latent_map(index), seed)

    @routes.get("/copies")
    @in_line
    def copies(index: int, wish: Asked) -> dict[str, Any]:
        """The nearest training image of each, by its number on the map."""
        latent_map = gallery.latent_map(index)
        check = checks.setdefault(latent_map.data.card.fingerprint, CopyCheck(latent_map.data))
        found = check(draw(latent_map, SampleRequest(**wish.model_dump())).images)
        return {
            "number": found.number.tolist(),
            "distance": rounded(found.distance),
            "nearer": rounded(found.nearer),
            "held_out": len(check.reference),
        }

    @routes.get("/grid.png")
    @in_line
    def picture(index: int, wish: Asked) -> Response:
        images = draw(gallery.latent_map(index), SampleRequest(**wish.model_dump())).images
        return Response(grid_png(images), media_type="image/png")

    @routes.get("/images.npz")
    @in_line
    def arrays(index: int, wish: Asked) -> Response:
        return binary(
            grid_npz(draw(gallery.latent_map(index), SampleRequest(**wish.model_dump())).images)
        )

    return routes


def rounded(values: torch.Tensor) -> list[float]:
    """As JSON numbers, with the digits that a person reads."""
    return [round(value, 4) for value in values.tolist()]
