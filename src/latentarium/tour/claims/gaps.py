"""The claims about gaps in a latent space."""

import torch

from latentarium import charts
from latentarium.latent.gaps import distance_to_data, gap_share
from latentarium.metrics.aggregate_posterior import prior_sliced_distance
from latentarium.rng import Noise
from latentarium.shapes import LatentSet
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim, Condition, Figure
from latentarium.tour.evidence import Evidence
from latentarium.tour.ladder import NEAR

SHOWN = 10


def ae_gaps(e: Evidence) -> Claim:
    """Quality against distance from data, and samples from a Gaussian around all latents."""
    found = e.ladders["ae"]
    one, mixed = e.distance["ae"], e.distance["ae_mixture"]
    return Claim(
        id="ae-gaps",
        title="The latent has gaps, and what is decoded from a gap is bad",
        statement=(
            "An autoencoder can generate, but nothing tells its decoder what to do between the "
            "places where data lie: the farther from data, the less its image is any digit."
        ),
        conditions=(
            Condition(
                number=Measurement(
                    name="Decodes that lie among real images: near data less far from it",
                    value=found.drop(found.real), interval=found.drop_interval(found.real),
                    unit="share", n=len(found.z),
                ),
                relation=">=", bar=0.2,
            ),
            Condition(
                number=Measurement(
                    name="Fréchet distance of one Gaussian around all latents, over that of a "
                    "mixture fitted to them",
                    value=one.value / mixed.value, unit="times", n=e.n, extractor=one.extractor,
                ),
                relation=">=", bar=1.5,
            ),
        ),
        evidence=(
            Measurement(name="The same by the judge's certainty (above 0.9) instead", unit="share",
                        value=found.drop(found.sure), n=len(found.z),
                        note="a classifier is overconfident far from what it learned"),
            one, mixed, e.distance["vae"],
        ),
        protocol=(
            "Latents on and beyond straight lines between test latents; distance to the 5th "
            "nearest training latent, over the 99th percentile of held-out latents; a decode lies "
            "among real images where the judge's features put it within a real test image's "
            "distance to its 3rd nearest real one (improved precision, Kynkäänniemi et al., "
            "2019). Near: up to 0.6; far: above 1.25."
        ),
        seed=e.seed,
        explanation=(
            "One Gaussian around everything also covers the gaps, so many draws fall into them. A "
            "mixture that follows the data avoids most."
        ),
        figures=_from_data_into_gaps(e),
    )  # fmt: skip


def _from_data_into_gaps(e: Evidence) -> tuple[Figure, ...]:
    found = e.ladders["ae"]
    pick = torch.randperm(len(found.z), generator=Noise("shown", e.seed).generator)
    best = pick[(found.distance <= NEAR)[pick]][: 3 * SHOWN]
    worst = pick[(found.distance > 1.5)[pick]][: 3 * SHOWN]
    return (
        Figure(
            caption="How many decodes lie among real images, against how far from data they "
            "come from (1: the farthest hundredth of held-out data).",
            alt="A falling curve.",
            content=_curves({"ae": found.curve()}),
        ),
        Figure(
            caption="Decoded near data.",
            alt="Thirty clear digits.",
            content=charts.image_grid(e.decode("ae", found.z[best]), SHOWN),
        ),
        Figure(
            caption="Decoded from gaps.",
            alt="Thirty blots that are no digits.",
            content=charts.image_grid(e.decode("ae", found.z[worst]), SHOWN),
        ),
        Figure(
            caption="Drawn from one Gaussian around all latents.",
            alt="Thirty samples, many broken.",
            content=charts.image_grid(e.samples["ae"][:30], SHOWN),
        ),
        Figure(
            caption="Drawn from a mixture of 50 Gaussians fitted to the latents.",
            alt="Thirty samples, most of them digits.",
            content=charts.image_grid(e.samples["ae_mixture"][:30], SHOWN),
        ),
    )


def vae_continuous(e: Evidence) -> Claim:
    """The share of prior mass in gaps, the same curve, aggregate posterior against prior."""
    shares, drops = {}, {}
    n = 4000
    eps = Noise("standard normal", e.seed).normal(n, e.models["vae"].latent_dim)
    for name in ("ae", "vae"):
        drops[name] = e.ladders[name].drop(e.ladders[name].real)
        codes = e.codes[name]
        held = distance_to_data(codes["train"], codes["test"])
        shares[name] = gap_share(distance_to_data(codes["train"], eps), held)
    away = prior_sliced_distance(e.codes["vae"]["test"], seed=e.seed)
    away_ae = prior_sliced_distance(e.codes["ae"]["test"], seed=e.seed)
    return Claim(
        id="vae-continuous",
        title="The VAE's latent is continuous",
        statement=(
            "A VAE encodes each image as a small Gaussian and presses all of them together into "
            "one standard normal, so that the gaps close and a draw from N(0, I) lies where data "
            "lie."
        ),
        conditions=(
            Condition(
                number=Measurement(
                    name="Draws from N(0, I) that fall into gaps, VAE", unit="share",
                    value=shares["vae"].share, interval=shares["vae"].interval, n=n, reference=0.01,
                ),
                relation="<=", bar=0.10,
            ),
            Condition(
                number=Measurement(
                    name="Encoded data from N(0, I) (sliced Wasserstein): the VAE's over the AE's",
                    unit="times", value=away.value / away_ae.value, n=away.n,
                ),
                relation="<=", bar=0.25,
            ),
            Condition(
                number=Measurement(
                    name="Loss of realism from near data to far from it: the VAE's over the AE's",
                    unit="times", value=drops["vae"] / drops["ae"], n=4000,
                ),
                relation="<", bar=1.0,
            ),
        ),
        evidence=(
            Measurement(name="Loss of realism from near to far, AE", unit="share",
                        value=drops["ae"]),
            Measurement(name="Loss of realism from near to far, VAE", unit="share",
                        value=drops["vae"]),
            Measurement(name="Draws from N(0, I) that fall into gaps, AE", unit="share",
                        value=shares["ae"].share, interval=shares["ae"].interval, n=n, reference=0.01),
            Measurement(name="Aggregate posterior from the prior, sliced Wasserstein, VAE",
                        value=away.value, interval=away.interval, n=away.n, reference=away.reference,
                        note="floor: prior against prior"),
            Measurement(name="The same, AE", value=away_ae.value, interval=away_ae.interval,
                        n=away_ae.n,
                        reference=away_ae.reference),
            e.distance["vae"],
            e.distance["ae"],
        ),
        protocol=(
            "A draw is in a gap where its 5th nearest training latent is farther than for 99 % "
            "of held-out test latents, so 1 % is what no gap at all would give; VAE latents are "
            "draws from their posteriors."
        ),
        seed=e.seed,
        explanation=(
            "A VAE can be drawn from without fitting anything: take random numbers, decode. How "
            "far its gaps really close is a matter of degree, and the first number says it. "
            "The price is blur, for each point must serve all images whose Gaussians cover it."
        ),
        figures=_from_the_prior(e, eps),
    )  # fmt: skip


def _from_the_prior(e: Evidence, eps: LatentSet) -> tuple[Figure, ...]:
    return (
        Figure(
            caption="How many decodes lie among real images, against how far from data they "
            "come from: AE and VAE.",
            alt="Two curves; the VAE has few points far out.",
            content=_curves({name: found.curve() for name, found in e.ladders.items()}),
        ),
        Figure(
            caption="Drawn from N(0, I) and decoded by the VAE.",
            alt="Thirty samples of the VAE.",
            content=charts.image_grid(e.samples["vae"][:30], SHOWN),
        ),
        Figure(
            caption="The same random numbers decoded by the autoencoder: far from its data.",
            alt="Thirty blots.",
            content=charts.image_grid(e.decode("ae", eps[:30]), SHOWN),
        ),
    )


def _curves(curves: dict[str, tuple]) -> str:
    drawn = []
    for name, curve in curves.items():
        kept = [b for b in curve if b.n >= 20]
        drawn.append(
            (
                name.upper(), charts.SYSTEM_COLOURS[name],
                [min(b.distance, 3.0) for b in kept], [100 * b.quality for b in kept],
                [(100 * b.interval[0], 100 * b.interval[1]) for b in kept],
            )
        )  # fmt: skip
    return charts.line_chart(drawn, "distance from data", "% among real images", y_from_zero=True)
