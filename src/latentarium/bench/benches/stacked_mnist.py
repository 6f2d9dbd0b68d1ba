"""Stacked MNIST: how many of the 1,000 triples of digits a GAN generates."""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from latentarium.bench import published
from latentarium.bench.bench import Bench, Changes, Column, MeasuringProgress
from latentarium.bench.published import Published
from latentarium.classifier.classifier import Classifier, load_classifier
from latentarium.data.dataset import Data
from latentarium.data.stacked_mnist import MODES, stacked_mnist
from latentarium.metrics.coverage import mode_coverage
from latentarium.metrics.extractors import describe
from latentarium.models.base import LatentModel
from latentarium.registry import register
from latentarium.shapes import Images, LabelSet
from latentarium.stats.measurement import Measurement

BATCH_SIZE = 2000
"""Samples generated and classified per batch. It determines the seeds of the batches, so results
with different batch sizes can't be compared."""


class StackedMNISTBench(Bench):
    """A bench of the modes and the reverse KL of samples, compared with those of equally many
    real triples.

    Arguments:
        samples: The number of samples; None: the number that the protocol specifies.
    """

    samples: ClassVar[int]

    def __init__(self, samples: int | None = None) -> None:
        self.num_samples: int = samples or self.samples

    def measure(
        self, model: LatentModel, data: Data, seed: int, progress: MeasuringProgress
    ) -> dict[str, Measurement]:
        n, classifier = self.num_samples, load_classifier()
        parts = []
        for start in range(0, n, BATCH_SIZE):
            images = model.sample(min(BATCH_SIZE, n - start), seed=seed * n + start)
            parts.append(classify_triples(classifier, images))
            progress(min(start + BATCH_SIZE, n), n)
        generated = mode_coverage(torch.cat(parts), MODES, seed=seed)
        triples = stacked_mnist(1, n).test.images  # unseen by the classifier
        real = mode_coverage(classify_triples(classifier, triples), MODES, seed=seed)
        excess = generated.reverse_kl - real.reverse_kl
        half = math.hypot(*(c.interval[1] - c.reverse_kl for c in (generated, real)))
        shared = {"n": n, "seed": seed, "extractor": describe(classifier), "split": "test"}
        return {
            "modes": Measurement(
                name=f"Modes found of {MODES}", value=generated.modes, reference=real.modes,
                protocol="stacked-modes", **shared,
            ),
            "reverse_kl": Measurement(
                name="Reverse KL over modes", value=generated.reverse_kl, unit="nats",
                interval=generated.interval, reference=real.reverse_kl,
                protocol="stacked-reverse-kl", **shared,
                note=f"Reference: {n:,} triples of test digits, classified by the same "
                f"classifier, whose accuracy on single digits is {classifier.accuracy:.2%}.",
            ),
            "excess": Measurement(
                name="Reverse KL minus that of real triples", value=excess, unit="nats",
                interval=(excess - half, excess + half), reference=0.0, protocol="stacked-excess",
                **shared,
            ),
        }  # fmt: skip


def classify_triples(classifier: Classifier, images: Images | Tensor) -> LabelSet:
    """Classify each of the three channels, and return the digits as a number from 0 to 999."""
    digits = [classifier.predict(images[:, c : c + 1]) for c in range(3)]
    return 100 * digits[0] + 10 * digits[1] + digits[2]


def _columns(ideal_reverse_kl: float) -> tuple[Column, ...]:
    return (
        Column(key="modes", title="modes of 1,000", ideal=float(MODES), maximum=float(MODES)),
        Column(key="reverse_kl", title="reverse KL", unit="nats", ideal=ideal_reverse_kl),
        Column(key="excess", title="excess over real triples", unit="nats", ideal=0.0),
    )


@register("bench", "stacked-mnist")
class StackedMNIST(StackedMNISTBench):
    """The protocol of VEEGAN (Srivastava et al., 2017)."""

    title = "Stacked MNIST, 1,000 modes"
    protocol = (
        "26,000 samples, each channel classified by the shipped MNIST classifier. Modes are the "
        "distinct triples; reverse KL over the 1,000 triples against equal shares, in nats. "
        "Trained on 128,000 triples of the 55,000 training digits."
    )
    presets: ClassVar[tuple[str, ...]] = ("gan_stacked_mnist",)
    columns: ClassVar[tuple[Column, ...]] = _columns(0.0235)
    published: ClassVar[tuple[Published, ...]] = published.STACKED
    caveat = (
        "Published setups differ in classifier, images and budget. The ideal reverse KL is not 0: "
        "it is the computed mean for 26,000 triples with MNIST's class shares."
    )
    full: ClassVar[Mapping[str, Changes]] = {"gan_stacked_mnist": {"train": {"steps": 100_000}}}
    samples = 26_000


@register("bench", "stacked-mnist-small-discriminator")
class StackedMNISTSmallDiscriminator(StackedMNISTBench):
    """The protocol of unrolled GANs (Metz et al., 2017)."""

    title = "Stacked MNIST, with a discriminator a quarter of the generator's size"
    protocol = (
        "25,600 samples, classified as in stacked-mnist. The generator has 16 and 8 channels, the "
        "discriminator 2 and 4 (after Metz et al., 2017)."
    )
    presets: ClassVar[tuple[str, ...]] = ("gan_stacked_small",)
    columns: ClassVar[tuple[Column, ...]] = _columns(0.0239)
    published: ClassVar[tuple[Published, ...]] = published.STACKED_SMALL
    caveat = (
        "The published generator has layers of 32, 16 and 8 channels, and the published "
        "discriminator has layers of 2, 4 and 8 channels; our networks omit the coarsest layer. "
        "The published networks were trained for 500,000 batches."
    )
    full: ClassVar[Mapping[str, Changes]] = {"gan_stacked_small": {"train": {"steps": 100_000}}}
    samples = 25_600
