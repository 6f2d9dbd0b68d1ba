"""How unusual each place of a map is: a grid over a part of it.

distance     to the data
round_trip   |E(D(z)) - z|
stretch      of the decoder
doubt        entropy of the judge before the decoded image
"""

from weakref import WeakKeyDictionary

import numpy as np
import torch

from latentarium.errors import UserError
from latentarium.latent.gaps import percentile_among
from latentarium.latent.project import Plane
from latentarium.studio.frames import FARTHEST
from latentarium.studio.maps.atlas import Atlas

GAPS = ("distance", "round_trip", "stretch", "doubt")
KEPT = 16
"""Grids of one map."""
Box = tuple[float, float, float, float]
"""Left, right, low and high end, on the map."""
_kept: "WeakKeyDictionary[Atlas, dict[tuple[str, Box, int, bytes], np.ndarray]]" = (
    WeakKeyDictionary()
)


def gaps_of(atlas: Atlas) -> list[str]:
    """By what a gap can be shown: all that fits the model and its images."""
    if not atlas.has_map:
        return []
    return [name for name in GAPS if name != "doubt" or atlas.judge is not None]


def gap_grid(
    atlas: Atlas, definition: str, box: Box, cells: int = 64, *, plane: Plane | None = None
) -> np.ndarray:
    """How unusual each place of a grid is, float32 (cells, cells), the topmost row first: the
    share of held-out images that are less so.

    Arguments:
        atlas: The model's map.
        definition: One of `gaps_of`.
        box: What part of the map.
        cells: Of each side.
        plane: Where the box lies; None: that of the map.

    Raises:
        UserError: No such definition for this model, or a box without inside.
    """
    if definition not in gaps_of(atlas):
        known = ", ".join(gaps_of(atlas)) or "another model, for this one has no encoder"
        raise UserError(f"Gaps can't be shown by '{definition[:40]}' here: choose {known}.")
    left, right, low, high = box
    inside = left < right and low < high and max(map(abs, box)) <= FARTHEST
    if not (inside and 2 <= cells <= 128):
        raise UserError("A layer needs a box with an inside, and 2 to 128 cells a side.")
    plane, kept = plane or atlas.plane, _kept.setdefault(atlas, {})
    where = torch.cat([plane.origin[None], plane.axes]).numpy().tobytes()
    key = (definition, box, cells, where)
    grid = kept.get(key)
    if grid is None:
        grid = _computed(atlas, definition, box, cells, plane)
        with atlas.in_turn:
            if len(kept) >= KEPT:
                kept.pop(next(iter(kept)))
            kept[key] = grid
    return grid


def _computed(atlas: Atlas, definition: str, box: Box, cells: int, plane: Plane) -> np.ndarray:
    left, right, low, high = box
    x = left + (right - left) * (np.arange(cells) + 0.5) / cells
    y = high - (high - low) * (np.arange(cells) + 0.5) / cells
    rows = []
    atlas.usual_in_turns(definition)
    for height in y:
        places = torch.from_numpy(np.stack([x, np.full_like(x, height)], 1))
        values = atlas.unusual_in_turns(definition, plane.unproject(places).float())
        rows.append(percentile_among(values, atlas.usual(definition)))
    return torch.stack(rows).float().numpy()
