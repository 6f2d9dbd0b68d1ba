"""The benches by name."""

import math
from functools import partial

import torch
from torch import Tensor

from latentarium.bench import published
from latentarium.bench.protocol import Column, Protocol, Watch
from latentarium.classifier.classifier import Classifier, load_classifier
from latentarium.data.dataset import Data, to_float
from latentarium.data.stacked_mnist import MODES, stacked_mnist
from latentarium.data.toy import PERFECT_SHARE
from latentarium.evaluation.context import EvaluationContext, shuffle_test_split
from latentarium.evaluation.likelihood import importance_nll, likelihood_protocol
from latentarium.evaluation.section import known_mixture
from latentarium.evaluation.sections.labels import LabelAdherence
from latentarium.evaluation.sections.plane import MIXTURE_SAMPLES, mixture_measurements
from latentarium.evaluation.sections.samples import Samples
from latentarium.metrics.coverage import mode_coverage
from latentarium.metrics.extractors import describe
from latentarium.metrics.parzen import parzen_log_likelihood
from latentarium.models.base import LatentModel
from latentarium.shapes import Images, LabelSet
from latentarium.stats.measurement import Measurement

STACKED, STACKED_SMALL = 26_000, 25_600
"""Samples judged, as in VEEGAN's and in Metz's protocol."""
NLL_SAMPLES = 5000
CENTRES = 10_000
BATCH = 2000


def measure_plane(
    model: LatentModel, data: Data, seed: int, watch: Watch
) -> dict[str, Measurement]:
    """2,500 samples against the known mixture."""
    images = model.sample(MIXTURE_SAMPLES, seed=seed)
    mixture = known_mixture(data)
    assert mixture is not None  # the presets of these benches train on mixtures
    return mixture_measurements(images, mixture, seed)


def measure_stacked(
    n: int, model: LatentModel, data: Data, seed: int, watch: Watch
) -> dict[str, Measurement]:
    """Modes and reverse KL of n samples, with n real triples through the same classifier."""
    judge = load_classifier()
    parts = []
    for i in range(0, n, BATCH):
        parts.append(stacked_modes(judge, model.sample(min(BATCH, n - i), seed=seed * n + i)))
        watch(min(i + BATCH, n), n)
    found = mode_coverage(torch.cat(parts), MODES, seed=seed)
    triples = stacked_mnist(1, n).test.images  # the judge never saw these digits
    real = mode_coverage(stacked_modes(judge, triples), MODES, seed=seed)
    excess = found.reverse_kl - real.reverse_kl
    half = math.hypot(*(k.interval[1] - k.reverse_kl for k in (found, real)))
    shared = {"n": n, "seed": seed, "extractor": describe(judge), "split": "test"}
    return {
        "modes": Measurement(
            name=f"Modes found of {MODES}", value=found.modes, reference=real.modes,
            protocol="stacked-modes", **shared,
        ),
        "reverse_kl": Measurement(
            name="Reverse KL over modes", value=found.reverse_kl, unit="nats",
            interval=found.interval, reference=real.reverse_kl, protocol="stacked-reverse-kl",
            **shared,
            note=f"Floor: {n:,} triples of test digits through the same classifier, which is "
            f"right on {judge.accuracy:.2%} of single digits.",
        ),
        "excess": Measurement(
            name="Above real triples", value=excess, unit="nats",
            interval=(excess - half, excess + half), reference=0.0, protocol="stacked-excess",
            **shared,
        ),
    }  # fmt: skip


def stacked_modes(judge: Classifier, images: Images | Tensor) -> LabelSet:
    """The three digits that the judge reads from the channels, as a number from 0 to 999."""
    read = [judge.predict(images[:, c : c + 1]) for c in range(3)]
    return 100 * read[0] + 10 * read[1] + read[2]


def measure_nll(model: LatentModel, data: Data, seed: int, watch: Watch) -> dict[str, Measurement]:
    """Importance-weighted NLL of the binarized test images."""
    images = data.test.images
    found = importance_nll(
        model, images, samples=NLL_SAMPLES, seed=seed,
        progress=lambda done: watch(done, len(images)),
    )  # fmt: skip
    way = likelihood_protocol(model, images, data)
    return {
        key: Measurement(
            name=f"NLL, {k:,} importance samples", value=found.bounds[k], unit="nats",
            interval=found.interval if k == NLL_SAMPLES else None, n=found.n, seed=seed,
            split="test", protocol=f"nll-k{k} {way}",
        )
        for key, k in (("nll", NLL_SAMPLES), ("nll_100", 100), ("nll_1", 1))
    }  # fmt: skip


def measure_parzen(
    model: LatentModel, data: Data, seed: int, watch: Watch
) -> dict[str, Measurement]:
    """Samples as centres, beside real training images as centres."""
    label = torch.arange(CENTRES) % max(1, model.num_classes) if model.takes_label else None
    samples = model.sample(CENTRES, label, seed=seed)
    chosen = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))
    real = to_float(data.train.images[chosen[:CENTRES]])
    validation, test = data.validation.images, data.test.images
    found = parzen_log_likelihood(samples, validation, test)
    watch(1, 2)
    ceiling = parzen_log_likelihood(real, validation, test)
    return {
        "parzen": Measurement(
            name="Parzen-window log-likelihood", value=found.log_likelihood, unit="nats",
            interval=found.interval, reference=ceiling.log_likelihood, n=found.n, seed=seed,
            split="test", protocol="parzen-10000-legacy", note=f"sigma {found.sigma:.3g}",
        ),
        "real": Measurement(
            name="The same of real training images", value=ceiling.log_likelihood, unit="nats",
            interval=ceiling.interval, n=ceiling.n, seed=seed, split="test",
            protocol="parzen-10000-legacy", note=f"sigma {ceiling.sigma:.3g}",
        ),
    }  # fmt: skip


def measure_cgan(
    model: LatentModel, data: Data, seed: int, watch: Watch
) -> dict[str, Measurement]:
    """The conditional report card and the distance to real images."""
    judge = load_classifier()
    n = min(10_000, len(data.test))
    subject = EvaluationContext(model, shuffle_test_split(data), judge, judge, n, seed)
    found = Samples().measure(subject)
    watch(1, 3)
    found |= LabelAdherence().measure(subject)
    kept = ("gan_test", "gan_test.worst", "gan_train", "coverage.worst", "wrong_label", "frechet")
    return {key: found[key] for key in kept}


_PLANE_COLUMNS = (
    Column(key="high_quality", title="high quality", unit="share", ideal=PERFECT_SHARE),
)
_PLANE_WORDS = (
    "2,500 samples; one is of high quality within 3 standard deviations of its nearest mode; a "
    "mode is found by one such sample nearest to it; reverse KL of the high-quality samples over "
    "the modes against equal shares, in nats. "
)
_PLANE_CAVEAT = (
    "PacGAN's published networks are 4 x 400 with batch normalization against 3 x 200 maxout, "
    "trained for 400,000 steps of 100; ours are smaller and see fewer points. More than 98.89 % "
    "of high quality is too concentrated, not better."
)

PROTOCOLS = {
    p.name: p
    for p in (
        Protocol(
            name="ring",
            title="Ring of 8 Gaussians",
            words=_PLANE_WORDS + "Ring of radius 1, deviation 0.01.",
            presets=("gan_ring", "vae_ring"),
            columns=(
                Column(key="modes", title="modes of 8", ideal=8.0, most=8.0),
                *_PLANE_COLUMNS,
                Column(key="reverse_kl", title="reverse KL", unit="nats", ideal=0.0014),
            ),
            measure=measure_plane,
            published=published.RING,
            caveat=_PLANE_CAVEAT,
        ),
        Protocol(
            name="grid",
            title="Grid of 25 Gaussians",
            words=_PLANE_WORDS + "Grid {-4, -2, 0, 2, 4} squared, deviation 0.05.",
            presets=("gan_grid", "vae_grid"),
            columns=(
                Column(key="modes", title="modes of 25", ideal=25.0, most=25.0),
                *_PLANE_COLUMNS,
                Column(key="reverse_kl", title="reverse KL", unit="nats", ideal=0.0048),
            ),
            measure=measure_plane,
            published=published.GRID,
            caveat=_PLANE_CAVEAT,
        ),
        Protocol(
            name="stacked-mnist",
            title="Stacked MNIST, 1,000 modes",
            words=(
                "26,000 samples; each channel read by the shipped judge of MNIST; modes are the "
                "distinct triples; reverse KL over the 1,000 triples against equal shares, in "
                "nats. Trained on 128,000 triples of the 55,000 training digits."
            ),
            presets=("gan_stacked_mnist",),
            columns=(
                Column(key="modes", title="modes of 1,000", ideal=1000.0, most=1000.0),
                Column(key="reverse_kl", title="reverse KL", unit="nats", ideal=0.0235),
                Column(key="excess", title="above real triples", unit="nats", ideal=0.0),
            ),
            measure=partial(measure_stacked, STACKED),
            published=published.STACKED,
            caveat=(
                "Published setups differ in classifier, images and budget; the ideal is the mean "
                "of 26,000 true samples under MNIST's class shares (computed), not 0."
            ),
            full={"gan_stacked_mnist": 100_000},
        ),
        Protocol(
            name="stacked-mnist-small-discriminator",
            title="Stacked MNIST, discriminator of a quarter of the generator's size",
            words=(
                "25,600 samples, judged as in stacked-mnist; the generator has 16 and 8 channels, "
                "the discriminator 2 and 4 (after Metz et al., 2017)."
            ),
            presets=("gan_stacked_small",),
            columns=(
                Column(key="modes", title="modes of 1,000", ideal=1000.0, most=1000.0),
                Column(key="reverse_kl", title="reverse KL", unit="nats", ideal=0.0239),
                Column(key="excess", title="above real triples", unit="nats", ideal=0.0),
            ),
            measure=partial(measure_stacked, STACKED_SMALL),
            published=published.STACKED_SMALL,
            caveat=(
                "The published generator has layers of 32, 16, 8 channels and the discriminator "
                "of 2, 4, 8; ours leave the coarsest out. Published runs saw 500,000 batches."
            ),
            full={"gan_stacked_small": 100_000},
        ),
        Protocol(
            name="nll-dynamic",
            title="NLL of dynamically binarized MNIST",
            words=(
                "Importance-weighted NLL of the 10,000 test images, binarized once with seed 777, "
                f"with {NLL_SAMPLES:,} samples; trained on 50,000 images binarized anew in each "
                "batch. Lower is better."
            ),
            presets=("vae_dynamic_mnist",),
            columns=(
                Column(key="nll", title="NLL, k = 5,000", unit="nats"),
                Column(key="nll_100", title="k = 100", unit="nats"),
                Column(key="nll_1", title="k = 1", unit="nats"),
            ),
            measure=measure_nll,
            published=published.NLL_DYNAMIC,
            caveat=(
                "Published models were trained for hundreds to thousands of passes over the data, "
                "ours with the small budget for 51."
            ),
            full={"vae_dynamic_mnist": 400_000},
        ),
        Protocol(
            name="parzen-legacy",
            title="Parzen-window log-likelihood, a legacy number",
            words=(
                "10,000 samples as centres of Gaussian kernels, pixels in [0, 1]; sigma the best "
                "of ten from 0.1 to 1 on 1,000 validation images; mean over the 10,000 test "
                "images. Higher is better, and says little (Theis et al., 2016)."
            ),
            presets=("gan_mnist", "cgan_mnist", "vae_mnist"),
            columns=(
                Column(key="parzen", title="log-likelihood", unit="nats"),
                Column(key="real", title="real images as centres", unit="nats"),
            ),
            measure=measure_parzen,
            published=published.PARZEN,
            caveat="The published GAN was trained on the first 50,000 images, ours on 55,000.",
        ),
        Protocol(
            name="cgan-mnist",
            title="Conditional GAN on MNIST",
            words=(
                "10,000 samples, every digit equally often. GAN-test: share judged to be what was "
                "asked for. GAN-train: accuracy on real test images of a classifier trained on "
                "the samples. Wrong label: AUC of the discriminator over all pairs of classes."
            ),
            presets=("cgan_mnist",),
            columns=(
                Column(key="gan_test", title="GAN-test", unit="share"),
                Column(key="gan_test.worst", title="its worst digit", unit="share"),
                Column(key="gan_train", title="GAN-train", unit="share"),
                Column(key="coverage.worst", title="coverage, worst digit", unit="share"),
                Column(key="wrong_label", title="wrong label", ideal=1.0, most=1.0),
                Column(key="frechet", title="Fréchet, judge", unit="FD"),
            ),
            measure=measure_cgan,
            published=(),
            caveat="There is no standard published table for conditional GANs on MNIST.",
        ),
    )
}
