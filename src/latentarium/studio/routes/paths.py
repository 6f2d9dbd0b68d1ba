"""Routes of the tool Path: interpolations between two latents."""

import re
from typing import Annotated, Any

import torch
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from torch import Tensor
from torch.nn.functional import one_hot

from latentarium.errors import UserError
from latentarium.latent.anchors import LONGEST, latent_of, plane_of
from latentarium.latent.interpolation import GRAPH_CODES, film, way, ways_of
from latentarium.latent.latent_map import Atlas
from latentarium.shapes import SoftLabelSet
from latentarium.studio.services import Services

MAX_STEPS = 64
Name = Annotated[str, Field(max_length=LONGEST)]


class PathQuery(BaseModel):
    """Two latents and the number of steps between them."""

    a: Name
    b: Name
    steps: int = Field(16, ge=2, le=MAX_STEPS)
    plane: Name = ""
    label: int = Field(0, ge=0, le=1_000_000)
    """The class of the decoded images, for a model whose decoder sees labels."""

    def latents(self, atlas: Atlas) -> tuple[Tensor, Tensor]:
        """Return both ends."""
        plane = plane_of(atlas, self.plane) if self.plane else None
        return latent_of(atlas, self.a, plane), latent_of(atlas, self.b, plane)

    def class_weights(self, atlas: Atlas) -> SoftLabelSet | None:
        """Return the class weights of each step; None if the decoder sees no labels."""
        if not atlas.model.decodes_label:
            return None
        if self.label >= atlas.model.num_classes:
            raise UserError(
                f"label is {self.label}; the model has {atlas.model.num_classes} classes.",
                code="unknown-class",
            )
        return one_hot(torch.tensor([self.label] * self.steps), atlas.model.num_classes).float()


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/models/{index}/ways")
    registry, limit = services.registry, services.limiter.limit

    @routes.get("")
    @limit
    def interpolations(index: int, query: Annotated[PathQuery, Query()]) -> dict[str, Any]:
        """Return the latents of each kind of interpolation, or why there is none."""
        atlas = registry.atlas(index)
        a, b = query.latents(atlas)
        paths: list[dict[str, Any]] = []
        for name in ways_of(atlas):
            try:
                paths.append({"name": name, "z": way(atlas, name, a, b, query.steps).tolist()})
            except UserError as error:
                paths.append({"name": name, "sentence": str(error)})
        graph_size = min(len(atlas.codes), GRAPH_CODES) if atlas.has_map else 0
        return {"ways": paths, "ends": [a.tolist(), b.tolist()], "graph_codes": graph_size}

    @routes.get("/{name}.gif")
    @limit
    def animation(index: int, name: str, query: Annotated[PathQuery, Query()]) -> Response:
        """Return an interpolation as an animated GIF."""
        loaded = registry[index]
        atlas = loaded.atlas
        z = way(atlas, name, *query.latents(atlas), query.steps)
        content = film(atlas.decoded(z, query.class_weights(atlas)).pixels)
        title = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{loaded.name}-{name}-{query.a}-{query.b}")
        headers = {"Content-Disposition": f'attachment; filename="{title}.gif"'}
        return Response(content, media_type="image/gif", headers=headers)

    return routes
