"""Shortest paths in a graph that joins each latent of a data set to its k nearest latents.

References:
    A global geometric framework for nonlinear dimensionality reduction (Tenenbaum, de Silva and
    Langford, 2000)
"""

import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from latentarium.errors import UserError
from latentarium.latent.neighbours import nearest, require_neighbours
from latentarium.models.interpolation import path_times
from latentarium.shapes import LatentPath, LatentSet, LatentVector


class DataGraph:
    """A graph that joins each latent to its k nearest latents, for many paths.

    Arguments:
        latents: Encoded data.
        k: Neighbours of each latent.

    Raises:
        UserError: k is not below the number of latents (code "too-few-latents"), or some latents
            are not finite (code "not-finite").
    """

    def __init__(self, latents: LatentSet, k: int = 10) -> None:
        require_neighbours(latents, k + 1)
        self.latents: Tensor = latents.detach().cpu().double()
        self.k = k
        # the first neighbour is the latent itself, or an equal one
        neighbours = nearest(self.latents, self.latents, k + 1)
        rows = torch.arange(len(latents))
        self._edges = _edge_list(rows, neighbours.index, neighbours.distance)

    def path(self, a: LatentVector, b: LatentVector, steps: int = 16) -> LatentPath:
        """Return the shortest path from a to b in steps of equal length (Tenenbaum et al., 2000).

        Both ends are joined to their k nearest latents in the graph.

        Raises:
            UserError: No path joins the two latents (code "no-path"), or there are fewer than two
                steps (code "too-few-steps").
        """
        path_times(steps, a)
        n = len(self.latents)
        ends = torch.stack([a, b]).detach().cpu().double()
        joined = nearest(self.latents, ends, self.k)
        new_edges = _edge_list(torch.tensor([n, n + 1]), joined.index, joined.distance)
        rows, columns, lengths = (
            torch.cat(pair).numpy() for pair in zip(self._edges, new_edges, strict=True)
        )
        graph = csr_matrix((lengths, (rows, columns)), shape=(n + 2, n + 2))
        _, predecessors = dijkstra(graph, directed=False, indices=n, return_predecessors=True)
        node, reversed_nodes = n + 1, [n + 1]
        while node != n:
            node = int(predecessors[node])
            if node < 0:
                raise UserError(
                    f"No path through the data joins the two latents with k = {self.k}: give a "
                    "larger k, or more latents.",
                    code="no-path",
                )
            reversed_nodes.append(node)
        corners = torch.cat([self.latents, ends])[torch.tensor(reversed_nodes[::-1])]
        return _resample(corners, steps).to(a.dtype)


def through_data(
    a: LatentVector, b: LatentVector, latents: LatentSet, *, steps: int = 16, k: int = 10
) -> LatentPath:
    """Return one path through data. For many paths, use a `DataGraph`, which is built once."""
    return DataGraph(latents, k).path(a, b, steps)


def _edge_list(rows: Tensor, index: Tensor, distance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return rows.repeat_interleave(index.shape[1]), index.flatten(), distance.flatten()


def _resample(corners: Tensor, steps: int) -> Tensor:
    """Return points at equal distances along a polyline."""
    lengths = torch.nn.functional.pad(corners.diff(dim=0).norm(dim=1).cumsum(0), (1, 0))
    wanted = torch.linspace(0, 1, steps, dtype=torch.float64) * lengths[-1]
    piece = torch.searchsorted(lengths, wanted, right=True).clamp(1, len(lengths) - 1)
    start, length = lengths[piece - 1], lengths[piece] - lengths[piece - 1]
    t = ((wanted - start) / length.clamp_min(torch.finfo(torch.float64).tiny))[:, None]
    path = (1 - t) * corners[piece - 1] + t * corners[piece]
    path[0], path[-1] = corners[0], corners[-1]
    return path
