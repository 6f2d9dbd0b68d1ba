"""Invert an image, and stream the progress."""

import math
import time
from collections.abc import Iterator
from typing import Any

from latentarium.data.dataset import to_uint8
from latentarium.latent.inversion import STEPS, Inversion, invert_iter
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.planes import Plane
from latentarium.shapes import Pixels
from latentarium.studio.priority_lock import interleaved
from latentarium.studio.query.baseline import shared_baseline
from latentarium.studio.query.image import as_base64

STEP_SECONDS = 0.02
"""Shortest time between two steps that are sent."""
BASELINE_SECONDS = 0.2
"""Shortest time between two progress reports of the baseline."""


def invert_query(
    latent_map: LatentMap, image: Pixels, label: int | str | None, seed: int, plane: Plane | None
) -> Iterator[dict[str, Any]]:
    """Invert an image (1, C, H, W), and yield JSON values.

    First come the steps of the search, with coordinates on the plane if there is a plane; then the
    share of the baseline that is measured; and last the latent, with the share of held-out images
    whose error is at least as large.

    Raises:
        UserError: As `invert`.
    """
    sent, last = -math.inf, None
    steps = invert_iter(latent_map.model, image, label, seed=seed)
    for last in interleaved(latent_map, steps):
        if time.monotonic() > sent + STEP_SECONDS:
            sent = time.monotonic()
            yield _step(last, plane)
    assert last is not None, "step 0 always exists"
    yield _step(last, plane)
    baseline = shared_baseline(latent_map)
    for share in baseline.measure():
        if time.monotonic() > sent + BASELINE_SECONDS:
            sent = time.monotonic()
            yield {"baseline_share": share}
    yield {
        "z": last.z[0].tolist(),
        "share_not_better": baseline.share_not_better(last.error),
        "num_measured": baseline.num_measured,
    }


def _step(current: Inversion, plane: Plane | None) -> dict[str, Any]:
    percentile = float(current.length_percentile)
    return {
        "step": current.step,
        "of": STEPS,
        "image": as_base64(to_uint8(current.image)),
        "error": float(current.error),
        "norm": float(current.z.norm()),
        "norm_percentile": None if math.isnan(percentile) else percentile,
        "label": None if current.label is None else int(current.label),
        "point": None if plane is None else plane.project(current.z)[0].tolist(),
    }
