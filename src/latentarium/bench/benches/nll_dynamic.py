"""Negative log-likelihood of dynamically binarized MNIST, by importance sampling, and of some
images by annealed importance sampling as well, which does not use the encoder."""

from collections.abc import Mapping
from typing import ClassVar

import torch

from latentarium.bench import published
from latentarium.bench.bench import Bench, Changes, Column, MeasuringProgress
from latentarium.bench.published import Published
from latentarium.config import ImportanceWeightedConfig, NetConfig
from latentarium.data.dataset import Data
from latentarium.evaluation.annealed import annealed_nll
from latentarium.evaluation.likelihood import importance_nll
from latentarium.evaluation.likelihood_protocols import likelihood_protocol
from latentarium.models.base import LatentModel
from latentarium.registry import register
from latentarium.stats.intervals import bootstrap
from latentarium.stats.measurement import Measurement

NUM_ANNEALED = 100
"""Number of test images whose NLL is also computed by annealing."""
ANNEALED_PARTS = 50
"""How many times as long an image takes by annealing as by importance sampling, about; for the
time left."""


_SILU = NetConfig(kind="mlp", width=512, depth=2, activation="silu")
_LONG: Changes = {
    "model": {"encoder": _SILU, "decoder": _SILU, "kl_warmup_steps": 5000},
    "optimizer": {"learning_rate": 1e-3, "warmup_steps": 500, "max_gradient_norm": 200.0},
    "train": {"steps": 200_000},
}
"""Settings for long trainings. In short trainings, they are 0.9 nats worse than the presets."""
_LONG_VAMP: Changes = {
    "model": {
        **_LONG["model"],
        "kl_warmup_steps": 25_000,
        "objective": ImportanceWeightedConfig(samples=5),
    },
    "optimizer": {**_LONG["optimizer"], "learning_rate": 2e-3},
    "train": {"steps": 100_000},
}
"""As `_LONG`, for a VampPrior. With the ELBO, it is 0.6 nats worse."""


@register("bench", "nll-dynamic")
class DynamicNLL(Bench):
    """The importance-weighted bound on the negative log-likelihood (Burda et al., 2016), and an
    independent check by annealed importance sampling (Wu et al., 2017).

    Arguments:
        samples: The number of importance samples per image.
        temperatures: The number of temperatures of annealing.
    """

    title = "NLL of dynamically binarized MNIST"
    presets: ClassVar[tuple[str, ...]] = (
        "vae_dynamic_mnist", "iwae_dynamic_mnist", "vae_vamp_dynamic_mnist", "hvae_dynamic_mnist",
    )  # fmt: skip
    columns: ClassVar[tuple[Column, ...]] = (
        Column(key="nll", title="NLL, k = 5,000", unit="nats"),
        Column(key="nll_100", title="NLL, k = 100", unit="nats"),
        Column(key="nll_1", title="NLL, k = 1", unit="nats"),
        Column(key="annealed", title="NLL of 100 images by annealing", unit="nats"),
        Column(key="nll_annealed_images", title="the same images, k = 5,000", unit="nats"),
    )
    published: ClassVar[tuple[Published, ...]] = published.NLL_DYNAMIC
    caveat = (
        "Published models were trained for hundreds to thousands of passes over the data; with "
        "the small budget, ours are trained for 51 passes. With the full budget, for 512 passes "
        "with SiLU, a learning rate of 0.001, a KL term that rises for 5,000 steps, and gradients "
        "of norm 200 at most; the VampPrior for 256 passes, with a learning rate of 0.002, a KL "
        "term that rises for 25,000 steps, and the importance-weighted bound from 5 latents. On "
        "one core, the VAE takes 40 minutes, the VampPrior 80, and each measurement 30."
    )
    full: ClassVar[Mapping[str, Changes]] = {
        **dict.fromkeys(presets, _LONG),
        "vae_vamp_dynamic_mnist": _LONG_VAMP,
    }

    def __init__(self, samples: int = 5000, temperatures: int = 500) -> None:
        self.samples, self.temperatures = samples, temperatures
        self.protocol: str = (
            "Importance-weighted NLL of the 10,000 test images, binarized once with seed 777, "
            f"with {samples:,} samples; trained on 50,000 images that are binarized again for "
            "each batch. Lower is better. Check: annealed importance sampling of "
            f"{NUM_ANNEALED} of these images from the prior, with {temperatures} temperatures and "
            "16 chains. Both are upper bounds in expectation, so if they agree, both are probably "
            "tight."
        )

    def measure(
        self, model: LatentModel, data: Data, seed: int, progress: MeasuringProgress
    ) -> dict[str, Measurement]:
        images = data.test.images
        chosen = torch.linspace(0, len(images) - 1, min(NUM_ANNEALED, len(images))).long()
        parts = len(images) + ANNEALED_PARTS * len(chosen)
        nll = importance_nll(
            model,
            images,
            samples=self.samples,
            seed=seed,
            progress=lambda done: progress(done, parts),
        )
        annealed = annealed_nll(
            model,
            images[chosen],
            temperatures=self.temperatures,
            seed=seed,
            progress=lambda done: progress(len(images) + round(ANNEALED_PARTS * done), parts),
        )
        same = nll.per_image[chosen]
        name = likelihood_protocol(model, images, data)
        shared = {"unit": "nats", "seed": seed, "split": "test"}
        bounds = {
            key: Measurement(
                name=f"NLL, {k:,} importance samples", value=nll.bounds[k], n=nll.n,
                interval=nll.interval if k == self.samples else None,
                protocol=f"nll-k{k} {name}", **shared,
            )
            for key, k in (("nll", self.samples), ("nll_100", 100), ("nll_1", 1))
        }  # fmt: skip
        return bounds | {
            "annealed": Measurement(
                name=f"NLL of {annealed.n} images by annealing", value=annealed.nll,
                interval=annealed.interval, n=annealed.n,
                protocol=f"annealed-t{self.temperatures} {name}", **shared,
            ),
            "nll_annealed_images": Measurement(
                name=f"NLL of the same images, {self.samples:,} importance samples",
                value=float(same.mean()), interval=bootstrap(same, seed=seed), n=annealed.n,
                protocol=f"nll-k{self.samples} {name}", **shared,
            ),
        }  # fmt: skip
