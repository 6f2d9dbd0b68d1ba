"""Gap layers: the rarity of each cell of a grid over a map, computed from coarse to fine.

    rarity       by all measures: 1 - level, as for a single image
    distance     rarity by the distance to the data
    round_trip   rarity by |E(D(z)) - z|
    doubt        rarity by the entropy of the classifier's probabilities
    stretch      rarity by the decoder's volume element

A rarity is the share of held-out images that are less unusual; values near 1 mark a gap.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from latentarium.errors import UserError
from latentarium.latent.calibration import SCORE_COLUMNS, levels_of
from latentarium.latent.encoded import EncodedData
from latentarium.latent.gaps import decoder_stretch, percentile_among
from latentarium.latent.planes import MAX_COORDINATE, Plane
from latentarium.latent.scored_decoder import CHUNK_SIZE, ScoredDecoder
from latentarium.shapes import LatentSet, PerPoint
from latentarium.unchecked import unchecked_inputs

GAP_MEASURES = ("rarity", "distance", "round_trip", "stretch", "doubt")
STRIDES = (16, 8, 4, 2)
"""Distance in cells between the cells of one pass; a last pass covers the remaining cells."""
MAX_HELD_OUT = 500
"""Maximum number of held-out images that calibrate the stretch."""
MAX_CACHED = 16
"""Maximum number of grids that are cached for one map."""
Box = tuple[float, float, float, float]
"""The left, right, lower and upper end of a rectangle on the map."""


@dataclass(frozen=True, kw_only=True)
class LayerPart:
    """A part of a layer."""

    values: np.ndarray
    """float32, in the order of `coarse_to_fine`; empty during the calibration."""
    done: int
    """Latents evaluated so far."""
    total: int


LayerParts = Iterator[LayerPart]


class GapLayers:
    """Computes gap layers, and caches the most recent ones.

    Arguments:
        encoded: A model's encoded data.
        decoder: The model's decoder with its scores.
        chunk_size: Latents per part.
        stretch_chunk_size: Latents per part of a stretch layer; fewer, since each latent needs a
            Jacobian.
    """

    def __init__(
        self,
        encoded: EncodedData,
        decoder: ScoredDecoder,
        chunk_size: int = CHUNK_SIZE,
        stretch_chunk_size: int = 16,
    ) -> None:
        self._encoded, self._decoder = encoded, decoder
        self.chunk_size = chunk_size
        self.stretch_chunk_size = stretch_chunk_size
        self._cache: dict[tuple[bool, Box, int, bytes], np.ndarray] = {}
        self._held_out_stretch: PerPoint | None = None

    @property
    def measures(self) -> tuple[str, ...]:
        """The available measures.

        There are none if the model can't encode, and "doubt" needs a classifier.
        """
        if not self._encoded.can_encode:
            return ()
        has_classifier = self._decoder.classifier is not None
        return tuple(name for name in GAP_MEASURES if name != "doubt" or has_classifier)

    def clear(self) -> None:
        """Forget the cached layers."""
        self._cache.clear()

    def grid(
        self, measure: str, box: Box, cells: int = 64, plane: Plane | None = None
    ) -> np.ndarray:
        """Return a layer as float32 (cells, cells), the topmost row first. See `parts`."""
        grid = np.empty((cells, cells), np.float32)
        parts = [part.values for part in self.parts(measure, box, cells, plane)]
        grid[tuple(coarse_to_fine(cells).T)] = np.concatenate(parts)
        return grid

    def parts(
        self, measure: str, box: Box, cells: int = 64, plane: Plane | None = None
    ) -> Iterator[LayerPart]:
        """Compute a layer part by part.

        Arguments:
            measure: One of `measures`.
            box: The rectangle of the map to cover.
            cells: Cells per side, 2 to 128.
            plane: The plane of the box; None: the map's own plane.

        Raises:
            UserError: The model can't encode (code "no-encoder") or has no such measure (code
                "unknown-measure"), or the box is empty or too large, or the number of cells is out
                of range (code "invalid-box"). The call itself raises them, not the iteration.
        """
        self._encoded.require_encoder()
        if measure not in self.measures:
            raise UserError(
                f"This map has no gap measure {measure[:40]!r}: choose "
                f"{', '.join(self.measures)}.",
                code="unknown-measure",
            )
        left, right, low, high = box
        valid = left < right and low < high and max(map(abs, box)) <= MAX_COORDINATE
        if not (valid and 2 <= cells <= 128):
            raise UserError(
                f"The box is {box} with {cells} cells per side; it must have left < right, low < "
                f"high, coordinates up to {MAX_COORDINATE:g}, and 2 to 128 cells per side.",
                code="invalid-box",
            )
        plane = plane or self._encoded.plane
        return self._parts(measure, box, cells, plane)

    def _parts(self, measure: str, box: Box, cells: int, plane: Plane) -> Iterator[LayerPart]:
        where = torch.cat([plane.origin[None], plane.axes]).numpy().tobytes()
        key = (measure == "stretch", box, cells, where)
        column = 0 if measure == "stretch" else _column(measure)
        if key in self._cache:
            values = self._cache[key][:, column]
            yield LayerPart(values=values, done=len(values), total=len(values))
            return
        z = plane.unproject(torch.from_numpy(cell_centres(box, cells))).float()
        chunks = self._stretch_chunks(z) if measure == "stretch" else self._score_chunks(z)
        tables = []
        for table, done, total in chunks:
            tables.append(table)
            if done == total and not self._decoder.is_learning:
                self._store(key, np.concatenate(tables))
            yield LayerPart(values=table[:, column], done=done, total=total)

    def _store(self, key: tuple[bool, Box, int, bytes], table: np.ndarray) -> None:
        if len(self._cache) >= MAX_CACHED:
            self._cache.pop(next(iter(self._cache)))
        self._cache[key] = table

    def _score_chunks(self, z: LatentSet) -> Iterator[tuple[np.ndarray, int, int]]:
        """Yield all measures except the stretch: after one layer, users often request another."""
        done = 0
        for chunk in z.split(self.chunk_size):
            table = self._decoder.decode_scored(chunk).scores
            table[:, _column("rarity")] = 1 - levels_of(table).numpy()
            done += len(chunk)
            yield table, done, len(z)

    def _stretch_chunks(self, z: LatentSet) -> Iterator[tuple[np.ndarray, int, int]]:
        held_out, size = self._held_out_stretch, self.stretch_chunk_size
        reference = self._encoded.held_out_latents[:MAX_HELD_OUT] if held_out is None else z[:0]
        total, done, stretches = len(reference) + len(z), 0, []
        for chunk in reference.split(size) if len(reference) else ():
            stretches.append(self._stretch(chunk))
            done += len(chunk)
            yield np.empty((0, 1), np.float32), done, total
        if held_out is None:
            held_out = self._held_out_stretch = torch.cat(stretches)
        for chunk in z.split(size):
            rarity = percentile_among(self._stretch(chunk), held_out)
            done += len(chunk)
            yield rarity.float()[:, None].numpy(), done, total

    def _stretch(self, z: LatentSet) -> PerPoint:
        model = self._encoded.model
        with unchecked_inputs():
            return decoder_stretch(model.decode, z.to(model.device)).cpu()


def coarse_to_fine(cells: int) -> np.ndarray:
    """Return the row and column of each cell of a grid, from coarse to fine.

    The cells at the centres of large squares come first, then those at the centres of squares half
    as large, and finally all remaining cells.
    """
    remaining = np.ones((cells, cells), bool)
    passes = []
    for stride in STRIDES:
        centres = np.arange(stride // 2, cells, stride)
        rows, columns = (axis.ravel() for axis in np.meshgrid(centres, centres, indexing="ij"))
        remaining[rows, columns] = False
        passes.append(np.stack([rows, columns], 1))
    return np.concatenate([*passes, np.argwhere(remaining)])


def cell_centres(box: Box, cells: int) -> np.ndarray:
    """Return the centre of each cell on the map, float64 (cells^2, 2), in the order of
    `coarse_to_fine`."""
    left, right, low, high = box
    rows, columns = coarse_to_fine(cells).T
    x = left + (right - left) * (columns + 0.5) / cells
    y = high - (high - low) * (rows + 0.5) / cells
    return np.stack([x, y], 1)


def _column(measure: str) -> int:
    return SCORE_COLUMNS.index("level" if measure == "rarity" else f"{measure}_rarity")
