"""Negative log-likelihood of dynamically binarized MNIST, by importance sampling."""

from collections.abc import Mapping
from typing import ClassVar

from latentarium.bench import published
from latentarium.bench.bench import Bench, Column, MeasuringProgress
from latentarium.bench.published import Published
from latentarium.data.dataset import Data
from latentarium.evaluation.likelihood import importance_nll
from latentarium.evaluation.likelihood_protocols import likelihood_protocol
from latentarium.models.base import LatentModel
from latentarium.registry import register
from latentarium.stats.measurement import Measurement


@register("bench", "nll-dynamic")
class DynamicNLL(Bench):
    """The importance-weighted bound on the negative log-likelihood (Burda et al., 2016).

    Arguments:
        samples: The number of importance samples per image.
    """

    title = "NLL of dynamically binarized MNIST"
    presets: ClassVar[tuple[str, ...]] = ("vae_dynamic_mnist", "hvae_dynamic_mnist")
    columns: ClassVar[tuple[Column, ...]] = (
        Column(key="nll", title="NLL, k = 5,000", unit="nats"),
        Column(key="nll_100", title="NLL, k = 100", unit="nats"),
        Column(key="nll_1", title="NLL, k = 1", unit="nats"),
    )
    published: ClassVar[tuple[Published, ...]] = published.NLL_DYNAMIC
    caveat = (
        "Published models were trained for hundreds to thousands of passes over the data; with "
        "the small budget, ours are trained for 51 passes."
    )
    full_steps: ClassVar[Mapping[str, int]] = dict.fromkeys(presets, 400_000)

    def __init__(self, samples: int = 5000) -> None:
        self.samples = samples
        self.protocol: str = (
            "Importance-weighted NLL of the 10,000 test images, binarized once with seed 777, "
            f"with {samples:,} samples; trained on 50,000 images that are binarized again for "
            "each batch. Lower is better."
        )

    def measure(
        self, model: LatentModel, data: Data, seed: int, progress: MeasuringProgress
    ) -> dict[str, Measurement]:
        images = data.test.images
        nll = importance_nll(
            model,
            images,
            samples=self.samples,
            seed=seed,
            progress=lambda done: progress(done, len(images)),
        )
        name = likelihood_protocol(model, images, data)
        return {
            key: Measurement(
                name=f"NLL, {k:,} importance samples", value=nll.bounds[k], unit="nats",
                interval=nll.interval if k == self.samples else None, n=nll.n, seed=seed,
                split="test", protocol=f"nll-k{k} {name}",
            )
            for key, k in (("nll", self.samples), ("nll_100", 100), ("nll_1", 1))
        }  # fmt: skip
