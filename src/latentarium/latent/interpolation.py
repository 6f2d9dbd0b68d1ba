"""Interpolate between two latents of an encoded data set.

linear      lerp
spherical   slerp, which keeps the norm that is typical of a high-dimensional N(0, I)
data        along a graph of the latents of the data, for models that can encode
"""

import threading

import torch

from latentarium.data.arrays import fixed_permutation
from latentarium.errors import UserError
from latentarium.latent.encoded import EncodedData
from latentarium.latent.paths import DataGraph
from latentarium.models.interpolation import METHODS
from latentarium.shapes import LatentPath, LatentVector

MAX_GRAPH_LATENTS = 20_000
"""Maximum number of latents in a graph; a graph of this size is built in half a second."""
GRAPH_NEIGHBOURS = (10, 40, 160)
"""Numbers of neighbours per latent, tried in this order until a path joins the two latents."""


class Interpolator:
    """Interpolates between latents, and caches the graphs of the data.

    Arguments:
        encoded: A model's encoded data.
    """

    def __init__(self, encoded: EncodedData) -> None:
        self._encoded = encoded
        self._graphs: dict[int, DataGraph] = {}
        self._lock = threading.Lock()

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that are available for this model."""
        return (*METHODS, "data") if self._encoded.can_encode else tuple(METHODS)

    @property
    def num_graph_latents(self) -> int:
        """Number of latents in a graph; 0 for a model that can't encode."""
        if not self._encoded.can_encode:
            return 0
        return min(len(self._encoded.latents), MAX_GRAPH_LATENTS)

    def path(
        self, a: LatentVector, b: LatentVector, steps: int = 16, method: str = "linear"
    ) -> LatentPath:
        """Return the latents from a to b, both included.

        Raises:
            UserError: The model has no such method (code "unknown-method"), or the method finds no
                path between the two latents; see `lerp`, `slerp` and `DataGraph.path`.
        """
        if method not in self.methods:
            raise UserError(
                f"This model has no interpolation method {method!r}: choose "
                f"{' or '.join(self.methods)}.",
                code="unknown-method",
            )
        if method in METHODS:
            return METHODS[method](a, b, steps)
        return self._through_data(a, b, steps)

    def _through_data(self, a: LatentVector, b: LatentVector, steps: int) -> LatentPath:
        max_k = self.num_graph_latents - 1
        *smaller, largest = sorted({min(k, max_k) for k in GRAPH_NEIGHBOURS})
        for k in smaller:
            try:
                return self._graph(k).path(a, b, steps)
            except UserError:
                continue
        return self._graph(largest).path(a, b, steps)

    def _graph(self, k: int) -> DataGraph:
        with self._lock:  # concurrent requests build a graph only once
            if k not in self._graphs:
                latents = self._encoded.latents
                order = torch.from_numpy(fixed_permutation(len(latents))[:MAX_GRAPH_LATENTS])
                self._graphs[k] = DataGraph(latents[order], k)
            return self._graphs[k]
