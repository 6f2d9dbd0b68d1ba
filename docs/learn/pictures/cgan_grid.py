"""Decode four latents of the conditional GAN as each of the ten digits."""

import torch

from shared import shipped, show_rows

model = shipped("cgan")
z, _ = model.latents(4, label=0, seed=1)
rows = {}
for number, latent in enumerate(z, 1):
    with torch.no_grad():
        rows[f"$z_{number}$"] = model.decode(latent.expand(10, -1), torch.arange(10))
show_rows(rows, [f"{digit}" for digit in range(10)])
