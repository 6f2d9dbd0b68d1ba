"""What Explore's tools ask for: planes, draws from Gaussians, and ways between latents."""

import re
from typing import Annotated, Any, Literal

import torch
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from torch import Tensor
from torch.nn.functional import one_hot

from latentarium.errors import UserError
from latentarium.latent.anchors import LONGEST, latent_of, plane_of
from latentarium.latent.gaussian_samples import of_all, of_class, of_ellipse, standard, verdict
from latentarium.latent.gaussians import Ellipse
from latentarium.latent.interpolation import GRAPH_CODES, film, way, ways_of
from latentarium.latent.latent_map import Atlas
from latentarium.shapes import LatentSet, SoftLabelSet
from latentarium.studio.limiter import in_line
from latentarium.studio.protocol import FARTHEST
from latentarium.studio.registry import Gallery
from latentarium.studio.routes.answers import binary, mapped

MOST_STEPS = 64
Name = Annotated[str, Field(max_length=LONGEST)]
Place = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST, allow_inf_nan=False)]
Length = Annotated[float, Field(gt=0, le=FARTHEST, allow_inf_nan=False)]


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

    def latents(self, atlas: Atlas) -> LatentSet:
        """The draws."""
        if self.of == "class":
            return of_class(atlas, self.label, self.seed, self.temperature)
        if self.of == "all":
            return of_all(atlas, self.seed, self.temperature)
        ellipse = Ellipse(
            centre=(self.x, self.y),
            major=self.major,
            minor=self.minor,
            angle=self.angle,
            sigmas=1.0,
        )
        plane = plane_of(atlas, self.plane)
        return of_ellipse(atlas, ellipse, self.seed, self.temperature, plane=plane)


class Ends(BaseModel):
    """Two latents, and how many steps lie between them."""

    a: Name
    b: Name
    steps: int = Field(16, ge=2, le=MOST_STEPS)
    plane: Name = ""
    label: int = Field(0, ge=0, le=1_000_000)
    """The class asked for, where the model is asked."""

    def latents(self, atlas: Atlas) -> tuple[Tensor, Tensor]:
        """Both ends."""
        plane = plane_of(atlas, self.plane) if self.plane else None
        return latent_of(atlas, self.a, plane), latent_of(atlas, self.b, plane)

    def weights(self, atlas: Atlas) -> SoftLabelSet | None:
        """The class asked for, at each step."""
        if not atlas.model.decodes_label:
            return None
        if self.label >= atlas.model.num_classes:
            raise UserError(f"There is no class {self.label}: choose another.")
        return one_hot(torch.tensor([self.label] * self.steps), atlas.model.num_classes).float()


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
        return binary(standard(seed).numpy().astype("<f8").tobytes())

    @routes.get("/draws/verdict")
    @in_line
    def verdict_of(index: int, asked: Annotated[Draws, Query()]) -> dict[str, Any]:
        """What becomes of them; see `draws.verdict`."""
        atlas = mapped(gallery, index)
        return verdict(atlas, asked.latents(atlas), asked.label if asked.of == "class" else None)

    @routes.get("/ways")
    @in_line
    def ways(index: int, ends: Annotated[Ends, Query()]) -> dict[str, Any]:
        """Of each way its latents, or a sentence where there is none."""
        atlas = gallery[index].atlas
        a, b = ends.latents(atlas)
        found: list[dict[str, Any]] = []
        for name in ways_of(atlas):
            try:
                found.append({"name": name, "z": way(atlas, name, a, b, ends.steps).tolist()})
            except UserError as error:
                found.append({"name": name, "sentence": str(error)})
        codes = min(len(atlas.codes), GRAPH_CODES) if atlas.has_map else 0
        return {"ways": found, "ends": [a.tolist(), b.tolist()], "graph_codes": codes}

    @routes.get("/ways/{name}.gif")
    @in_line
    def film_of(index: int, name: str, ends: Annotated[Ends, Query()]) -> Response:
        """A way as a film, to be kept."""
        exhibit = gallery[index]
        atlas = exhibit.atlas
        z = way(atlas, name, *ends.latents(atlas), ends.steps)
        content = film(atlas.decoded(z, ends.weights(atlas)).pixels)
        title = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{exhibit.name}-{name}-{ends.a}-{ends.b}")
        headers = {"Content-Disposition": f'attachment; filename="{title}.gif"'}
        return Response(content, media_type="image/gif", headers=headers)

    return routes
