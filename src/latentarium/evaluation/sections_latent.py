"""The report's sections that need an encoder: reconstruction, likelihood, the latent space."""

import math
from typing import Any

import torch
from torch import Tensor

from latentarium.evaluation.likelihood import (
    active_units,
    elbo,
    explain,
    importance_nll,
    protocol,
)
from latentarium.evaluation.subject import Subject, first
from latentarium.latent.gaps import distance_to_data, gap_share, round_trip_error
from latentarium.latent.neighbours import knn_accuracy
from latentarium.metrics.aggregate_posterior import prior_sliced_distance
from latentarium.metrics.extractors import describe
from latentarium.metrics.reconstruction import PSNR_CAP, reconstruction
from latentarium.rng import Noise
from latentarium.stats.intervals import bootstrap
from latentarium.stats.measurement import Measurement

NLL_IMAGES = 500
"""Test images behind the importance-weighted likelihood, at most."""
HELD_OUT, DRAWS = 10_000, 4000
"""Held-out latents that say what is near, and draws of the prior that may fall into gaps."""
ROUND_TRIPS = 2000
NO_FLOOR = (
    "No floor is known of likelihoods and their parts, nor of active units: what real images "
    "score would take their entropy."
)


def reconstruction_errors(s: Subject, tables: dict[str, Any]) -> dict[str, Measurement]:
    """How much of a test image is lost between encoder and decoder."""
    found = reconstruction(s.test.images, s.reconstructions, s.extractor, seed=s.seed)
    rows = [
        ("mse", "Squared error per pixel, pixels from 0 to 1", "", found.mse, 0.0, "mse-unit"),
        ("psnr", "PSNR, mean over images", "dB", found.psnr, PSNR_CAP, "psnr-per-image"),
        ("ssim", "SSIM", "", found.ssim, 1.0, "ssim-gauss1.5"),
    ]
    measured = {
        key: Measurement(
            name=name, value=mean.value, unit=unit, interval=mean.interval, floor=floor, n=s.n,
            seed=s.seed, extractor="pixels", split="test",
            protocol=f"reconstruction-{protocol}",
        )
        for key, name, unit, mean, floor, protocol in rows
    }  # fmt: skip
    if found.features is not None:
        measured["reconstruction"] = Measurement(
            name="Reconstruction's distance in features", value=found.features.value,
            interval=found.features.interval, floor=0.0, n=s.n, seed=s.seed, split="test",
            extractor=describe(s.extractor), protocol="reconstruction-features",
            note="Two different real images are "
            f"{found.features_of_others:.3g} apart in features.",
        )  # fmt: skip
    return measured


def likelihood(s: Subject, tables: dict[str, Any]) -> dict[str, Measurement]:
    """ELBO, rate, distortion, importance-weighted NLL, active units."""
    name = protocol(s.model, s.test.images, s.data)
    labels = s.test.labels if s.model.takes_label else None
    bound = elbo(s.model, s.test.images, labels, seed=s.seed)
    some = first(s.test, NLL_IMAGES)
    nll = importance_nll(
        s.model, some.images, None if labels is None else some.labels,
        samples=s.nll_samples, seed=s.seed,
    )  # fmt: skip
    active = active_units(s.model, s.test.images, labels, seed=s.seed)
    tables["nll_by_samples"] = {str(k): value for k, value in nll.bounds.items()}
    tables["rate_by_unit"] = active.rates.tolist()
    words = explain(name)
    found = {
        "elbo": ("ELBO", bound.elbo, bound.elbo_interval, bound.n, "elbo", words),
        "rate": (
            "Rate, KL(q(z|x) || p(z))", bound.rate, bound.rate_interval, bound.n, "rate", NO_FLOOR,
        ),
        "distortion": (
            "Distortion, -log p(x|z)", bound.distortion, bound.distortion_interval, bound.n,
            "distortion", NO_FLOOR,
        ),
        "nll": (
            f"NLL, {nll.samples} importance samples", nll.nll, nll.interval, nll.n,
            f"nll-k{nll.samples}",
            f"NLL is an upper bound: {_tightening(nll.bounds)}; its weights are worth "
            f"{nll.effective_share:.1%} of {nll.samples} even ones.",
        ),
    }  # fmt: skip
    measured = {
        key: Measurement(
            name=title, value=value, unit="nats", interval=interval, n=n, seed=s.seed,
            extractor="pixels", split="test", protocol=f"{way} {name}", note=note,
        )
        for key, (title, value, interval, n, way, note) in found.items()
    }  # fmt: skip
    scale = math.prod(s.model.image_shape) * math.log(2)
    low, high = (end / scale for end in nll.interval)
    measured["bits"] = Measurement(
        name="The same in bits per dimension", value=nll.bits_per_dimension, unit="bits", n=nll.n,
        interval=(low, high), seed=s.seed, extractor="pixels", split="test",
        protocol=f"nll-k{nll.samples} {name}", note=NO_FLOOR,
    )  # fmt: skip
    measured["active_units"] = Measurement(
        name=f"Active units of {s.model.latent_dim}", value=active.count,
        interval=active.interval, n=active.n, seed=s.seed, extractor="own-latent", split="test",
        protocol=f"variance-above-{active.threshold:g}", note=NO_FLOOR,
    )  # fmt: skip
    return measured


def _tightening(bounds: dict[int, float]) -> str:
    return ", ".join(f"{value:.2f} at k = {k:,}" for k, value in bounds.items())


def latent(s: Subject, tables: dict[str, Any]) -> dict[str, Measurement]:
    """Gaps, neighbours, the round trip, and how far encoded data is from the prior."""
    found: dict[str, Measurement] = {}
    if not s.model.decodes_label:
        found |= _gaps(s)
        found |= _round_trip(s)
    train, test = s.data.train, s.data.test
    if train.labels is not None and test.labels is not None and not s.model.decodes_label:
        near = knn_accuracy(s.train_codes, train.labels, s.test_codes, test.labels)
        found["neighbours"] = Measurement(
            name="Test images named rightly by their 10 nearest latents",
            value=near.value, unit="share", interval=near.interval, n=near.n, seed=s.seed,
            extractor="own-latent", split="test", protocol=near.protocol,
            floor=None if s.judge is None else s.judge.accuracy,
            note="The neighbours' floor is what the judge, which sees the images, names rightly."
            if s.judge else "Without a judge, no floor is known of what neighbours name rightly.",
        )  # fmt: skip
    return found


def _gaps(s: Subject) -> dict[str, Measurement]:
    """The share of the prior's mass that is farther from encoded training data than 99 % of
    held-out data is; and how far encoded data as a whole are from the prior."""
    prior = _prior(s, DRAWS)
    held = distance_to_data(s.train_codes, s.test_codes[:HELD_OUT])
    share = gap_share(distance_to_data(s.train_codes, prior), held, seed=s.seed)
    codes = s.test_codes

    def draw(n: int, generator: torch.Generator) -> Tensor:
        eps = torch.randn(n, s.model.latent_dim, generator=generator)
        return _from_prior(s, eps)

    sliced = prior_sliced_distance(codes, seed=s.seed, draw=draw)
    return {
        "gaps": Measurement(
            name="Prior mass in gaps of the latent", value=share.share, unit="share",
            interval=share.interval, floor=1 - share.quantile, n=share.n, seed=s.seed,
            extractor="own-latent", split="test", protocol=f"gap-share-k5-q{share.quantile:g}",
        ),
        "prior_distance": Measurement(
            name="Encoded data from the prior, sliced 2-Wasserstein", value=sliced.value,
            unit="of z", interval=sliced.interval, floor=sliced.floor, n=sliced.n,
            seed=s.seed, extractor="own-latent", split="test",
            protocol=f"sliced-w2-{sliced.projections}",
        ),
    }  # fmt: skip


def _round_trip(s: Subject) -> dict[str, Measurement]:
    """|E(D(z)) - z| where the prior draws z, over that where data lie: how much less the encoder
    recognizes what was decoded from the prior."""

    def encode(x: Tensor) -> Tensor:
        return s.model.encode(x).mean.cpu()

    def decode(z: Tensor) -> Tensor:
        return s.model.decode(z.to(s.model.device))

    prior = round_trip_error(encode, decode, _prior(s, ROUND_TRIPS))
    real = round_trip_error(encode, decode, s.test_codes[:ROUND_TRIPS])
    return {
        "round_trip": Measurement(
            name="Round-trip error |E(D(z)) - z|, z from the prior", value=float(prior.mean()),
            unit="of z", interval=bootstrap(prior, seed=s.seed), floor=float(real.mean()),
            n=len(prior), seed=s.seed, extractor="own-latent", split="test",
            protocol="round-trip",
            note="The round trip's floor is its error at encoded test images.",
        )
    }  # fmt: skip


def _prior(s: Subject, n: int) -> Tensor:
    """n latents from the prior, evenly over the labels where it looks at them."""
    return _from_prior(s, Noise("prior", s.seed).normal(n, s.model.latent_dim))


def _from_prior(s: Subject, eps: Tensor) -> Tensor:
    labels = torch.arange(len(eps)) % max(1, s.model.num_classes) if s.model.takes_label else None
    device = s.model.device
    with torch.no_grad():
        prior = s.model.prior(None if labels is None else labels.to(device), len(eps))
        return prior.unwhiten(eps.to(device)).cpu()
