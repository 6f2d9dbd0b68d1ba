"""Parzen-window log-likelihood, a metric of the first papers on GANs."""

from typing import ClassVar

import torch

from latentarium.bench import published
from latentarium.bench.bench import Bench, Column, MeasuringProgress
from latentarium.bench.published import Published
from latentarium.data.dataset import Data, to_float
from latentarium.metrics.parzen import parzen_log_likelihood
from latentarium.models.base import LatentModel
from latentarium.registry import register
from latentarium.stats.measurement import Measurement


@register("bench", "parzen-legacy")
class ParzenLegacy(Bench):
    """The Parzen-window estimate with samples as centres, compared with the estimate with real
    training images as centres.

    Arguments:
        centres: The number of kernels.
    """

    title = "Parzen-window log-likelihood, a legacy metric"
    protocol = (
        "10,000 samples as centres of Gaussian kernels, pixels in [0, 1]; sigma the best of ten "
        "from 0.1 to 1 on 1,000 validation images; mean over the 10,000 test images. Higher is "
        "better, but the number says little about the model (Theis et al., 2016)."
    )
    presets: ClassVar[tuple[str, ...]] = ("gan_mnist", "cgan_mnist", "vae_mnist")
    columns: ClassVar[tuple[Column, ...]] = (
        Column(key="parzen", title="log-likelihood", unit="nats"),
        Column(key="real", title="real images as centres", unit="nats"),
    )
    published: ClassVar[tuple[Published, ...]] = published.PARZEN
    caveat = "The published GAN was trained on the first 50,000 images, ours on 55,000."

    def __init__(self, centres: int = 10_000) -> None:
        self.centres = centres

    def measure(
        self, model: LatentModel, data: Data, seed: int, progress: MeasuringProgress
    ) -> dict[str, Measurement]:
        n = self.centres
        label = torch.arange(n) % max(1, model.num_classes) if model.takes_label else None
        samples = model.sample(n, label, seed=seed)
        order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))
        real = to_float(data.train.images[order[:n]])
        validation, test = data.validation.images, data.test.images
        generated = parzen_log_likelihood(samples, validation, test)
        progress(1, 2)
        reference = parzen_log_likelihood(real, validation, test)
        shared = {
            "unit": "nats", "seed": seed, "split": "test", "protocol": "parzen-10000-legacy",
        }  # fmt: skip
        return {
            "parzen": Measurement(
                name="Parzen-window log-likelihood", value=generated.log_likelihood,
                interval=generated.interval, reference=reference.log_likelihood, n=generated.n,
                note=f"sigma {generated.sigma:.3g}", **shared,
            ),
            "real": Measurement(
                name="Parzen-window log-likelihood of real training images",
                value=reference.log_likelihood, interval=reference.interval, n=reference.n,
                note=f"sigma {reference.sigma:.3g}", **shared,
            ),
        }  # fmt: skip
