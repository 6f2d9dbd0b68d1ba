"""A plane of seeds, for models without a map: z at whole numbers is a draw from N(0, I)."""

import torch
from torch import Tensor

from latentarium.rng import Noise
from latentarium.shapes import LatentSet


def blended(points: Tensor, latent_dim: int, seed: int) -> LatentSet:
    """Latents between the four seeds around each point, blended with weights whose squares sum to
    one: of draws from N(0, I) the blend is such a draw too.

    Arguments:
        points: Places on the plane, (N, 2).
        latent_dim: Size of a latent; of the same size, all models have the same ones.
        seed: Of the plane.
    """
    corner = points.floor()
    part = points - corner
    z_sum = torch.zeros(len(points), latent_dim)
    squares = torch.zeros(len(points), 1)
    for dx in (0, 1):
        for dy in (0, 1):
            x, y = part.T
            weight = (x if dx else 1 - x) * (y if dy else 1 - y)
            seeds = corner + torch.tensor([dx, dy])
            z = torch.cat([
                Noise("lattice", seed, int(a), int(b)).normal(1, latent_dim) for a, b in seeds
            ])  # fmt: skip
            z_sum += weight[:, None].float() * z
            squares += weight[:, None].float() ** 2
    return z_sum / squares.sqrt()
