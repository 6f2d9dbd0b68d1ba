"""Compare eight modes on a ring with samples of one fitted Gaussian and of a fitted mixture."""

import matplotlib.pyplot as plt

from latentarium.data.toy import ring
from latentarium.latent import mixture, single_gaussian
from latentarium.rng import Noise

data = ring(std=0.05).sample(2000)
noise = Noise(0)
panels = {
    "data": data,
    "1 Gaussian": single_gaussian(data).sample(2000, noise.generator),
    "8 Gaussians": mixture(data, 8, seed=0).sample(2000, noise.generator),
}
figure, grid = plt.subplots(1, 3, figsize=(8, 2.8), sharex=True, sharey=True)
for axes, (title, points) in zip(grid, panels.items(), strict=True):
    axes.scatter(*points.T, s=2, alpha=0.4, color="tab:blue", linewidths=0)
    axes.set_title(title)
    axes.set_aspect("equal")
