"""Plot the discriminator's logits of real test images, of samples and of noise."""

import matplotlib.pyplot as plt
import torch

from latentarium.data.dataset import to_float
from shared import mnist, shipped

model = shipped("gan")
sets = {
    "real": to_float(mnist().test.images[:2000]),
    "generated": model.sample(2000, seed=0),
    "noise": 2 * torch.rand(2000, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 1,
}
figure, axes = plt.subplots(figsize=(7, 2.8))
for name, images in sets.items():
    with torch.no_grad():
        axes.hist(model.discriminate(images), 60, alpha=0.6, density=True, label=name)
axes.set_xlabel("D(x)")
axes.set_yticks([])
axes.legend()
