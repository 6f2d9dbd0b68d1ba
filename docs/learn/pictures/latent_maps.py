"""Plot the maps of the autoencoder and the VAE, with N(0, I) at 1 and 2 standard deviations."""

import matplotlib.pyplot as plt
from matplotlib.patches import Circle

from shared import GREY, show_map

figure, panels = plt.subplots(1, 2, figsize=(8, 4.2))
for axes, name, title in zip(panels, ("ae", "vae"), ("AE", "VAE"), strict=True):
    show_map(axes, name)
    for radius in (1, 2):
        axes.add_patch(Circle((0, 0), radius, fill=False, ls="--", color=GREY, lw=1.5))
    axes.set_title(title)
    axes.set_xlabel("$z_1$")
    axes.set_ylabel("$z_2$", rotation=0)
