"""A lattice of seeds: a plane of latents for models that can't encode images.

At integer coordinates, z is drawn from N(0, I). In between, the four surrounding latents are
blended with weights whose squares sum to one, so that z is distributed as N(0, I) everywhere.

References:
    Alias-free generative adversarial networks (Karras et al., 2021): the lattice of its
    visualizer, here with weights that keep the variance
"""

import torch
from torch import Tensor

from latentarium.rng import Noise
from latentarium.shapes import LatentSet


def seed_lattice(points: Tensor, latent_dim: int, seed: int) -> LatentSet:
    """Return the latents of points of the lattice.

    Arguments:
        points: Coordinates (N, 2).
        latent_dim: Size of a latent. Models with latents of the same size have the same lattice.
        seed: Seed of the lattice.
    """
    corner = points.floor()
    fraction = points - corner
    z_sum = torch.zeros(len(points), latent_dim)
    squares = torch.zeros(len(points), 1)
    for dx in (0, 1):
        for dy in (0, 1):
            x, y = fraction.T
            weight = (x if dx else 1 - x) * (y if dy else 1 - y)
            seeds = corner + torch.tensor([dx, dy])
            z = torch.cat([
                Noise("lattice", seed, int(a), int(b)).normal(1, latent_dim) for a, b in seeds
            ])  # fmt: skip
            z_sum += weight[:, None].float() * z
            squares += weight[:, None].float() ** 2
    return z_sum / squares.sqrt()
