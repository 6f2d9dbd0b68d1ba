"""Routes of a model's training snapshots, for the time machine."""

import numpy as np
from fastapi import APIRouter, Response

from latentarium.data.dataset import to_uint8
from latentarium.latent.animation import snapshots_gif
from latentarium.latent.snapshots import snapshot_images, watched_images
from latentarium.studio.errors import NotFoundError
from latentarium.studio.priority_lock import priority_lock
from latentarium.studio.responses import binary, pixel_bytes
from latentarium.studio.services import Services


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/models/{index}")
    registry, limit = services.registry, services.limiter.limit

    @routes.get("/snapshots/{number}")
    @limit
    def snapshot(index: int, number: int) -> Response:
        """Return samples and reconstructions of a snapshot.

        u32 number of samples, u32 columns, u32 number of reconstructions, then the pixels of all:
        uint8, row by row, channels last. It also prepares the snapshot's map, so that later
        requests for this snapshot are fast.
        """
        latent_map = registry.latent_map(index, number)
        with priority_lock(latent_map):
            shown = snapshot_images(latent_map.model, latent_map.data)
        if not latent_map.decoder.is_learning:
            latent_map.prepare()
        rebuilt = (
            b"" if shown.reconstructions is None else pixel_bytes(to_uint8(shown.reconstructions))
        )
        counts = (
            len(shown.samples),
            shown.columns,
            0 if shown.reconstructions is None else len(shown.reconstructions),
        )
        header = np.array(counts, "<u4").tobytes()
        return binary(header + pixel_bytes(to_uint8(shown.samples)) + rebuilt)

    @routes.get("/held-out")
    def held_out(index: int) -> Response:
        """Return the held-out images that are reconstructed at each snapshot, as pixels."""
        return binary(pixel_bytes(watched_images(registry[index].latent_map.data).images))

    @routes.get("/animation.gif")
    @limit
    def animation(index: int) -> Response:
        """Return all snapshots as an animated GIF."""
        history = registry[index].history
        if history is None or not len(history):
            raise NotFoundError(
                "This model has no snapshots: train with --train.snapshots 24.",
                code="no-snapshots",
            )
        return Response(snapshots_gif(history), media_type="image/gif")

    return routes
