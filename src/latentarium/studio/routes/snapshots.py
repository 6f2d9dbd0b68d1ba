"""A model at the moments of its training: what is watched at each."""

import numpy as np
from fastapi import APIRouter, Response

from latentarium.data.dataset import to_uint8
from latentarium.latent.animation import snapshots_gif
from latentarium.latent.snapshots import snapshot_images, watched_images
from latentarium.studio.limiter import in_line
from latentarium.studio.priority_lock import priority_lock
from latentarium.studio.registry import Gallery, Missing
from latentarium.studio.routes.answers import binary, pixel_bytes


def router(gallery: Gallery) -> APIRouter:
    """The routes of moments."""
    routes = APIRouter(prefix="/api/models/{index}")

    @routes.get("/moments/{moment}")
    @in_line
    def moment_of(index: int, moment: int) -> Response:
        """u32 samples, u32 columns, u32 reconstructions, then the pixels of all of them: uint8,
        row by row, channels last. After it, the moment's decodes and map answer at once."""
        latent_map = gallery.latent_map(index, moment)
        with priority_lock(latent_map):
            found = snapshot_images(latent_map.model, latent_map.data)
        latent_map.prepare()
        rebuilt = (
            b"" if found.reconstructions is None else pixel_bytes(to_uint8(found.reconstructions))
        )
        counts = (
            len(found.samples),
            found.columns,
            0 if found.reconstructions is None else len(found.reconstructions),
        )
        header = np.array(counts, "<u4").tobytes()
        return binary(header + pixel_bytes(to_uint8(found.samples)) + rebuilt)

    @routes.get("/witnesses")
    def witnesses_of(index: int) -> Response:
        """The held-out images whose reconstructions are watched, as pixels."""
        return binary(pixel_bytes(watched_images(gallery[index].latent_map.data).images))

    @routes.get("/film")
    @in_line
    def film_of(index: int) -> Response:
        """All moments as a GIF."""
        history = gallery[index].history
        if history is None or not len(history):
            raise Missing("This model kept no moments of its training.")
        return Response(snapshots_gif(history), media_type="image/gif")

    return routes
