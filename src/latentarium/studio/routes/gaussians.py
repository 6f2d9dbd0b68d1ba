"""Routes of the tool Gaussians: samples from class Gaussians and from ellipses that users draw."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from latentarium.latent.gaussian_samples import ellipse_latents, unit_noise
from latentarium.latent.gaussians import Ellipse
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.named_latents import MAX_NAME
from latentarium.latent.planes import MAX_COORDINATE
from latentarium.models.labels import class_index
from latentarium.shapes import LatentSet
from latentarium.studio.responses import binary
from latentarium.studio.samples.assess import describe_gaussian
from latentarium.studio.services import Services

Coordinate = Annotated[float, Field(ge=-MAX_COORDINATE, le=MAX_COORDINATE, allow_inf_nan=False)]
Length = Annotated[float, Field(gt=0, le=MAX_COORDINATE, allow_inf_nan=False)]
Seed = Annotated[int, Query(ge=0, lt=2**32)]


class GaussianQuery(BaseModel):
    """A Gaussian in the latent space, and how to sample it."""

    of: Literal["class", "all", "own"]
    """The Gaussian of a class, of all images, or of an ellipse drawn by the user."""
    label: str = Field("", max_length=400)
    """The class, by name or number; "": the first class."""
    seed: int = Field(0, ge=0, lt=2**32)
    temperature: float = Field(1.0, ge=0, le=3, allow_inf_nan=False)
    plane: Annotated[str, Field(max_length=MAX_NAME)] = ""
    x: Coordinate = 0.0
    y: Coordinate = 0.0
    major: Length = 1.0
    minor: Length = 1.0
    angle: Coordinate = 0.0
    """`x`, `y`, `major`, `minor` and `angle` describe the ellipse at one standard deviation."""

    def class_number(self, latent_map: LatentMap) -> int | None:
        """Return the number of the class; None if the Gaussian is not that of a class."""
        if self.of != "class":
            return None
        classes = latent_map.data.card.classes
        return class_index(self.label or classes[0], classes) if classes else 0

    def latents(self, latent_map: LatentMap) -> LatentSet:
        """Draw the latents."""
        if self.of == "class":
            classes = latent_map.data.card.classes
            label = self.label or (classes[0] if classes else 0)
            return latent_map.class_latents(label, seed=self.seed, truncation=self.temperature)
        if self.of == "all":
            return latent_map.gaussian_latents(seed=self.seed, truncation=self.temperature)
        ellipse = Ellipse(
            centre=(self.x, self.y),
            major=self.major,
            minor=self.minor,
            angle=self.angle,
            sigmas=1.0,
        )
        plane = latent_map.named_plane(self.plane)
        return ellipse_latents(
            latent_map.encoded, ellipse, seed=self.seed, truncation=self.temperature, plane=plane
        )


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/models/{index}/gaussian-samples")
    registry, limit = services.registry, services.limiter.limit

    @routes.get("")
    @limit
    def samples(index: int, query: Annotated[GaussianQuery, Query()]) -> Response:
        """Return latents as float32, one after the other."""
        latents = query.latents(registry.encoded_map(index))
        return binary(latents.numpy().astype("<f4").tobytes())

    @routes.get("/noise")
    def noise(index: int, seed: Seed = 0) -> Response:
        """Return the standard normal noise of a seed as float64, x and y in turn.

        While the user drags an ellipse, the page computes its samples from this noise.
        """
        registry.encoded_map(index)
        return binary(unit_noise(seed).numpy().astype("<f8").tobytes())

    @routes.get("/assessment")
    @limit
    def assess(index: int, query: Annotated[GaussianQuery, Query()]) -> dict[str, Any]:
        """Assess the decoded samples."""
        latent_map = registry.encoded_map(index)
        latents = query.latents(latent_map)
        return describe_gaussian(latent_map, latents, query.class_number(latent_map))

    return routes
