"""A search for an image, told while it goes on."""

import math
import time
from collections.abc import Iterator
from typing import Any

from latentarium.data.dataset import to_uint8
from latentarium.latent.inversion import STEPS, Inversion, walk
from latentarium.latent.inversion_baseline import step_by_step, usual_of
from latentarium.latent.latent_map import Atlas
from latentarium.latent.planes import Plane
from latentarium.shapes import Pixels
from latentarium.studio.query.image import as_text

PAUSE = 0.02
"""Seconds between two images of the walk: as many as eyes need."""


def search(
    atlas: Atlas, image: Pixels, label: int | None, seed: int, plane: Plane | None
) -> Iterator[dict[str, Any]]:
    """The walk to an image (1, C, H, W), as `Inversion`s in plain values, with their places on a
    plane where there is one; then how much of the comparison with held-out images is done; then
    the end, with the latent and its verdict.

    Raises:
        UserError: As `walk`.
    """
    told, last = -math.inf, None
    for last in step_by_step(walk(atlas.model, image, label, seed=seed), atlas.in_turn):
        if time.monotonic() > told + PAUSE:
            told = time.monotonic()
            yield _step(last, plane)
    assert last is not None  # a walk has a start
    yield _step(last, plane)
    usual = usual_of(atlas)
    for share in usual.search():
        if time.monotonic() > told + 10 * PAUSE:
            told = time.monotonic()
            yield {"compared": share}
    yield {
        "z": last.z[0].tolist(),
        "as_well_as": usual.as_well_as(last.error),
        "searched": usual.searched,
    }


def _step(found: Inversion, plane: Plane | None) -> dict[str, Any]:
    length = float(found.length_percentile)
    return {
        "step": found.step,
        "of": STEPS,
        "image": as_text(to_uint8(found.image)),
        "error": float(found.error),
        "norm": float(found.z.norm()),
        "length": None if math.isnan(length) else length,
        "label": None if found.label is None else int(found.label),
        "place": None if plane is None else plane.project(found.z)[0].tolist(),
    }
