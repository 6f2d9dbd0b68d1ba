"""What the exported page shows of a latent space: points, class Gaussians, and trust."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from latentarium.data.arrays import fixed_permutation
from latentarium.distributions.priors import StandardNormal
from latentarium.latent.calibration import MEASURES, SCORE_COLUMNS
from latentarium.latent.gap_layer import Box
from latentarium.latent.gaussians import Ellipse
from latentarium.latent.latent_map import LatentMap
from latentarium.models.base import LatentModel
from latentarium.progress import StepProgress
from latentarium.shapes import LatentSet

MAX_POINTS = 10_000
"""Training images on the map."""
GRID_CELLS = 64
"""Columns, and rows, of the grid on which the trust is measured."""
TAIL, MARGIN = 0.002, 0.25
"""The grid covers the points between these quantiles, and this share of their span around them."""
CHUNK_SIZE = 256
MAX_DRAWS, MIN_DRAWS, DRAWS_BYTES = 128, 16, 1_000_000
"""Latents that are drawn from each distribution, and the size that limits them."""
NO_MEASURE = 255


def encode_array(values: np.ndarray) -> str:
    """Return the numbers of an array, little endian, in base64."""
    array = values.astype(values.dtype.newbyteorder("<"), copy=False)
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def map_json(latent_map: LatentMap, *, trust: bool, progress: StepProgress) -> dict[str, Any]:
    """Describe the map of a model that can encode images, as the page expects it.

    Arguments:
        latent_map: The map.
        trust: Whether to measure how unusual the images of the map are.
        progress: Reports the progress of the measurement.
    """
    plane, points = latent_map.plane, latent_map.points()
    count = len(latent_map.encoded.train)
    shown = np.sort(fixed_permutation(count)[:MAX_POINTS])
    latents = latent_map.latents.double()
    return {
        "points": encode_array(points[shown].astype(np.float32)),
        "pointClasses": encode_array(latent_map.encoded.class_numbers()[shown]),
        "plane": {
            "origin": plane.origin.tolist(),
            "axes": plane.axes.tolist(),
            "variance_share": plane.variance_share,
            "fidelity": latent_map.explained_variance,
            "off": float(plane.distance(latents).median()),
            "spread": float((latents - latents.mean(0)).norm(dim=1).median()),
            "anchors": [],
            "ellipses": [[_ellipse(e) for e in ring] for ring in latent_map.ellipses()],
        },
        "trainImages": count,
        "trust": _trust(latent_map, _box(points[:count]), progress) if trust else None,
    }


def sources_json(model: LatentModel, latent_map: LatentMap | None) -> list[dict[str, Any]]:
    """Return the distributions from which the page draws latents.

    The page draws from N(0, I) itself; from each other distribution it gets latents.
    """
    drawn = list(_sources(model, latent_map))
    size = 4 * model.latent_dim * len(drawn)
    n = max(MIN_DRAWS, min(MAX_DRAWS, DRAWS_BYTES // size))
    return [
        {
            "kind": kind,
            "label": label,
            "z": None if draw is None else encode_array(draw(n).numpy()),
        }
        for kind, label, draw in drawn
    ]


Draw = Callable[[int], LatentSet]


def _sources(
    model: LatentModel, latent_map: LatentMap | None
) -> Iterator[tuple[str, int | None, Draw | None]]:
    """Yield the kind of each distribution, its class, and a function that draws from it."""
    if model.decodes_label and model.prior.takes_label:
        for label in range(model.num_classes):
            yield "prior", label, _prior_draw(model, label)
    elif isinstance(model.prior, StandardNormal) and model.config.trained_with_prior:
        yield "prior", None, None
    elif latent_map is None or model.config.trained_with_prior:
        yield "prior", None, _prior_draw(model, None)
    else:
        yield "all", None, latent_map.gaussian_latents
    if latent_map is not None and latent_map.gaussians is not None:
        for label in range(model.num_classes):
            yield "class", label, _class_draw(latent_map, label)


def _prior_draw(model: LatentModel, label: int | None) -> Draw:
    def draw(n: int) -> LatentSet:
        labels = None if label is None else torch.full((n,), label)
        return model.latents(n, labels)[0].float().cpu()

    return draw


def _class_draw(latent_map: LatentMap, label: int) -> Draw:
    name = latent_map.model.classes[label]
    return lambda n: latent_map.class_latents(name, n).float()


def _ellipse(ellipse: Ellipse) -> dict[str, float]:
    x, y = ellipse.centre
    sizes = {"major": ellipse.major, "minor": ellipse.minor, "angle": ellipse.angle}
    return {"x": x, "y": y, **sizes}


def _box(points: np.ndarray) -> Box:
    low, high = np.quantile(points, [TAIL, 1 - TAIL], axis=0)
    margin = MARGIN * np.maximum(high - low, 1e-6)
    left, bottom, right, top = map(float, (*(low - margin), *(high + margin)))
    return left, right, bottom, top


def _trust(latent_map: LatentMap, box: Box, progress: StepProgress) -> dict[str, Any]:
    """Return the level of each cell of a grid, the topmost row first, and the measure by which
    its image is most unusual."""
    left, right, low, high = box
    total = GRID_CELLS**2
    progress(0, total, "calibrating the trust on held-out images")
    latent_map.prepare(
        lambda done, steps, _: progress(
            0, total, f"learning to recognize bad images: {100 * done // steps} %"
        )
    )
    across = left + (right - left) * (np.arange(GRID_CELLS) + 0.5) / GRID_CELLS
    down = high - (high - low) * (np.arange(GRID_CELLS) + 0.5) / GRID_CELLS
    centres = np.stack(np.meshgrid(across, down), 2).reshape(-1, 2)
    z = latent_map.unproject(centres)
    tables = []
    for start in range(0, total, CHUNK_SIZE):
        progress(start, total, "measuring the trust on the map")
        tables.append(latent_map.decode_scored(z[start : start + CHUNK_SIZE]).scores)
    table = np.concatenate(tables)
    rarities = table[:, [SCORE_COLUMNS.index(f"{name}_rarity") for name in MEASURES]]
    known = ~np.isnan(rarities).all(1)
    weakest = np.where(np.isnan(rarities), -1, rarities).argmax(1)
    return {
        "box": {"left": left, "right": right, "low": low, "high": high},
        "cells": GRID_CELLS,
        "levels": encode_array(table[:, SCORE_COLUMNS.index("level")].astype(np.float32)),
        "weakest": encode_array(np.where(known, weakest, NO_MEASURE).astype(np.uint8)),
    }
