"""Ways from one latent to another.

    straight       (1 - t) a + t b
    spherical      turns from a's direction to b's at an even rate, the norm changing linearly
    through data   the shortest way over the graph that joins each code to its k nearest

References:
    Animating rotation with quaternion curves (Shoemake, 1985)
    A global geometric framework for nonlinear dimensionality reduction (Tenenbaum, de Silva and
    Langford, 2000)
"""

import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from latentarium.errors import UserError
from latentarium.latent.neighbours import nearest, require_codes
from latentarium.shapes import LatentSet, LatentVector, Path

PARALLEL = 1e-6
"""Angles, in radians, below which turning and going straight are the same to rounding."""


def lerp(a: LatentVector, b: LatentVector, steps: int = 16) -> Path:
    """The straight way, both ends included.

    Raises:
        UserError: Fewer than two steps.
    """
    t = _times(steps, a)
    return (1 - t) * a + t * b


def slerp(a: LatentVector, b: LatentVector, steps: int = 16) -> Path:
    """The way that turns (Shoemake, 1985), both ends included: between latents of one norm it
    keeps that norm, as draws of a wide N(0, I) do. Near-parallel latents go straight.

    Raises:
        UserError: A latent of zero length, opposite latents (no turn is shorter than another), or
            fewer than two steps.
    """
    t = _times(steps, a)
    norm_a, norm_b = float(a.double().norm()), float(b.double().norm())
    if norm_a == 0 or norm_b == 0:
        raise UserError("A latent of zero length has no direction to turn from: use lerp.")
    u, v = a.double() / norm_a, b.double() / norm_b
    # the angle by tangent of half of it: exact for small angles, where arccos is not
    angle = 2 * torch.atan2((u - v).norm(), (u + v).norm())
    if float(angle) < PARALLEL:
        return lerp(a, b, steps)
    if float(angle) > torch.pi - PARALLEL:
        raise UserError(
            "The two latents are opposite, and every way around is as short: go by a third one, "
            "or use lerp."
        )
    t = t.double()
    turned = (((1 - t) * angle).sin() * u + (t * angle).sin() * v) / angle.sin()
    path = (((1 - t) * norm_a + t * norm_b) * turned).to(a.dtype)
    path[0], path[-1] = a, b
    return path


class DataGraph:
    """Codes, each joined to its k nearest: for many ways through the same data.

    Arguments:
        codes: Encoded data.
        k: Neighbours of each code.

    Raises:
        UserError: k is not below the number of codes, or values are not finite.
    """

    def __init__(self, codes: LatentSet, k: int = 10) -> None:
        require_codes(codes, k + 1)
        self.codes, self.k = codes.detach().cpu().double(), k
        found = nearest(self.codes, self.codes, k + 1)  # the first is the code itself, or its twin
        self._edges = _edge_list(torch.arange(len(codes)), found.index, found.distance)

    def path(self, a: LatentVector, b: LatentVector, steps: int = 16) -> Path:
        """The shortest way from a to b over the graph, both joined to their k nearest codes, in
        steps of equal length along it (Tenenbaum et al., 2000).

        Raises:
            UserError: The graph has no way, or fewer than two steps.
        """
        _times(steps, a)
        n = len(self.codes)
        ends = torch.stack([a, b]).detach().cpu().double()
        joined = nearest(self.codes, ends, self.k)
        new = _edge_list(torch.tensor([n, n + 1]), joined.index, joined.distance)
        rows, columns, lengths = (
            torch.cat(pair).numpy() for pair in zip(self._edges, new, strict=True)
        )
        graph = csr_matrix((lengths, (rows, columns)), shape=(n + 2, n + 2))
        _, before = dijkstra(graph, directed=False, indices=n, return_predecessors=True)
        node, way = n + 1, [n + 1]
        while node != n:
            node = int(before[node])
            if node < 0:
                raise UserError(
                    f"With k = {self.k} no way through the data joins the two latents: give a "
                    "larger k, or more codes."
                )
            way.append(node)
        corners = torch.cat([self.codes, ends])[torch.tensor(way[::-1])]
        return _resample(corners, steps).to(a.dtype)


def through_data(
    a: LatentVector, b: LatentVector, codes: LatentSet, *, steps: int = 16, k: int = 10
) -> Path:
    """One way through data; see `DataGraph`, which is built once for many."""
    return DataGraph(codes, k).path(a, b, steps)


def _edge_list(rows: Tensor, index: Tensor, distance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return rows.repeat_interleave(index.shape[1]), index.flatten(), distance.flatten()


def _resample(corners: Tensor, steps: int) -> Tensor:
    """Points at equal lengths along straight pieces."""
    along = torch.nn.functional.pad(corners.diff(dim=0).norm(dim=1).cumsum(0), (1, 0))
    wanted = torch.linspace(0, 1, steps, dtype=torch.float64) * along[-1]
    piece = torch.searchsorted(along, wanted, right=True).clamp(1, len(along) - 1)
    start, length = along[piece - 1], along[piece] - along[piece - 1]
    t = ((wanted - start) / length.clamp_min(torch.finfo(torch.float64).tiny))[:, None]
    path = (1 - t) * corners[piece - 1] + t * corners[piece]
    path[0], path[-1] = corners[0], corners[-1]
    return path


def _times(steps: int, a: Tensor) -> Tensor:
    if steps < 2:
        raise UserError(f"A way has two ends, and steps is {steps}: give at least 2.")
    return torch.linspace(0, 1, steps, dtype=a.dtype, device=a.device)[:, None]
