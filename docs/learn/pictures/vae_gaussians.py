"""Plot the Gaussian of each digit in the latent space of the VAE."""

import matplotlib.pyplot as plt
from matplotlib.patches import Ellipse

from shared import COLOURS, map_of, show_map

figure, axes = plt.subplots(figsize=(6, 5))
show_map(axes, "vae")
for ellipses, colour in zip(zip(*map_of("vae").ellipses(), strict=True), COLOURS, strict=True):
    for ellipse in ellipses:
        size = 2 * ellipse.major, 2 * ellipse.minor
        angle = ellipse.angle * 180 / 3.14159265
        axes.add_patch(
            Ellipse(ellipse.centre, *size, angle=angle, fill=False, color=colour, lw=1.5)
        )
axes.set_xlabel("$z_1$")
axes.set_ylabel("$z_2$", rotation=0)
