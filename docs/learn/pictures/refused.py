"""Plot the conditional discriminator's logits of six images for the label 4."""

import matplotlib.pyplot as plt
import torch

from latentarium.data.dataset import to_float
from shared import GREY, mnist, shipped, show_image

model, test = shipped("cgan"), mnist().test
assert test.labels is not None
first = [int((test.labels == digit).nonzero()[0]) for digit in (4, 3, 5, 6)]
four, *others = to_float(test.images[first])
noise = torch.randn(four.shape, generator=torch.Generator().manual_seed(0))
pictures = {"4": four} | dict(zip("356", others, strict=True))
pictures |= {"4 + noise": (four + noise).clamp(-1, 1), "inverted 4": -four}
fours = to_float(test.images[test.labels == 4])
with torch.no_grad():
    typical = model.discriminate(fours, torch.full((len(fours),), 4))
    logits = model.discriminate(torch.stack(list(pictures.values())), torch.full((6,), 4))

figure = plt.figure(figsize=(8, 3.6))
grid = figure.add_gridspec(2, 6, height_ratios=[1, 1.3], hspace=0.15)
for column, (name, picture) in enumerate(pictures.items()):
    cell = figure.add_subplot(grid[0, column])
    show_image(cell, picture)
    cell.set_title(name, fontsize=10)
chart = figure.add_subplot(grid[1, :])
chart.bar(range(6), logits - typical.median(), width=0.5, color=["tab:green"] + ["tab:red"] * 5)
low, high = (typical - typical.median()).quantile(torch.tensor([0.05, 0.95]))
chart.axhspan(float(low), float(high), color="tab:green", alpha=0.25, lw=0)
chart.axhline(0, color=GREY, lw=0.8)
chart.set_xlim(-0.5, 5.5)
chart.set_xticks([])
chart.set_ylabel("D(x, 4)")
