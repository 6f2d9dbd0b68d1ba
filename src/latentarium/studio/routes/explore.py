"""What Explore's tools ask for: planes, draws from Gaussians, and ways between latents."""

import re
from typing import Annotated, Any, Literal

import torch
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from torch import Tensor
from torch.nn.functional import one_hot

from latentarium.errors import UserError
from latentarium.latent.animation import path_gif
from latentarium.latent.gaussian_samples import ellipse_latents, unit_noise
from latentarium.latent.gaussians import Ellipse
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.named_latents import MAX_NAME
from latentarium.latent.planes import MAX_COORDINATE
from latentarium.shapes import LatentSet, SoftLabelSet
from latentarium.studio.limiter import in_line
from latentarium.studio.registry import Gallery
from latentarium.studio.routes.answers import binary, mapped
from latentarium.studio.samples.assess import describe_gaussian

MOST_STEPS = 64
Name = Annotated[str, Field(max_length=MAX_NAME)]
Place = Annotated[float, Field(ge=-MAX_COORDINATE, le=MAX_COORDINATE, allow_inf_nan=False)]
Length = Annotated[float, Field(gt=0, le=MAX_COORDINATE, allow_inf_nan=False)]


class Draws(BaseModel):
    """A Gaussian and draws from it."""

    of: Literal["class", "all", "own"]
    label: int = Field(0, ge=0, le=1_000_000)
    seed: int = Field(0, ge=0, lt=2**32)
    temperature: float = Field(1.0, ge=0, le=3, allow_inf_nan=False)
    plane: Name = ""
    x: Place = 0.0
    y: Place = 0.0
    major: Length = 1.0
    minor: Length = 1.0
    angle: Place = 0.0
    """Of the ellipse at one standard deviation, for an own Gaussian."""

    def latents(self, latent_map: LatentMap) -> LatentSet:
        """The draws."""
        if self.of == "class":
            return latent_map.class_latents(
                self.label, seed=self.seed, truncation=self.temperature
            )
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


class Ends(BaseModel):
    """Two latents, and how many steps lie between them."""

    a: Name
    b: Name
    steps: int = Field(16, ge=2, le=MOST_STEPS)
    plane: Name = ""
    label: int = Field(0, ge=0, le=1_000_000)
    """The class asked for, where the model is asked."""

    def latents(self, latent_map: LatentMap) -> tuple[Tensor, Tensor]:
        """Both ends."""
        plane = latent_map.named_plane(self.plane) if self.plane else None
        return latent_map.named_latent(self.a, plane), latent_map.named_latent(self.b, plane)

    def weights(self, latent_map: LatentMap) -> SoftLabelSet | None:
        """The class asked for, at each step."""
        if not latent_map.model.decodes_label:
            return None
        if self.label >= latent_map.model.num_classes:
            raise UserError(f"There is no class {self.label}: choose another.")
        return one_hot(
            torch.tensor([self.label] * self.steps), latent_map.model.num_classes
        ).float()


def router(gallery: Gallery) -> APIRouter:
    """The routes of Explore's tools."""
    routes = APIRouter(prefix="/api/models/{index}")

    @routes.get("/draws")
    @in_line
    def draws(index: int, asked: Annotated[Draws, Query()]) -> Response:
        """Latents as float32, one after the other."""
        return binary(asked.latents(mapped(gallery, index)).numpy().astype("<f4").tobytes())

    @routes.get("/draws/noise")
    def noise(index: int, seed: Annotated[int, Query(ge=0, lt=2**32)] = 0) -> Response:
        """What the draws of a seed are made of, as float64, x and y by turns: the page makes those
        from an own Gaussian itself, as it is dragged."""
        mapped(gallery, index)
        return binary(unit_noise(seed).numpy().astype("<f8").tobytes())

    @routes.get("/draws/verdict")
    @in_line
    def verdict_of(index: int, asked: Annotated[Draws, Query()]) -> dict[str, Any]:
        """What becomes of them; see `draws.verdict`."""
        latent_map = mapped(gallery, index)
        return describe_gaussian(
            latent_map, asked.latents(latent_map), asked.label if asked.of == "class" else None
        )

    @routes.get("/ways")
    @in_line
    def ways(index: int, ends: Annotated[Ends, Query()]) -> dict[str, Any]:
        """Of each way its latents, or a sentence where there is none."""
        latent_map = gallery[index].latent_map
        a, b = ends.latents(latent_map)
        found: list[dict[str, Any]] = []
        for name in latent_map.interpolator.methods:
            try:
                found.append(
                    {
                        "name": name,
                        "z": latent_map.interpolator.path(a, b, ends.steps, name).tolist(),
                    }
                )
            except UserError as error:
                found.append({"name": name, "sentence": str(error)})
        codes = latent_map.interpolator.num_graph_latents
        return {"ways": found, "ends": [a.tolist(), b.tolist()], "graph_codes": codes}

    @routes.get("/ways/{name}.gif")
    @in_line
    def film_of(index: int, name: str, ends: Annotated[Ends, Query()]) -> Response:
        """A way as a film, to be kept."""
        exhibit = gallery[index]
        latent_map = exhibit.latent_map
        z = latent_map.interpolator.path(*ends.latents(latent_map), ends.steps, name)
        content = path_gif(latent_map.decode_scored(z, ends.weights(latent_map)).pixels)
        title = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{exhibit.name}-{name}-{ends.a}-{ends.b}")
        headers = {"Content-Disposition": f'attachment; filename="{title}.gif"'}
        return Response(content, media_type="image/gif", headers=headers)

    return routes
