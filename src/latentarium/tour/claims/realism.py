"""The conditional GAN's samples are as realistic as the GAN's."""

import re
import textwrap
from typing import ClassVar

from latentarium import charts
from latentarium.data.dataset import to_float
from latentarium.metrics.fidelity import density_coverage
from latentarium.registry import register
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim
from latentarium.tour.context import SAMPLER_TITLES, TourContext
from latentarium.tour.figures import COLUMNS
from latentarium.tour.results import ClaimResult, Condition, Figure

MAX_IMAGES = 5000
"""Largest number of images for density and coverage."""
SHOWN = 6 * COLUMNS


@register("claim", "realism")
class Realism(Claim):
    """Fréchet distance, density and coverage of the CGAN's samples, compared with the GAN's."""

    systems: ClassVar[tuple[str, ...]] = ("ae", "vae", "vae_flow", "gan", "cgan")
    order: ClassVar[float] = 110
    seconds: ClassVar[float] = 10
    group: ClassVar[str] = "samples"

    def measure(self, tour: TourContext) -> ClaimResult:
        half = min(MAX_IMAGES, tour.n)
        real = tour.test_features[:half]
        by_sampler = {
            name: density_coverage(real, tour.features[name][:half]) for name in SAMPLER_TITLES
        }
        reference = density_coverage(real, tour.test_features[-half:])
        cgan = by_sampler["cgan"]
        return ClaimResult(
            title="The images of a CGAN are realistic, too",
            statement=(
                "Showing the requested digit is not enough: the CGAN's images are as close to "
                "real ones as those of a GAN, which is free to choose the digit."
            ),
            conditions=(
                Condition(
                    number=tour.frechet_distances["cgan"],
                    relation="<=", threshold=tour.frechet_distances["gan"].value,
                ),
                Condition(
                    number=Measurement(
                        name="Coverage: real images with a CGAN image nearby", unit="share",
                        value=cgan.coverage, interval=cgan.coverage_interval, n=half,
                        extractor=tour.classifier.name, reference=reference.coverage,
                    ),
                    relation=">=", threshold=0.70,
                ),
            ),
            evidence=(
                *(tour.frechet_distances[name] for name in SAMPLER_TITLES),
                *(
                    Measurement(name=f"Density, {SAMPLER_TITLES[name]}", value=value.density,
                                n=half, reference=reference.density, better="higher")
                    for name, value in by_sampler.items()
                ),
                *(
                    Measurement(name=f"Coverage, {SAMPLER_TITLES[name]}", value=value.coverage,
                                n=half, unit="share", interval=value.coverage_interval,
                                reference=reference.coverage, better="higher")
                    for name, value in by_sampler.items()
                ),
            ),
            protocol=(
                f"Fréchet distance of {tour.n:,} samples to the 10,000 test images on the "
                f"classifier's {tour.test_features.shape[1]} features; interval by bootstrap; "
                f"density and coverage (Naeem et al., 2020) with k = 5, n = {half:,}. This is not "
                "FID, which needs Inception's features."
            ),
            explanation=(
                "A smaller distance is better. The reference is the distance of training images "
                "to the test images. No model of the training images can be expected to be below "
                "it."
            ),
            figures=_distances_and_samples(tour),
        )  # fmt: skip


def _distances_and_samples(tour: TourContext) -> tuple[Figure, ...]:
    distances = {name: tour.frechet_distances[name] for name in SAMPLER_TITLES}
    return (
        Figure(
            caption="Fréchet distance to real test images (smaller is better). The reference, "
            f"real images against real images, is {distances['gan'].reference:.1f}.",
            alt="Bars; GAN and CGAN are the lowest.",
            content=charts.bar_chart(
                [textwrap.fill(SAMPLER_TITLES[name], 8) for name in distances],
                [number.value for number in distances.values()],
                [charts.SYSTEM_COLOURS[re.split("[_@]", name)[0]] for name in distances],
                "Fréchet distance",
                intervals=[number.interval for number in distances.values()],
                show="{:.1f}",
            ),
        ),
        Figure(
            caption="Real test images.",
            alt="Sixty real digits.",
            content=charts.image_grid(to_float(tour.data.test.images[:SHOWN]), COLUMNS),
        ),
        Figure(
            caption="CGAN.",
            alt="Sixty generated digits.",
            content=charts.image_grid(tour.samples["cgan"][:SHOWN], COLUMNS),
        ),
    )  # fmt: skip
