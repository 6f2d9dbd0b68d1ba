"""How unusual each place of a map is: a grid over a part of it, from coarse to fine.

trust        by any measure: as red as the cursor's ring would be there
distance     to the data
round_trip   |E(D(z)) - z|
doubt        entropy of the judge before the decoded image
stretch      of the decoder
"""

import time
from collections.abc import Generator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch

from latentarium.errors import UserError
from latentarium.latent.calibration import levels_of
from latentarium.latent.gaps import decoder_stretch, percentile_among
from latentarium.latent.latent_map import Atlas
from latentarium.latent.planes import Plane
from latentarium.latent.scores import AT_ONCE, YIELD
from latentarium.shapes import LatentSet, PerPoint
from latentarium.studio.protocol import MAX_COORDINATE, SCORE_COLUMNS

GAPS = ("trust", "distance", "round_trip", "stretch", "doubt")
STEPS = (16, 8, 4, 2)
"""Cells from one to the next, of the first passes; the last one looks at all that are left."""
FEW = 16
"""Latents in one turn, where each takes a Jacobian."""
HELD_OUT = 500
"""Images that say what stretch is usual, at most."""
KEPT = 16
"""Grids of one map."""
Box = tuple[float, float, float, float]
"""Left, right, low and high end, on the map."""
Parts = Generator["Part", None, None]
_kept: "WeakKeyDictionary[Atlas, dict[tuple[bool, Box, int, bytes], np.ndarray]]" = (
    WeakKeyDictionary()
)
_usual_stretch: "WeakKeyDictionary[Atlas, PerPoint]" = WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a layer."""

    values: np.ndarray
    """float32, in the order of `coarse_to_fine`; none while it is learned what is usual."""
    done: int
    """Images that were looked at until now."""
    of: int


def gaps_of(atlas: Atlas) -> list[str]:
    """By what a gap can be shown: all that fits the model and its images."""
    if not atlas.has_map:
        return []
    return [name for name in GAPS if name != "doubt" or atlas.judge is not None]


def gap_parts(
    atlas: Atlas, definition: str, box: Box, cells: int = 64, *, plane: Plane | None = None
) -> Parts:
    """How unusual each place of a grid is: the share of held-out images that are less so. Others
    have their turns with the model between two parts.

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
    inside = left < right and low < high and max(map(abs, box)) <= MAX_COORDINATE
    if not (inside and 2 <= cells <= 128):
        raise UserError("A layer needs a box with an inside, and 2 to 128 cells a side.")
    plane, kept = plane or atlas.plane, _kept.setdefault(atlas, {})
    where = torch.cat([plane.origin[None], plane.axes]).numpy().tobytes()
    key = (definition == "stretch", box, cells, where)
    column = 0 if definition == "stretch" else _column(definition)
    if key in kept:
        values = kept[key][:, column]
        yield Part(values=values, done=len(values), of=len(values))
        return
    z = plane.unproject(torch.from_numpy(places(box, cells))).float()
    looks = _stretches(atlas, z) if definition == "stretch" else _trusts(atlas, z)
    found = []
    for rows, done, of in looks:
        found.append(rows)
        yield Part(values=rows[:, column], done=done, of=of)
    with atlas.in_turn:
        if len(kept) >= KEPT:
            kept.pop(next(iter(kept)))
        kept[key] = np.concatenate(found)


def coarse_to_fine(cells: int) -> np.ndarray:
    """All cells of a grid as (row, column), each once: the middles of large squares, then those of
    squares half as large, and at the end all that are left."""
    left = np.ones((cells, cells), bool)
    passes = []
    for step in STEPS:
        at = np.arange(step // 2, cells, step)
        rows, columns = (one.ravel() for one in np.meshgrid(at, at, indexing="ij"))
        left[rows, columns] = False
        passes.append(np.stack([rows, columns], 1))
    return np.concatenate([*passes, np.argwhere(left)])


def places(box: Box, cells: int) -> np.ndarray:
    """The middle of each cell on the map, float64 (cells^2, 2), in that order."""
    left, right, low, high = box
    rows, columns = coarse_to_fine(cells).T
    x = left + (right - left) * (columns + 0.5) / cells
    y = high - (high - low) * (rows + 0.5) / cells
    return np.stack([x, y], 1)


Looks = Generator[tuple[np.ndarray, int, int], None, None]
"""Rows of values, how many images were looked at, of how many."""


def _column(definition: str) -> int:
    return SCORE_COLUMNS.index("level" if definition == "trust" else f"{definition}_rarity")


def _trusts(atlas: Atlas, z: LatentSet) -> Looks:
    """All measures of trust at once: who asks for one will ask for the others."""
    done = 0
    for part in z.split(AT_ONCE):
        with atlas.in_turn:
            trust = atlas.decoded(part).trust
        trust[:, _column("trust")] = 1 - levels_of(trust).numpy()
        done += len(part)
        yield trust, done, len(z)
        time.sleep(YIELD)


def _stretches(atlas: Atlas, z: LatentSet) -> Looks:
    usual = _usual_stretch.get(atlas)
    first = atlas.held_out_codes[:HELD_OUT] if usual is None else z[:0]
    of, done, found = len(first) + len(z), 0, []
    for part in first.split(FEW) if len(first) else ():
        found.append(_stretch(atlas, part))
        done += len(part)
        yield np.empty((0, 1), np.float32), done, of
    if usual is None:
        usual = _usual_stretch[atlas] = torch.cat(found)
    for part in z.split(FEW):
        rarity = percentile_among(_stretch(atlas, part), usual)
        done += len(part)
        yield rarity.float()[:, None].numpy(), done, of


def _stretch(atlas: Atlas, z: LatentSet) -> PerPoint:
    with atlas.in_turn:
        found = decoder_stretch(atlas.model.decode, z.to(atlas.model.device)).cpu()
    time.sleep(YIELD)
    return found
