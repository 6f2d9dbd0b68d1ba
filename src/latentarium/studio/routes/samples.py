"""Routes of samples: their pixels, their assessment, and files of them."""

from typing import Annotated, Any

import torch
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from latentarium.data.dataset import to_uint8
from latentarium.image_files import grid_npz, grid_png
from latentarium.latent.copies import CopyCheck
from latentarium.latent.prior_check import as_generator
from latentarium.studio.protocol import MAX_IMAGES
from latentarium.studio.responses import binary, pixel_bytes, score_rows
from latentarium.studio.samples.critic import opinion_of
from latentarium.studio.samples.draw import Draw, Way, draw
from latentarium.studio.services import Services


class SampleQuery(BaseModel):
    """What to sample; see `Draw`."""

    n: int = Field(default=16, ge=1, le=MAX_IMAGES)
    seed: int = Field(default=0, ge=0, lt=2**32)
    truncation: float = Field(default=1.0, ge=0, le=10, allow_inf_nan=False)
    way: Way = "prior"
    label: str = Field(default="", max_length=400)


Samples = Annotated[SampleQuery, Query()]


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/models/{index}/samples")
    registry, limit = services.registry, services.limiter.limit
    copy_checks: dict[str, CopyCheck] = {}

    @routes.get("/pixels")
    @limit
    def pixels(index: int, query: Samples) -> Response:
        """Return uint8 images, one after the other, row by row, channels last."""
        images = to_uint8(draw(registry.atlas(index), Draw(**query.model_dump())).images)
        return binary(pixel_bytes(images))

    @routes.get("/latents")
    def latents(index: int, query: Samples) -> Response:
        """Return the latents of the samples as n rows of float32."""
        z = draw(registry.atlas(index), Draw(**query.model_dump())).z
        return binary(z.numpy().astype("<f4").tobytes())

    @routes.get("/opinion")
    @limit
    def assess(index: int, query: Samples) -> dict[str, Any]:
        """Return the requested and the predicted class of each sample, and its scores.

        The scores are rows of `SCORE_COLUMNS`, with None for unknown values.
        """
        atlas = registry.atlas(index)
        drawn = draw(atlas, Draw(**query.model_dump()))
        opinion = opinion_of(atlas, drawn)
        has_labels = drawn.asked is not None and not drawn.asked.dtype.is_floating_point
        return {
            "asked": drawn.asked.tolist() if has_labels and drawn.asked is not None else None,
            "judged": None if opinion.judged is None else opinion.judged.tolist(),
            "sure": None if opinion.sure is None else rounded(opinion.sure),
            "trust": score_rows(opinion.trust),
            "usually_off": opinion.usually_off,
            "usually_sure": opinion.usually_sure,
        }

    @routes.get("/prior")
    @limit
    def prior(index: int, seed: Annotated[int, Query(ge=0, lt=2**32)] = 0) -> dict[str, Any]:
        """Assess many samples from the prior; see `as_generator`."""
        return as_generator(registry.atlas(index), seed)

    @routes.get("/copies")
    @limit
    def copies(index: int, query: Samples) -> dict[str, Any]:
        """Return the number of the nearest training image of each sample."""
        atlas = registry.atlas(index)
        check = copy_checks.setdefault(atlas.data.card.fingerprint, CopyCheck(atlas.data))
        nearest = check(draw(atlas, Draw(**query.model_dump())).images)
        return {
            "number": nearest.number.tolist(),
            "distance": rounded(nearest.distance),
            "nearer": rounded(nearest.nearer),
            "held_out": len(check.usual),
        }

    @routes.get("/grid.png")
    @limit
    def grid(index: int, query: Samples) -> Response:
        images = draw(registry.atlas(index), Draw(**query.model_dump())).images
        return Response(grid_png(images), media_type="image/png")

    @routes.get("/images.npz")
    @limit
    def arrays(index: int, query: Samples) -> Response:
        return binary(grid_npz(draw(registry.atlas(index), Draw(**query.model_dump())).images))

    return routes


def rounded(values: torch.Tensor) -> list[float]:
    """Return numbers with four decimals."""
    return [round(value, 4) for value in values.tolist()]
