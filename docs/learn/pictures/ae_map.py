"""Plot the autoencoder's latents, and decode images on a line that crosses a gap."""

import matplotlib.pyplot as plt

from shared import GREY, map_of, show_image, show_map

latent_map = map_of("ae")
line = latent_map.interpolate("4,1.5", "-1,-4", steps=9)
distance = latent_map.neighbours(line).distance[:, -1]

figure = plt.figure(figsize=(7, 5.6))
grid = figure.add_gridspec(2, 9, height_ratios=[6, 1], hspace=0.3)
axes = figure.add_subplot(grid[0, :])
show_map(axes, "ae")
axes.plot(*line.T, "o-", color=GREY, mfc="white", ms=6, lw=1.5)
axes.set_xlabel("$z_1$", labelpad=0)
axes.set_ylabel("$z_2$", rotation=0)
for column, image in enumerate(latent_map.decode(line)):
    cell = figure.add_subplot(grid[1, column])
    show_image(cell, image)
    cell.set_title(f"{float(distance[column]):.2f}", fontsize=9, pad=2)
