"""Routes of samples: their pixels, their assessment, and files of them."""

from typing import Annotated, Any

import torch
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from latentarium.data.dataset import to_uint8
from latentarium.image_files import grid_npz, grid_png
from latentarium.latent.nearest_training import CopyCheck
from latentarium.studio.protocol import MAX_IMAGES
from latentarium.studio.responses import binary, pixel_bytes, score_rows
from latentarium.studio.samples.assess import assess_each, describe_prior
from latentarium.studio.samples.draw import Method, SampleRequest, draw
from latentarium.studio.services import Services


class SampleQuery(BaseModel):
    """What to sample; see `SampleRequest`."""

    n: int = Field(default=16, ge=1, le=MAX_IMAGES)
    seed: int = Field(default=0, ge=0, lt=2**32)
    truncation: float = Field(default=1.0, ge=0, le=10, allow_inf_nan=False)
    method: Method = "prior"
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
        images = to_uint8(
            draw(registry.latent_map(index), SampleRequest(**query.model_dump())).images
        )
        return binary(pixel_bytes(images))

    @routes.get("/latents")
    def latents(index: int, query: Samples) -> Response:
        """Return the latents of the samples as n rows of float32."""
        z = draw(registry.latent_map(index), SampleRequest(**query.model_dump())).z
        return binary(z.numpy().astype("<f4").tobytes())

    @routes.get("/assessment")
    @limit
    def assess(index: int, query: Samples) -> dict[str, Any]:
        """Return the requested and the predicted class of each sample, and its scores.

        The scores are rows of `SCORE_COLUMNS`, with None for unknown values.
        """
        latent_map = registry.latent_map(index)
        drawn = draw(latent_map, SampleRequest(**query.model_dump()))
        assessment = assess_each(latent_map, drawn)
        labels, predicted = drawn.labels, assessment.predicted
        confidence = assessment.confidence
        is_blend = labels is not None and labels.is_floating_point()
        return {
            "requested": None if labels is None or is_blend else labels.tolist(),
            "predicted": None if predicted is None else predicted.tolist(),
            "confidence": None if confidence is None else rounded(confidence),
            "scores": score_rows(assessment.scores),
            "held_out_off_data": assessment.held_out_off,
            "held_out_confident": assessment.held_out_confident,
        }

    @routes.get("/prior")
    @limit
    def prior(index: int, seed: Annotated[int, Query(ge=0, lt=2**32)] = 0) -> dict[str, Any]:
        """Assess many samples from the prior; see `describe_prior`."""
        return describe_prior(registry.latent_map(index), seed)

    @routes.get("/copies")
    @limit
    def copies(index: int, query: Samples) -> dict[str, Any]:
        """Return the number of the nearest training image of each sample."""
        latent_map = registry.latent_map(index)
        check = copy_checks.setdefault(
            latent_map.data.card.fingerprint, CopyCheck(latent_map.data)
        )
        nearest = check(draw(latent_map, SampleRequest(**query.model_dump())).images)
        return {
            "number": nearest.number.tolist(),
            "distance": rounded(nearest.distance),
            "nearer": rounded(nearest.nearer),
            "held_out": len(check.reference),
        }

    @routes.get("/grid.png")
    @limit
    def grid(index: int, query: Samples) -> Response:
        images = draw(registry.latent_map(index), SampleRequest(**query.model_dump())).images
        return Response(grid_png(images), media_type="image/png")

    @routes.get("/images.npz")
    @limit
    def arrays(index: int, query: Samples) -> Response:
        return binary(
            grid_npz(draw(registry.latent_map(index), SampleRequest(**query.model_dump())).images)
        )

    return routes


def rounded(values: torch.Tensor) -> list[float]:
    """Return numbers with four decimals."""
    return [round(value, 4) for value in values.tolist()]
