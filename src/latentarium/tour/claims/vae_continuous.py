"""The VAE's latent space is continuous: few latents from its prior are in gaps."""

from typing import ClassVar

from latentarium import charts
from latentarium.latent.gaps import distance_to_data, gap_share
from latentarium.metrics.aggregate_posterior import prior_sliced_distance
from latentarium.registry import register
from latentarium.rng import Noise
from latentarium.shapes import LatentSet
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim
from latentarium.tour.context import TourContext
from latentarium.tour.figures import COLUMNS, realism_chart
from latentarium.tour.results import ClaimResult, Condition, Figure

PRIOR_DRAWS = 4000
EXPECTED_GAP_SHARE = 0.01
"""The share of held-out latents beyond their own 99th percentile."""
SHOWN = 3 * COLUMNS


@register("claim", "vae-continuous")
class VAEContinuous(Claim):
    """Prior mass in gaps, distance of the aggregate posterior to the prior, drop of realism."""

    systems: ClassVar[tuple[str, ...]] = ("ae", "vae", "gan", "cgan")
    order: ClassVar[float] = 40

    def measure(self, tour: TourContext) -> ClaimResult:
        eps = Noise("standard normal", tour.seed).normal(PRIOR_DRAWS, tour.model("vae").latent_dim)
        shares, drops = {}, {}
        for name in ("ae", "vae"):
            probe = tour.realism_probes[name]
            drops[name] = probe.drop(probe.realistic)
            train = tour.train_latents(name)
            held_out = distance_to_data(train, tour.test_latents(name))
            shares[name] = gap_share(distance_to_data(train, eps), held_out)
        to_prior = prior_sliced_distance(tour.test_latents("vae"), seed=tour.seed)
        ae_to_prior = prior_sliced_distance(tour.test_latents("ae"), seed=tour.seed)
        return ClaimResult(
            title="The VAE's latent space is continuous",
            statement=(
                "A VAE encodes each image as a small Gaussian, and its loss pulls all of them "
                "towards one standard normal. The gaps close, and a latent drawn from N(0, I) is "
                "close to the latents of the data."
            ),
            conditions=(
                Condition(
                    number=Measurement(
                        name="Latents from N(0, I) that are in gaps, VAE", unit="share",
                        value=shares["vae"].share, interval=shares["vae"].interval,
                        n=PRIOR_DRAWS, reference=EXPECTED_GAP_SHARE,
                    ),
                    relation="<=", threshold=0.10,
                ),
                Condition(
                    number=Measurement(
                        name="Distance of encoded data to N(0, I) (sliced Wasserstein), VAE "
                        "divided by AE",
                        unit="times", value=to_prior.value / ae_to_prior.value, n=to_prior.n,
                    ),
                    relation="<=", threshold=0.25,
                ),
                Condition(
                    number=Measurement(
                        name="Drop of realism from near the data to far from the data, VAE "
                        "divided by AE",
                        unit="times", value=drops["vae"] / drops["ae"],
                        n=len(tour.realism_probes["vae"].z),
                    ),
                    relation="<", threshold=1.0,
                ),
            ),
            evidence=(
                Measurement(name="Drop of realism from near to far, AE", unit="share",
                            value=drops["ae"], better="lower"),
                Measurement(name="Drop of realism from near to far, VAE", unit="share",
                            value=drops["vae"], better="lower"),
                Measurement(name="Latents from N(0, I) that are in gaps, AE", unit="share",
                            value=shares["ae"].share, interval=shares["ae"].interval,
                            n=PRIOR_DRAWS, reference=EXPECTED_GAP_SHARE, better="lower"),
                Measurement(name="Aggregate posterior to prior, sliced Wasserstein, VAE",
                            value=to_prior.value, interval=to_prior.interval, n=to_prior.n,
                            reference=to_prior.reference, better="lower",
                            note="reference: two sets from the prior"),
                Measurement(name="Aggregate posterior to prior, sliced Wasserstein, AE",
                            value=ae_to_prior.value, interval=ae_to_prior.interval,
                            n=ae_to_prior.n, reference=ae_to_prior.reference, better="lower"),
                tour.frechet_distances["vae"],
                tour.frechet_distances["ae"],
            ),
            protocol=(
                "A latent is in a gap if its 5th nearest training latent is farther away than for "
                "99 % of held-out test latents, so a prior that matches the data has 1 % of its "
                "mass in gaps. The VAE's latents are drawn from its posteriors."
            ),
            explanation=(
                "Sampling from a VAE needs no fitted density: draw random numbers and decode "
                "them. The first number in the table shows how far the gaps really close. The "
                "price is blur, since each latent must serve all images whose Gaussians cover it."
            ),
            figures=_from_the_prior(tour, eps),
        )  # fmt: skip


def _from_the_prior(tour: TourContext, eps: LatentSet) -> tuple[Figure, ...]:
    curves = {name: probe.curve() for name, probe in tour.realism_probes.items()}
    return (
        Figure(
            caption="Share of realistic images by the distance of their latents to the data: AE "
            "and VAE.",
            alt="Two curves; the VAE has few latents far from the data.",
            content=realism_chart(curves),
        ),
        Figure(
            caption="Latents from N(0, I), decoded by the VAE.",
            alt="Thirty samples of the VAE.",
            content=charts.image_grid(tour.samples["vae"][:SHOWN], COLUMNS),
        ),
        Figure(
            caption="The same latents, decoded by the autoencoder: they are far from its data.",
            alt="Thirty shapes that are not digits.",
            content=charts.image_grid(tour.decode("ae", eps[:SHOWN]), COLUMNS),
        ),
    )
