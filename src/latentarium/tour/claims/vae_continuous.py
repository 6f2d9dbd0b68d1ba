"""The VAE's latent space is continuous: few latents from its prior are in gaps."""

import math
from dataclasses import replace
from typing import ClassVar

import torch

from latentarium import charts
from latentarium.latent.gaps import GapShare, distance_to_data, gap_share
from latentarium.metrics.aggregate_posterior import SlicedDistance, prior_sliced_distance
from latentarium.models.base import LatentModel
from latentarium.registry import register
from latentarium.rng import Noise
from latentarium.shapes import LatentSet, PerPoint
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim
from latentarium.tour.context import TourContext
from latentarium.tour.figures import COLUMNS, realism_chart
from latentarium.tour.results import ClaimResult, Condition, Figure

PRIOR_DRAWS = 4000
MAX_GAP_SHARE, MAX_NORMAL_GAP_SHARE = 0.03, 0.10
TRAINED = {"vae": "N(0, I)", "vae_flow": "a flow, trained with the VAE"}
"""The priors that a VAE is trained with, by the name of its run."""
PRIORS = TRAINED | {"vae@mixture": "a mixture, fitted to the VAE's latents afterwards"}
REPEATS = 10
"""Number of distances between sets from a prior, for the reference of the sliced distance."""
SHOWN = 3 * COLUMNS


@register("claim", "vae-continuous")
class VAEContinuous(Claim):
    """Prior mass in gaps, distance of the aggregate posterior to the prior, drop of realism."""

    systems: ClassVar[tuple[str, ...]] = ("ae", "vae", "vae_flow", "gan", "cgan")
    order: ClassVar[float] = 40
    seconds: ClassVar[float] = 42
    group: ClassVar[str] = "samples"

    def measure(self, tour: TourContext) -> ClaimResult:
        draws = {name: _draw(tour.model(name), PRIOR_DRAWS, tour.seed) for name in PRIORS}
        eps = draws["vae"]
        distances_to_data = {name: _distance_to_data(tour, name, z) for name, z in draws.items()}
        test = {name: _held_out_distance(tour, name, "test") for name in ("vae", "vae_flow", "ae")}
        shares = {
            name: gap_share(distance, test[_encoder(name)])
            for name, distance in distances_to_data.items()
        }
        ae_share = gap_share(_distance_to_data(tour, "ae", eps), test["ae"])
        on_validation = {
            name: gap_share(distances_to_data[name], _held_out_distance(tour, name, "validation"))
            for name in TRAINED
        }
        best = min(TRAINED, key=lambda name: on_validation[name].share)
        drops = {name: probe.drop(probe.realistic) for name, probe in tour.realism_probes.items()}
        distances = {name: _distance(tour, name) for name in PRIORS}
        ae_to_normal = prior_sliced_distance(tour.test_latents("ae"), seed=tour.seed)
        to_normal = distances["vae"]
        return ClaimResult(
            title="The VAE's latent space is continuous",
            statement=(
                "A VAE encodes each image as a small Gaussian, and its loss pulls the Gaussians "
                "towards a prior. The gaps close, and a latent drawn from the prior is close to "
                "the latents of the data. How far they close depends on the prior: the standard "
                f"normal distribution N(0, I) leaves {100 * shares['vae'].share:.0f} % of its "
                "draws in gaps, a prior that is trained with the VAE much less."
            ),
            conditions=(
                Condition(
                    number=Measurement(
                        name=f"Latents from the best trained prior ({TRAINED[best]}) that are in "
                        "gaps",
                        unit="share", value=shares[best].share, interval=shares[best].interval,
                        conservative=True, n=PRIOR_DRAWS, reference=shares[best].reference,
                        seed=tour.seed,
                        note="the best trained prior is chosen on validation images",
                    ),
                    relation="<=", threshold=MAX_GAP_SHARE,
                ),
                Condition(
                    number=Measurement(
                        name="Latents from N(0, I) that are in gaps, VAE", unit="share",
                        value=shares["vae"].share, interval=shares["vae"].interval,
                        conservative=True, n=PRIOR_DRAWS, reference=shares["vae"].reference,
                    ),
                    relation="<=", threshold=MAX_NORMAL_GAP_SHARE, decides=False,
                ),
                Condition(
                    number=Measurement(
                        name="Distance of encoded data to N(0, I) (sliced Wasserstein), VAE "
                        "divided by AE",
                        unit="times", value=to_normal.value / ae_to_normal.value, n=to_normal.n,
                    ),
                    relation="<=", threshold=0.25,
                ),
                Condition(
                    number=Measurement(
                        name="Drop of realism from near the data to far from the data, VAE "
                        "divided by AE",
                        unit="times",
                        value=drops["vae"] / drops["ae"] if drops["ae"] else math.nan,
                        n=len(tour.realism_probes["vae"].z),
                    ),
                    relation="<", threshold=1.0,
                ),
            ),
            evidence=(
                *_of_each_prior(tour, shares, distances),
                Measurement(name="Latents from N(0, I) that are in gaps, AE", unit="share",
                            value=ae_share.share, interval=ae_share.interval, conservative=True,
                            n=PRIOR_DRAWS, reference=ae_share.reference, better="lower"),
                Measurement(name="Aggregate posterior to N(0, I), sliced Wasserstein, AE",
                            value=ae_to_normal.value, interval=ae_to_normal.interval,
                            conservative=True, n=ae_to_normal.n,
                            reference=ae_to_normal.reference, better="lower"),
                tour.frechet_distances["ae"],
                Measurement(name="Drop of realism from near to far, AE", unit="share",
                            value=drops["ae"], better="lower"),
                Measurement(name="Drop of realism from near to far, VAE", unit="share",
                            value=drops["vae"], better="lower"),
            ),
            protocol=(
                "A latent is in a gap if its 5th nearest training latent is farther away than for "
                "99 % of held-out test latents, so a prior that matches the data has 1 % of its "
                "mass in gaps. The VAE's latents are drawn from its posteriors. The flow is the "
                "prior of another VAE with the same networks; the mixture of Gaussians is fitted "
                "to the latents of the first VAE by expectation maximization. Which of the priors "
                "that a VAE is trained with is best is decided with validation images."
            ),
            explanation=(
                "Sampling from a VAE needs no fitted density: draw from the prior and decode. "
                "With N(0, I), the encoder doesn't fill the whole prior: a part stays empty, as "
                "the second number shows. A prior that can take the shape of the encoded data "
                "leaves hardly any gaps. The price of all of them is blur, since each latent must "
                "serve all images whose Gaussians cover it."
            ),
            figures=_from_the_priors(tour, eps),
        )  # fmt: skip


def _draw(model: LatentModel, n: int, seed: int) -> LatentSet:
    return model.latents(n, seed=seed)[0]


def _encoder(name: str) -> str:
    """Return the name of the run that contains the encoder of a system."""
    return name.partition("@")[0]


def _distance_to_data(tour: TourContext, name: str, z: LatentSet) -> PerPoint:
    return distance_to_data(tour.train_latents(_encoder(name)), z)


def _held_out_distance(tour: TourContext, name: str, split: str) -> PerPoint:
    context = tour.evaluation(name)
    held_out = context.test_latents if split == "test" else context.validation_latents
    return _distance_to_data(tour, name, held_out)


def _distance(tour: TourContext, name: str) -> SlicedDistance:
    """Return the distance of a run's aggregate posterior to its prior."""
    model = tour.model(name)

    def draw(n: int, generator: torch.Generator) -> LatentSet:
        with torch.no_grad():
            return model.prior(None, n).sample(Noise.from_generator(generator))

    return prior_sliced_distance(
        tour.test_latents(_encoder(name)), draw=draw, repeats=REPEATS, seed=tour.seed
    )


def _of_each_prior(
    tour: TourContext, shares: dict[str, GapShare], distances: dict[str, SlicedDistance]
) -> list[Measurement]:
    """Return the measurements of the priors, so that those of the same quantity are together."""
    gaps = [
        Measurement(name=f"In gaps: {PRIORS[name]}", unit="share", value=share.share,
                    interval=share.interval, conservative=True, n=PRIOR_DRAWS,
                    reference=share.reference, better="lower")
        for name, share in shares.items()
    ]  # fmt: skip
    sliced = [
        Measurement(name=f"Aggregate posterior to prior, sliced Wasserstein: {PRIORS[name]}",
                    value=distance.value, interval=distance.interval, conservative=True,
                    n=distance.n, reference=distance.reference, better="lower",
                    note="reference: two sets from the prior")
        for name, distance in distances.items()
    ]  # fmt: skip
    frechet = [
        replace(tour.frechet_distances[name], name=f"Fréchet distance of samples: {PRIORS[name]}")
        for name in PRIORS
    ]
    return [*gaps, *sliced, *frechet]


def _from_the_priors(tour: TourContext, eps: LatentSet) -> tuple[Figure, ...]:
    curves = {name: probe.curve() for name, probe in tour.realism_probes.items()}
    samples = [
        Figure(
            caption=f"Samples of the VAE. Its prior: {title}.",
            alt="Thirty samples of the VAE.",
            content=charts.image_grid(tour.evaluation(name).samples[:SHOWN], COLUMNS),
        )
        for name, title in PRIORS.items()
    ]
    return (
        Figure(
            caption="Share of realistic images by the distance of their latents to the data: AE "
            "and VAE.",
            alt="Two curves; the VAE has few latents far from the data.",
            content=realism_chart(curves),
        ),
        *samples,
        Figure(
            caption="Latents from N(0, I), decoded by the autoencoder: they are far from its "
            "data.",
            alt="Thirty shapes that are not digits.",
            content=charts.image_grid(tour.decode("ae", eps[:SHOWN]), COLUMNS),
        ),
    )
