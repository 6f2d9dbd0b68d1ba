"""The autoencoder's latent space has gaps: images decoded far from the data are not realistic."""

from typing import ClassVar

import torch

from latentarium import charts
from latentarium.registry import register
from latentarium.rng import Noise
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim
from latentarium.tour.context import TourContext
from latentarium.tour.figures import COLUMNS, realism_chart
from latentarium.tour.realism_probe import NEAR
from latentarium.tour.results import ClaimResult, Condition, Figure

SHOWN = 3 * COLUMNS
"""Images of each figure."""
SHOWN_BEYOND = 1.5
"""Distance to the data beyond which the images from gaps are chosen."""


@register("claim", "ae-gaps")
class AutoencoderHasGaps(Claim):
    """Realism drops with the distance to the data, and a single Gaussian puts mass in gaps."""

    systems: ClassVar[tuple[str, ...]] = ("ae", "vae", "gan", "cgan")
    order: ClassVar[float] = 30
    seconds: ClassVar[float] = 20
    group: ClassVar[str] = "samples"

    def measure(self, tour: TourContext) -> ClaimResult:
        probe = tour.realism_probes["ae"]
        gaussian, mixture = tour.frechet_distances["ae"], tour.frechet_distances["ae_mixture"]
        return ClaimResult(
            title="The latent space has gaps, and images decoded from gaps are not realistic",
            statement=(
                "An autoencoder can generate, but its training doesn't control what the decoder "
                "does between the latents of the data: the farther from the data, the less the "
                "decoded image looks like a digit."
            ),
            conditions=(
                Condition(
                    number=Measurement(
                        name="Share of realistic images, near the data minus far from the data",
                        value=probe.drop(probe.realistic),
                        interval=probe.drop_interval(probe.realistic), conservative=True,
                        unit="share", n=len(probe.z), better="lower",
                    ),
                    relation=">=", threshold=0.2,
                ),
                Condition(
                    number=Measurement(
                        name="Fréchet distance of samples from one fitted Gaussian divided by "
                        "that of samples from a fitted mixture",
                        value=gaussian.value / mixture.value, unit="times", n=tour.n,
                        extractor=gaussian.extractor, better="neither",
                    ),
                    relation=">=", threshold=1.5,
                ),
            ),
            evidence=(
                Measurement(name="Share of images with a classifier confidence above 0.9, near "
                            "minus far", unit="share", value=probe.drop(probe.confident),
                            n=len(probe.z), better="lower",
                            note="a classifier is overconfident far from its training data"),
                gaussian, mixture, tour.frechet_distances["vae"],
            ),
            protocol=(
                "Latents on straight lines through two test latents, between them and beyond the "
                "second. Distance: to the 5th nearest training latent, divided by the 99th "
                "percentile of this distance for held-out latents. A decoded image counts as "
                "realistic if it is at least as close to some real test image as that image's 3rd "
                "nearest real neighbour, in the classifier's features (improved precision, "
                "Kynkäänniemi et al., 2019). Near: up to 0.6; far: above 1.25."
            ),
            explanation=(
                "One Gaussian fitted to all latents also puts mass in the gaps, so many of its "
                "samples come from gaps. A mixture that follows the data avoids most gaps."
            ),
            figures=_near_and_far(tour),
        )  # fmt: skip


def _near_and_far(tour: TourContext) -> tuple[Figure, ...]:
    probe = tour.realism_probes["ae"]
    order = torch.randperm(len(probe.z), generator=Noise("shown", tour.seed).generator)
    near = order[(probe.distance <= NEAR)[order]][:SHOWN]
    far = order[(probe.distance > SHOWN_BEYOND)[order]][:SHOWN]
    return (
        Figure(
            caption="Share of realistic images by the distance of their latents to the data (1: "
            "the 99th percentile of held-out data).",
            alt="A falling curve.",
            content=realism_chart({"ae": probe.curve()}),
        ),
        Figure(
            caption="Decoded near the data.",
            alt="Thirty clear digits.",
            content=charts.image_grid(tour.decode("ae", probe.z[near]), COLUMNS),
        ),
        Figure(
            caption="Decoded from gaps.",
            alt="Thirty shapes that are not digits.",
            content=charts.image_grid(tour.decode("ae", probe.z[far]), COLUMNS),
        ),
        Figure(
            caption="Samples from one Gaussian fitted to all latents.",
            alt="Thirty samples, many of them not digits.",
            content=charts.image_grid(tour.samples["ae"][:SHOWN], COLUMNS),
        ),
        Figure(
            caption="Samples from a mixture of 50 Gaussians fitted to the latents.",
            alt="Thirty samples, most of them digits.",
            content=charts.image_grid(tour.samples["ae_mixture"][:SHOWN], COLUMNS),
        ),
    )
