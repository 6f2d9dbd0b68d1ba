"""Routes of the tool Path: interpolations between two latents."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from torch import Tensor

from latentarium.errors import UserError
from latentarium.latent.animation import path_animation
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.named_latents import MAX_NAME
from latentarium.shapes import SoftLabelSet
from latentarium.studio.services import Services

MAX_STEPS = 64
Name = Annotated[str, Field(max_length=MAX_NAME)]


class PathQuery(BaseModel):
    """Two latents and the number of steps between them."""

    a: Name
    b: Name
    steps: int = Field(16, ge=2, le=MAX_STEPS)
    plane: Name = ""
    label: str = Field("", max_length=400)
    """The class of the decoded images, by name or number, for a model whose decoder sees labels;
    "": the first class."""

    def latents(self, latent_map: LatentMap) -> tuple[Tensor, Tensor]:
        """Return the latents of both ends."""
        plane = latent_map.named_plane(self.plane) if self.plane else None
        return latent_map.named_latent(self.a, plane), latent_map.named_latent(self.b, plane)

    def class_weights(self, latent_map: LatentMap) -> SoftLabelSet | None:
        """Return the class weights of each step; None if the decoder sees no labels."""
        model = latent_map.model
        if not model.decodes_label:
            return None
        return latent_map.decoder.class_weights(self.label or model.classes[0], self.steps)


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/models/{index}/interpolations")
    registry, limit = services.registry, services.limiter.limit

    @routes.get("")
    @limit
    def interpolations(index: int, query: Annotated[PathQuery, Query()]) -> dict[str, Any]:
        """Return the latents of each interpolation method, or why it finds no path."""
        latent_map = registry.latent_map(index)
        a, b = query.latents(latent_map)
        paths: list[dict[str, Any]] = []
        for name in latent_map.interpolator.methods:
            try:
                paths.append(
                    {
                        "name": name,
                        "z": latent_map.interpolator.path(a, b, query.steps, name).tolist(),
                    }
                )
            except UserError as error:
                paths.append({"name": name, "error": str(error)})
        graph_size = latent_map.interpolator.num_graph_latents
        return {"paths": paths, "ends": [a.tolist(), b.tolist()], "graph_size": graph_size}

    @routes.get("/{name}.gif")
    @limit
    def animation(index: int, name: str, query: Annotated[PathQuery, Query()]) -> Response:
        """Return an interpolation as an animated GIF."""
        loaded = registry[index]
        latent_map = loaded.latent_map
        z = latent_map.interpolator.path(*query.latents(latent_map), query.steps, name)
        content = path_animation(
            latent_map.decode_scored(z, query.class_weights(latent_map)).pixels
        )
        title = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{loaded.name}-{name}-{query.a}-{query.b}")
        headers = {"Content-Disposition": f'attachment; filename="{title}.gif"'}
        return Response(content, media_type="image/gif", headers=headers)

    return routes
